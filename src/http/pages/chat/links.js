// Finds the web addresses in what people write.

/** Nothing that hides where it leads: no quotes, no spaces, nothing that turns the direction of writing. */
const ADDRESS = /(?<![a-z0-9+.-])https?:\/\/[^\s<>"\p{Bidi_Control}]+/giu;
/** Marks that end a sentence rather than an address. */
const MARKS = ".,;:!?'…’”»。，、！？；：";
const BRACKETS = new Map([[")", "("], ["]", "["], ["}", "{"], ["）", "（"], ["」", "「"], ["】", "【"]]);
const OPENING = new Set(BRACKETS.values());

/** Cuts a text into pieces of { text, address }: an address is a whole http or https URL as it was written, or null. */
function pieces(text) {
  const found = [];
  let end = 0;
  for (const { 0: match, index } of text.matchAll(ADDRESS)) {
    const address = withoutSentence(match);
    if (!URL.canParse(address)) continue;
    found.push({ text: text.slice(end, index), address: null }, { text: address, address });
    end = index + address.length;
  }
  found.push({ text: text.slice(end), address: null });
  return found.filter(({ text }) => text);
}

/** An address ends before the bracket that was opened before it, and before the marks of its sentence. */
function withoutSentence(address) {
  const open = [];
  let end = 0;
  for (const sign of address) {
    if (BRACKETS.has(sign) && open.pop() !== BRACKETS.get(sign)) break;
    if (OPENING.has(sign)) open.push(sign);
    end += sign.length;
  }
  while (MARKS.includes(address[end - 1])) end--;
  return address.slice(0, end);
}

/** Sets an element's text, with links where there are addresses. What has not changed is not touched. */
export function sayLinked(element, text) {
  if (element.textContent === text) return;
  element.replaceChildren(...pieces(text).map(({ text, address }) => {
    if (!address) return text;
    const link = Object.assign(document.createElement("a"), { href: address, textContent: text });
    // The Tab key stops at it with its message.
    return Object.assign(link, { target: "_blank", rel: "noopener noreferrer nofollow", tabIndex: -1 });
  }));
}
