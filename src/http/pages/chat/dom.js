// Small helpers for the page's elements. Text is always set as text: nothing that a person wrote becomes markup.

export const $ = (selector, within = document) => within.querySelector(selector);

/** Sets an element's text; an element without text is hidden. What has not changed is not touched, so that selected text stays so. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
  element.hidden = !text;
}

/** Makes a list's elements show the items, one each: made from a template, kept by key, moved only when they must be. */
export function each(list, items, template, key, show) {
  const focused = document.activeElement;
  const known = new Map([...list.children].map((element) => [element.dataset.key, element]));
  items.forEach((item, index) => {
    const element = known.get(key(item)) ?? template.content.firstElementChild.cloneNode(true);
    known.delete(key(item));
    element.dataset.key = key(item);
    if (list.children[index] !== element) list.insertBefore(element, list.children[index] ?? null);
    show(element, item, items[index - 1]);
  });
  while (list.children.length > items.length) list.lastElementChild.remove();
  if (list.contains(focused)) focused.focus({ preventScroll: true });
}

/** Shows someone's picture, or initials where there is none. */
export function showAvatar(element, name, picture, online) {
  element.classList.toggle("is-online", Boolean(online));
  const face = `${name} ${picture}`;
  if (element.dataset.face === face) return;
  element.dataset.face = face;
  element.textContent = name.split(/\s+/, 2).map(([first]) => first ?? "").join("").toUpperCase();
  element.style.setProperty("--hue", [...name].reduce((hue, letter) => (hue * 31 + letter.codePointAt(0)) % 360, 7));
  if (!picture) return;
  const image = Object.assign(new Image(), { alt: "", referrerPolicy: "no-referrer" });
  image.addEventListener("error", () => image.remove());
  image.src = picture;
  element.append(image);
}

const time = new Intl.DateTimeFormat(undefined, { hour: "numeric", minute: "2-digit" });
const date = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });

export const timeOf = (instant) => time.format(new Date(instant));

/** "Today" or the date. */
export function dayOf(instant) {
  const day = date.format(new Date(instant));
  return day === date.format(new Date()) ? "Today" : day;
}

/** The time today, the date before. */
export function shortly(instant) {
  const day = dayOf(instant);
  return day === "Today" ? timeOf(instant) : day;
}
