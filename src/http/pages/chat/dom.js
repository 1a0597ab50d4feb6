// Small helpers for the page's elements. Text is always set as text: nothing that a person wrote becomes markup.

export const $ = (selector, within = document) => within.querySelector(selector);

/** Sets an element's text; an element without text is hidden. What has not changed is not touched, so that selected text stays so. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
  // What a screen reader is to announce must come in a place that it knows already.
  element.hidden = !text && element.role !== "status";
}

/** Makes a list's elements show the items, one each: made from a template, kept by key, moved only when they must be. */
export function each(list, items, template, key, show) {
  const focused = document.activeElement;
  const keys = items.map(key);
  const wanted = new Set(keys);
  const known = new Map();
  for (const element of [...list.children]) {
    if (wanted.has(element.dataset.key)) known.set(element.dataset.key, element);
    else element.remove();
  }
  let next = list.firstElementChild;
  items.forEach((item, index) => {
    const element = known.get(keys[index]) ?? template.content.firstElementChild.cloneNode(true);
    if (!known.has(keys[index])) element.dataset.key = keys[index];
    if (element === next) next = next.nextElementSibling;
    else list.insertBefore(element, next);
    show(element, item, items[index - 1]);
  });
  if (list.contains(focused)) focused.focus({ preventScroll: true });
}

/** Names somebody, and what tells them from others of the same name stands with it. */
export function sayName(element, name, handle) {
  const text = handle ? `${name} ${handle}` : name;
  if (element.textContent !== text) {
    // A name may be written from right to left, and be too long for its place. The handle must not suffer from it.
    element.replaceChildren(part("bdi", name), ...(handle ? [" ", part("span", handle, "handle")] : []));
  }
  element.hidden = !text;
}

/** Sets what somebody has written behind what the page says of it, if it does. Either may be from right to left. */
export function sayWritten(element, about, text) {
  if (element.textContent !== (about ? `${about} ${text}` : text)) {
    element.replaceChildren(...(about ? [part("span", about, "about"), " "] : []), part("bdi", text));
  }
  element.hidden = !text;
}

function part(name, textContent, className = "") {
  return Object.assign(document.createElement(name), { textContent, className });
}

const time = new Intl.DateTimeFormat(undefined, { hour: "numeric", minute: "2-digit" });
const date = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });

export const timeOf = (instant) => time.format(new Date(instant));

/** "Today" or the date. */
export function dayOf(instant) {
  const day = date.format(new Date(instant));
  return day === date.format(new Date()) ? "Today" : day;
}

/** A moment within a sentence. */
export function when(instant) {
  const day = dayOf(instant);
  return `${day === "Today" ? "today" : day} at ${timeOf(instant)}`;
}

/** The time today, the date before. */
export function shortly(instant) {
  const day = dayOf(instant);
  return day === "Today" ? timeOf(instant) : day;
}
