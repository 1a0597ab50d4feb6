// The same document in another spelling, and tokens for those who want to break it.

import { Lexer, parse, print, Source, TokenKind } from "graphql";

const IGNORED = [
  "",
  "",
  "",
  " ",
  "\n",
  "\r\n",
  "\r",
  "\t",
  ",",
  " , ,",
  "\uFEFF",
  "#\n",
  '# a comment, déjà vu """ {\n',
  "\n\n  ",
];

/** The texts of a document's tokens. */
export function tokens(query) {
  const lexer = new Lexer(new Source(query));
  const texts = [];
  while (lexer.advance().kind !== TokenKind.EOF) texts.push(query.slice(lexer.token.start, lexer.token.end));
  return texts;
}

/** The same with what stands before each; together they are the document. */
export function pieces(query) {
  const lexer = new Lexer(new Source(query));
  const texts = [];
  let start = 0;
  while (lexer.advance().kind !== TokenKind.EOF) {
    texts.push(query.slice(start, lexer.token.end));
    start = lexer.token.end;
  }
  return texts;
}

/** Puts tokens together again, with something odd between them where `random` is given. */
export function joined(texts, random) {
  let text = "";
  for (const next of texts) {
    const between = random?.pick(IGNORED) ?? " ";
    text += between === "" && touches(text, next) ? " " : between;
    text += next;
  }
  return text + (random?.pick(IGNORED) ?? "");
}

/** Whether two tokens side by side would read as other tokens. */
function touches(text, next) {
  const last = text.at(-1) ?? "";
  return (/[\w"]/.test(last) && /[\w".-]/.test(next[0])) || (last === "." && next[0] === ".");
}

/** The document with white space, comments and strings written differently. */
export function respelled(query, random) {
  const style = random.below(4);
  if (style === 0) return query;
  if (style === 1) return print(parse(query));
  // To graphql-js a block is not the same argument as the string that it says.
  const strings = new Map();
  const texts = tokens(query).map((text) => {
    if (!text.startsWith('"')) return text;
    if (!strings.has(text)) strings.set(text, string(text, random));
    return strings.get(text);
  });
  return joined(texts, style === 2 ? random : undefined);
}

/** Another way to write a string, as a block where that says the same. */
function string(text, random) {
  const { value } = new Lexer(new Source(text)).advance();
  const block = `"""${random.pick(["", "\n", "\n  "])}${value.replaceAll('"""', '\\"""')}${random.pick(["", "\n"])}"""`;
  if (random.chance(0.5) && says(block, value)) return block;
  const units = Array.from(value, (character) => {
    const code = character.codePointAt(0);
    if (random.chance(0.8)) return JSON.stringify(character).slice(1, -1);
    if (random.chance(0.3)) return `\\u{${code.toString(16)}}`;
    return character
      .split("")
      .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)
      .join("");
  });
  return `"${units.join("")}"`;
}

function says(text, value) {
  try {
    const lexer = new Lexer(new Source(text));
    return lexer.advance().value === value && lexer.advance().kind === TokenKind.EOF;
  } catch {
    return false;
  }
}
