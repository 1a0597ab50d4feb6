// Where the Tab key stops among the messages: at what one message holds, not at what thousands do. The arrow keys go
// from one to the next.

import { $ } from "./dom.js";

const list = $("#messages");

/** The message that has the stops; the newest, when none was chosen. */
let chosen = null;
let current = null;

list.addEventListener("focusin", ({ target }) => choose(target.closest("#messages > li")));
list.addEventListener("keydown", (event) => {
  const step = { ArrowDown: "nextElementSibling", ArrowUp: "previousElementSibling" }[event.key];
  if (!step || event.defaultPrevented) return;
  const next = event.target.closest("#messages > li")[step];
  if (!next) return;
  event.preventDefault();
  choose(next);
  next.focus();
  next.scrollIntoView({ block: "nearest" });
});

function choose(message) {
  chosen = message;
  showStops();
}

/** Gives the stops to one message. */
export function showStops() {
  if (!chosen?.isConnected) chosen = null;
  const next = chosen ?? list.lastElementChild;
  if (current !== next) set(current, -1);
  current = next;
  set(current, 0);
}

function set(message, tabIndex) {
  if (!message) return;
  message.tabIndex = tabIndex;
  for (const button of message.querySelectorAll("button")) button.tabIndex = tabIndex;
}
