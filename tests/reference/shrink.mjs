import { pieces } from "./text.mjs";

const CLOSING = { "{": "}", "(": ")", "[": "]" };

/** The request with all left out of its document that does not matter to `holds`. */
export async function shrunk(request, holds) {
  let texts;
  try {
    texts = pieces(request.query);
  } catch {
    return request;
  }
  const make = (some) => ({ ...request, query: some.join("") });
  const attempt = async (fewer) => {
    for (const some of [tidied(fewer), fewer]) {
      if (!(await holds(make(some)))) continue;
      texts = some;
      return true;
    }
    return false;
  };
  let before;
  do {
    before = texts.length;
    for (let start = 0; start < texts.length;) {
      let shorter = false;
      for (const length of lengths(texts, start)) {
        shorter ||= await attempt(texts.toSpliced(start, length));
      }
      const end = closing(texts, start);
      shorter ||= end > 0 && (await attempt(texts.toSpliced(end, 1).toSpliced(start, 1)));
      if (!shorter) start += 1;
    }
  } while (texts.length < before);
  for (let index = 0; index < texts.length; index++) {
    await attempt(texts.with(index, " " + texts[index].trim()));
  }
  const small = make(texts);
  const named = Object.entries(small.variables ?? {}).filter(([name]) => new RegExp(`\\b${name}\\b`).test(small.query));
  const bare = { ...small, variables: Object.fromEntries(named) };
  return (await holds(bare)) ? bare : small;
}

/** Without the definitions of variables and fragments that nothing uses any more. */
function tidied(texts) {
  const bare = texts.map((text) => text.match(/[\w$.(){]+$/)?.[0]);
  const uses = (before, name) => bare.filter((text, index) => text === name && bare[index - 1] === before).length;
  for (let start = 0; start < texts.length; start++) {
    const [first, name, , third] = bare.slice(start, start + 4);
    let end = start;
    if (first === "$" && texts[start + 2]?.endsWith(":") && uses("$", name) === 1) {
      end = bare.findIndex((text, index) => index > start && (text === "$" || text === ")"));
    } else if (first === "(" && name === ")") {
      end = start + 2;
    } else if (first === "fragment" && third && uses("...", name) === 0) {
      end = closing(texts, bare.indexOf("{", start)) + 1;
    }
    if (end > start) return tidied(texts.toSpliced(start, end - start));
  }
  return texts;
}

/** How much it may be worth to leave out from here on: up to the end of a group, or a few tokens. */
function lengths(texts, start) {
  const groups = [4, 3, 2, 1, 0].map((ahead) => closing(texts, start + ahead)).filter((end) => end > 0);
  return [...groups.map((end) => end + 1 - start).sort((one, other) => other - one), 4, 3, 2, 1].filter(
    (length) => start + length <= texts.length,
  );
}

/** Where the group ends that begins at that place, or 0. */
function closing(texts, start) {
  const open = texts[start]?.trim().at(-1);
  if (!(open in CLOSING)) return 0;
  let depth = 0;
  for (let index = start; index < texts.length; index++) {
    const last = texts[index].at(-1);
    depth += last === open ? 1 : last === CLOSING[open] ? -1 : 0;
    if (depth === 0) return index;
  }
  return 0;
}
