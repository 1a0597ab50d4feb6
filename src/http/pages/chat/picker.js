// The dialog to pick people: for a new group, or for one that is there.

import { showAvatar } from "./avatar.js";
import { openDialog } from "./dialog.js";
import * as documents from "./documents.js";
import { $, each, say, sayName } from "./dom.js";
import { onPause, onSubmit } from "./form.js";
import { changed, handleOf, know, nameOf, state } from "./state.js";
import { after, ask } from "./sync.js";

/** So many are found at once who may be picked, as long as it takes no more than so many pages. */
const ENOUGH = 20;
const MOST_PAGES = 10;

/** Opens it: `heading` and `action` are what it says, `titled` whether a title is wanted, `without` the ids of those
 * who are not to be picked, and `pick({ title, userIds })` does it. */
export function openPicker({ heading, action, titled = false, without = new Map(), pick }) {
  const picked = new Set();
  let found = [];
  /** Where the next page of people begins. */
  let next = null;
  let answered = false;
  const dialog = openDialog("picker", (dialog) => {
    say($("h2", dialog), heading);
    say($("[type=submit]", dialog), action);
    $(".titled", dialog).hidden = $("[name=title]", dialog).disabled = !titled;
    // Who is picked stays in sight, whatever is searched for then.
    const ids = [...[...picked].filter((id) => !found.includes(id)), ...found].filter((id) => !without.has(id));
    each($(".people", dialog), ids, $("#pick"), (id) => id, (row, id) => {
      const person = state.people.get(id);
      showAvatar($(".avatar", row), person.displayName, person.avatarUrl);
      sayName($(".name", row), person.displayName, handleOf(person));
      $("input", row).checked = picked.has(id);
    });
    const nobody = $("[name=search]", dialog).value.trim() ? "Nobody else is called that." : "Nobody else is here.";
    const hint = ids.length ? "Nobody is picked yet." : answered && !next ? nobody : "";
    $(".more", dialog).hidden = !next;
    say($(".picked", dialog), picked.size ? `Picked: ${[...picked].map(nameOf).join(", ")}` : hint);
  });
  const form = $("form", dialog);
  const { title, search } = form.elements;

  /** Finds the first people, or more of them. */
  const find = async (before = [], from = null) => {
    const text = search.value.trim();
    const ids = [];
    let end = from;
    for (let page = 1; page === 1 || end && page <= MOST_PAGES && ids.length < ENOUGH; page++) {
      const { sidebarUsers } = await ask(documents.PICK, { search: text || null, after: end });
      if (text !== search.value.trim()) return;
      ids.push(...sidebarUsers.nodes.map((user) => know(user).id).filter((id) => !without.has(id)));
      end = after(sidebarUsers);
    }
    found = [...before, ...ids];
    next = end;
    answered = true;
    changed();
  };
  onPause(search, () => find());
  $(".more", dialog).addEventListener("click", () => find(found, next).catch(() => {}));
  // Enter there is for searching.
  search.addEventListener("keydown", (event) => event.key === "Enter" && event.preventDefault());
  $(".people", dialog).addEventListener("change", ({ target }) => {
    const { key } = target.closest("li").dataset;
    if (target.checked) picked.add(key);
    else picked.delete(key);
    changed();
  });
  onSubmit(form, async () => {
    await pick({ title: title.value, userIds: [...picked] });
    dialog.close();
  });
  find().catch(() => {});
}
