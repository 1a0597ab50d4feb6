// The viewer's own account: profile, password, sessions, whom they have blocked, and its end.

import { isAllowed, showAvatar } from "./avatar.js";
import { confirmed, openDialog } from "./dialog.js";
import * as documents from "./documents.js";
import { $, each, say, sayName, when } from "./dom.js";
import { attempt, onSubmit } from "./form.js";
import { unblock } from "./groups.js";
import { changed, handleOf, know, state } from "./state.js";
import { ask, changePassword, deleteAccount, tellTabs } from "./sync.js";

$("#account-open").addEventListener("click", openAccount);

function openAccount() {
  let sessions = [];
  const dialog = openDialog("account", (dialog) => {
    say($(".username", dialog), `@${state.me.username}`);
    each($(".sessions", dialog), sessions, $("#session"), ({ id }) => id, showSession);
    each($(".blocked", dialog), [...state.blocked], $("#blocked"), (id) => id, (row, id) => {
      const person = state.people.get(id);
      showAvatar($(".avatar", row), person.displayName, person.avatarUrl);
      sayName($(".name", row), person.displayName, handleOf(person));
      $("button", row).setAttribute("aria-label", `Unblock ${person.displayName}`);
    });
    say($(".nobody", dialog), state.blocked.size ? "" : "You have blocked nobody.");
  });

  const loadSessions = async () => {
    ({ sessions } = await ask(documents.SESSIONS));
    changed();
  };
  const [profile, password, end] = ["profile", "password", "end"].map((name) => $(`form.${name}`, dialog));
  const problem = $(".problem", dialog);

  profile.elements.displayName.value = state.me.displayName;
  profile.elements.avatarUrl.value = state.me.avatarUrl ?? "";
  onSubmit(profile, async () => {
    const { displayName, avatarUrl } = profile.elements;
    say($(".done", profile), "");
    const input = { displayName: displayName.value, avatarUrl: avatarUrl.value.trim() || null };
    know((await ask(documents.UPDATE_PROFILE, { input })).updateProfile);
    tellTabs();
    const unseen = input.avatarUrl && !isAllowed(input.avatarUrl);
    say($(".done", profile), unseen ? "Saved. But this page shows no pictures from there." : "Saved.");
    changed();
  });
  onSubmit(password, async () => {
    const { currentPassword, newPassword } = password.elements;
    say($(".done", password), "");
    await changePassword({ currentPassword: currentPassword.value, newPassword: newPassword.value });
    password.reset();
    say($(".done", password), "Changed. All other sessions have ended.");
    await loadSessions();
  });
  onSubmit(end, async () => {
    const wanted = await confirmed("Delete your account for good?", "Delete account");
    if (wanted) await deleteAccount(end.elements.password.value);
  });
  $(".sessions", dialog).addEventListener("click", ({ target }) => {
    if (!target.matches("button")) return;
    const { key } = target.closest("li").dataset;
    attempt(problem, async () => {
      await ask(documents.REVOKE_SESSION, { id: key });
      await loadSessions();
    });
  });
  $(".blocked", dialog).addEventListener("click", ({ target }) => {
    if (target.matches("button")) attempt(problem, () => unblock(target.closest("li").dataset.key));
  });
  attempt(problem, loadSessions);
}

function showSession(row, { device, createdAt, lastUsedAt, current }) {
  const used = `Logged in ${when(createdAt)}, last used ${when(lastUsedAt)}`;
  say($(".device", row), nameOfDevice(device));
  $(".device", row).title = device ?? "";
  say($(".used", row), used);
  say($(".current", row), current ? "This session" : "");
  $("button", row).hidden = current;
  $("button", row).setAttribute("aria-label", `End ${nameOfDevice(device)}: ${used}`);
}

/** What programs and systems are called in user agents, and by people. The first that is found counts. */
const PROGRAMS = { "Edg/": "Edge", "OPR/": "Opera", "Firefox/": "Firefox", "Chrome/": "Chrome", "Safari/": "Safari" };
const SYSTEMS = {
  Android: "Android", iPhone: "an iPhone", iPad: "an iPad", Windows: "Windows", "Mac OS": "a Mac", Linux: "Linux",
};

/** A user agent in a few words. */
function nameOfDevice(userAgent) {
  const [program, system] = [PROGRAMS, SYSTEMS].map((names) => (
    Object.entries(names).find(([part]) => userAgent?.includes(part))?.[1]
  ));
  return program && system ? `${program} on ${system}` : program ?? userAgent ?? "Unknown device";
}
