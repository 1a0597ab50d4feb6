// How far the open chat is read: where its history stands, and what of it is in sight.

import { loadEarlier, see } from "./actions.js";
import { $ } from "./dom.js";
import { keyOf } from "./message.js";
import { changed, events, seenUpTo, state } from "./state.js";

const scroller = $("#history");
const list = $("#messages");

/** How much of what was read stays in sight above the first message that was not, in pixels. */
const READ_ABOVE = 60;

/** Whether the newest message is in sight, and is to stay so. */
let atEnd = true;
/** Otherwise the first bubble in sight stays where it is: so far below the upper edge. */
let anchor = null;
let place = 0;
/** How large the history was when that was last seen to. */
let size = "";
/** Whether the history has found its first place. */
let placed = false;

scroller.addEventListener("scroll", () => {
  // Where it stands just after a change of its size is no choice of the viewer's.
  if (size === sizeNow()) measure();
  saw();
});
new ResizeObserver(() => {
  size = sizeNow();
  if (state.open) stay();
  saw();
}).observe(scroller);
document.addEventListener("visibilitychange", saw);
addEventListener("focus", saw);
$("#newest").addEventListener("click", () => { toEnd(); $("#body").focus(); });

/** The button loads what came before; whoever scrolls up to it need not press it. */
const scrolledBack = new IntersectionObserver(([{ isIntersecting }]) => isIntersecting && earlier(), { root: scroller });
$("#earlier").addEventListener("click", earlier);

function earlier() {
  if (state.open?.messages.length) loadEarlier(state.open).catch(() => {});
}

/** Another chat is on the page. */
export function turnPage() {
  placed = false;
}

/** Lets messages be shown, and keeps the place of what is read, whatever comes in or changes above it. */
export function keepPlace(showMessages) {
  const oldest = list.firstElementChild;
  if (size === sizeNow()) mark();
  showMessages();
  const more = oldest !== list.firstElementChild;
  stay();
  placed = state.open.earlier !== undefined;
  if (more) {
    // Watched anew, it tells again where the button is: still in sight when what was loaded does not fill the page.
    scrolledBack.disconnect();
    scrolledBack.observe($("#earlier"));
  }
  saw();
}

/** Brings back into place what was there. */
function stay() {
  if (atEnd || !placed) follow();
  else if (anchor?.isConnected) scroller.scrollTop += below(anchor) - place;
}

/** The message that the viewer wanted to see has been loaded. */
events.addEventListener("reached", ({ detail: { id } }) => {
  const message = state.open.messages.find((message) => message.id === id);
  const element = [...list.children].find(({ dataset }) => message && dataset.key === keyOf(message));
  if (!element) {
    state.open.problem = "This message is too far back to be shown.";
    return changed();
  }
  element.scrollIntoView({ block: "center" });
  // Runs its animation once more.
  element.classList.remove("reached");
  void element.offsetWidth;
  element.classList.add("reached");
  element.focus({ preventScroll: true });
  measure();
  saw();
});

/** Shows the newest message. */
export function toEnd() {
  scroller.scrollTop = scroller.scrollHeight;
  measure();
  saw();
}

/** Shows the newest message, but passes none that was not seen. */
function follow() {
  const { messages } = state.open;
  const seen = seenUpTo(state.open);
  const first = list.children[messages.findIndex(({ seq, sender }) => seq > seen && sender.id !== state.me.id)];
  scroller.scrollTop = scroller.scrollHeight;
  const above = first && below(first);
  if (above < READ_ABOVE) scroller.scrollTop += above - READ_ABOVE;
  measure();
}

function measure() {
  atEnd = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < 40;
  mark();
}

/** Notes what is read, and where it stands. */
function mark() {
  const edge = scroller.getBoundingClientRect().top;
  anchor = list.children[firstBelow(list.children.length, edge)]?.querySelector(".bubble");
  place = anchor && below(anchor);
}

/** How far below the history's upper edge something begins. */
function below(element) {
  return element.getBoundingClientRect().top - scroller.getBoundingClientRect().top;
}

function sizeNow() {
  return `${scroller.clientWidth} × ${scroller.clientHeight}`;
}

/** What is in sight is read, when somebody is looking. */
function saw() {
  const chat = state.open;
  if (chat?.messages.length && placed && !document.hidden && document.hasFocus()) see(chat, newestInSight(chat));
  $("#newest").hidden = !chat || atEnd || !(chat.messages.at(-1)?.seq > seenUpTo(chat));
}

/** The seq of the newest message whose end is in sight or above, or 0. */
function newestInSight({ messages }) {
  const edge = scroller.getBoundingClientRect().bottom;
  return messages[firstBelow(messages.length, edge) - 1]?.seq ?? 0;
}

/** Which of the first so many messages is the first that ends below an edge. */
function firstBelow(count, edge) {
  // They stand below each other, so that each look settles half of those in question.
  let [above, below] = [-1, count];
  while (below - above > 1) {
    const middle = (above + below) >> 1;
    if (list.children[middle].getBoundingClientRect().bottom <= edge) above = middle;
    else below = middle;
  }
  return below;
}
