// Where the Tab key stops in lists: among the messages at what one of them holds, not at what thousands do; elsewhere
// at one element. The arrow keys go from one to the next. And where the focus goes when what had it is gone.

import { $ } from "./dom.js";
import { state } from "./state.js";

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
  for (const part of message.querySelectorAll("button, a")) part.tabIndex = tabIndex;
}

/** Whether nothing within a place has the focus any more. The browser notices late that something is hidden. */
export function isFocusLost(place) {
  const { activeElement } = document;
  return activeElement === document.body || !place.contains(activeElement) || !activeElement.checkVisibility();
}

/** A phone shows one pane at a time, and its keyboard would cover it. */
export function isNarrow() {
  return matchMedia("(width < 45rem)").matches;
}

/** Puts the focus where one goes on. */
export function goOn() {
  const list = isNarrow() ? $("#lists a") ?? $("#account-open") : $("#search");
  (state.open ? $("#title") : list).focus();
}
