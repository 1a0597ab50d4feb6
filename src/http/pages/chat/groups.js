// What one can know and do about the open chat: of a group its title and members, of a person whether they are blocked.

import { showAvatar } from "./avatar.js";
import { confirmed, openDialog } from "./dialog.js";
import * as documents from "./documents.js";
import { $, each, say, sayName } from "./dom.js";
import { attempt, onSubmit } from "./form.js";
import { openPicker } from "./picker.js";
import { changed, handleOf, know, learn, nameOf, owns, state } from "./state.js";
import { ask, tellTabs } from "./sync.js";

$("#new-group").addEventListener("click", () => openPicker({
  heading: "New group",
  action: "Create group",
  titled: true,
  async pick(input) {
    location.hash = learn((await ask(documents.CREATE_GROUP, { input })).createGroup).key;
  },
}));
$("#details").addEventListener("click", () => (state.open.peer ? openPerson(state.open) : openGroup(state.open)));

function openGroup(chat) {
  const conversationId = chat.id;
  const dialog = openDialog("group", (dialog) => {
    if (state.open !== chat) return dialog.close();
    sayName($("h2", dialog), chat.title);
    $("form", dialog).hidden = $(".add", dialog).hidden = !owns(chat);
    say($("h3", dialog), `Members (${chat.members.size})`);
    each($(".members", dialog), [...chat.members], $("#member"), ([id]) => id, (row, [id, role]) => {
      const { displayName, avatarUrl } = state.people.get(id);
      const own = id === state.me.id;
      showAvatar($(".avatar", row), displayName, avatarUrl, state.online.has(id));
      sayName($(".name", row), own ? "You" : displayName, own ? "" : handleOf(state.people.get(id)));
      say($(".role", row), role === "OWNER" ? "Owner" : "");
      $(".remove", row).hidden = own || !owns(chat);
      $(".remove", row).setAttribute("aria-label", `Remove ${nameOf(id)}`);
    });
  });
  const form = $("form", dialog);
  const problem = $(".problem", dialog);
  const remove = (userId) => attempt(problem, () => ask(documents.REMOVE_MEMBER, { conversationId, userId }));
  form.elements.title.value = chat.title;
  onSubmit(form, async () => {
    await ask(documents.RENAME_GROUP, { conversationId, title: form.elements.title.value });
    say($(".done", form), "Renamed.");
  });
  $(".add", dialog).addEventListener("click", () => openPicker({
    heading: `Add people to ${chat.title}`,
    action: "Add",
    without: chat.members,
    pick: ({ userIds }) => ask(documents.ADD_MEMBERS, { conversationId, userIds }),
  }));
  $(".members", dialog).addEventListener("click", async ({ target }) => {
    if (!target.matches(".remove")) return;
    const { key } = target.closest("li").dataset;
    if (await confirmed(`Remove ${nameOf(key)} from ${chat.title}?`, "Remove")) remove(key);
  });
  $(".leave", dialog).addEventListener("click", async () => {
    if (await confirmed(`Leave ${chat.title}?`, "Leave")) remove(state.me.id);
  });
}

function openPerson({ peer }) {
  const dialog = openDialog("person", (dialog) => {
    if (state.open?.peer !== peer) return dialog.close();
    const blocked = state.blocked.has(peer.id);
    showAvatar($(".avatar", dialog), peer.displayName, peer.avatarUrl, state.online.has(peer.id));
    sayName($("h2", dialog), peer.displayName);
    say($(".username", dialog), peer.username && `@${peer.username}`);
    say($(".hint", dialog), blocked
      ? "Neither of you can write to the other here, or sees the other online."
      : "After blocking, neither of you can write to the other here, or sees the other online. Nobody is told.");
    say($(".block", dialog), blocked ? "Unblock" : "Block");
    $(".block", dialog).classList.toggle("grave", !blocked);
  });
  $(".block", dialog).addEventListener("click", () => attempt($(".problem", dialog), () => (
    state.blocked.has(peer.id) ? unblock(peer.id) : block(peer.id)
  )));
}

async function block(userId) {
  const { blockUser } = await ask(documents.BLOCK_USER, { userId });
  state.blocked.add(know(blockUser).id);
  tellTabs();
  changed();
}

export async function unblock(userId) {
  const { unblockUser } = await ask(documents.UNBLOCK_USER, { userId });
  state.blocked.delete(know(unblockUser).id);
  tellTabs();
  changed();
}
