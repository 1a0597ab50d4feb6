// What can be done to a message that was sent: reacting, answering, editing, deleting.

import { confirmed, openDialog } from "./dialog.js";
import * as documents from "./documents.js";
import { $, sayWritten } from "./dom.js";
import { attempt, onSubmit, sentence } from "./form.js";
import { changed, closed, excerpt, owns, state, whose } from "./state.js";
import { stopAtOne } from "./stops.js";
import { ask } from "./sync.js";
import { reply } from "./writing.js";

const COMMON = ["👍", "❤️", "😂", "🎉", "😮", "😢", "🙏", "🔥", "👀", "✅", "👏", "🤔"];
/** How far the arrow keys go among these, which stand in rows of six. */
const STEPS = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: 6, ArrowUp: -6 };
/** Between a dialog and the window's edge, in pixels. */
const MARGIN = 8;

/** Opens what can be done to a message, beside its button. */
export function openActions(chat, id, button) {
  const find = () => chat.messages.find((message) => message.id === id);
  const dialog = openDialog("actions", (dialog) => {
    const message = find();
    if (!message || message.deletedAt || state.open !== chat) return dialog.close();
    const own = message.sender.id === state.me.id;
    if (!$(".emoji", dialog)) $(".emojis", dialog).append(...COMMON.map(choice));
    sayWritten($("h2", dialog), `${whose(message)}:`, excerpt(message));
    for (const choice of dialog.querySelectorAll(".emoji")) {
      choice.setAttribute("aria-pressed", String(hasReacted(message, choice.textContent)));
    }
    const shut = Boolean(closed(chat));
    for (const part of [".emojis", "form", ".reply"]) $(part, dialog).hidden = shut;
    $(".edit", dialog).hidden = shut || !own;
    $(".delete", dialog).hidden = !own && !owns(chat);
  });
  const problem = $("[role=alert]", dialog);
  const form = $("form", dialog);
  const react = async (emoji) => {
    if (await attempt(problem, () => toggle(find(), emoji))) dialog.close();
  };
  const choices = [...dialog.querySelectorAll(".emoji")];
  stopAtOne(choices);
  $(".emojis", dialog).addEventListener("keydown", (event) => {
    const next = choices[choices.indexOf(event.target) + STEPS[event.key]];
    if (!next) return;
    event.preventDefault();
    stopAtOne(choices, next);
    next.focus();
  });
  $(".emojis", dialog).addEventListener("click", ({ target }) => target.closest(".emoji") && react(target.textContent));
  onSubmit(form, async () => {
    await ask(documents.ADD_REACTION, { messageId: id, emoji: form.elements.emoji.value.trim() });
    dialog.close();
  });
  $(".reply", dialog).addEventListener("click", () => {
    dialog.close();
    reply(chat, find());
    $("#body").focus();
  });
  $(".edit", dialog).addEventListener("click", () => {
    dialog.close();
    openEdit(find());
  });
  $(".delete", dialog).addEventListener("click", async () => {
    dialog.close();
    if (await confirmed("Delete this message for everybody?", "Delete")) {
      inPlace(chat, () => ask(documents.DELETE_MESSAGE, { messageId: id }));
    }
  });
  beside(dialog, button);
}

function choice(emoji) {
  return Object.assign(document.createElement("button"), { type: "button", className: "emoji", textContent: emoji });
}

/** Puts a dialog next to what has opened it, as far as there is room. On a phone it has its place at the bottom. */
function beside(dialog, button) {
  const { top, bottom, left, right } = button.getBoundingClientRect();
  const { width, height } = dialog.getBoundingClientRect();
  const place = (start, end, size, room) => {
    const wanted = end + size > room - MARGIN ? start - size : end;
    return Math.max(MARGIN, Math.min(wanted, room - size - MARGIN));
  };
  dialog.style.setProperty("--x", `${place(right, left, width, innerWidth)}px`);
  dialog.style.setProperty("--y", `${place(top, bottom, height, innerHeight)}px`);
}

function openEdit({ id, body }) {
  const dialog = openDialog("edit");
  const form = $("form", dialog);
  form.elements.body.value = body;
  form.elements.body.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
  });
  onSubmit(form, async () => {
    await ask(documents.EDIT_MESSAGE, { messageId: id, body: form.elements.body.value });
    dialog.close();
  });
}

/** Puts an emoji of the viewer's under a message, or takes it away. */
export function toggleReaction(chat, id, emoji) {
  return inPlace(chat, () => toggle(chat.messages.find((message) => message.id === id), emoji));
}

function toggle(message, emoji) {
  const mutation = hasReacted(message, emoji) ? documents.REMOVE_REACTION : documents.ADD_REACTION;
  return ask(mutation, { messageId: message.id, emoji });
}

function hasReacted({ reactions }, emoji) {
  return reactions.some((reaction) => reaction.emoji === emoji && reaction.viewerReacted);
}

/** Does something in a chat, which says when it fails. */
export async function inPlace(chat, act) {
  chat.problem = "";
  await act().catch((error) => { chat.problem = sentence(error); });
  changed();
}
