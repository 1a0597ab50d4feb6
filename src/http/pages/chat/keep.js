// Keeps what people have written in this tab, under their ids: it outlives reloads and sessions, and nobody gets to see
// another's. Whoever logs out by choice leaves nothing behind, in no tab of the browser.

const tabs = new BroadcastChannel("forget");
tabs.onmessage = ({ data: person }) => drop(person);

const storageKey = (person) => `written by ${person}`;

/** What was kept for a person, or an empty object. */
export function kept(person) {
  return JSON.parse(sessionStorage.getItem(storageKey(person)) ?? "{}");
}

/** Keeps something for a person, in place of what was kept before. */
export function keep(person, written) {
  try {
    sessionStorage.setItem(storageKey(person), JSON.stringify(written));
  } catch {
    // There is no room for this much. It is on the page all the same.
  }
}

/** Forgets what was kept for a person. */
export function forget(person) {
  drop(person);
  tabs.postMessage(person);
}

function drop(person) {
  sessionStorage.removeItem(storageKey(person));
}
