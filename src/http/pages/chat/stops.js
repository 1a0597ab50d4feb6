// Where the Tab key stops in lists: among the messages at what one of them holds, not at what thousands do; elsewhere
// at one element. The arrow keys go from one to the next.

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

/** Lets the Tab key stop at one of several elements: a certain one while it is there, else the first. */
export function stopAtOne(elements, wanted) {
  const stop = elements.includes(wanted) ? wanted : elements[0];
  for (const element of elements) element.tabIndex = element === stop ? 0 : -1;
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
