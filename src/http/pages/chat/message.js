// Shows one message of the open chat.

import { goTo } from "./actions.js";
import { openActions, toggleReaction } from "./changing.js";
import { $, dayOf, each, say, sayName, timeOf } from "./dom.js";
import { sayLinked } from "./links.js";
import { DELETED, excerpt, handleOf, nameOf, state, whose } from "./state.js";

/** What each element shows, and by what. Most changes are of other messages, of which there may be thousands. */
const shown = new WeakMap();

/** An entry of the outbox keeps its element when the message takes its place. */
export const keyOf = ({ clientMessageId, id }) => clientMessageId ?? id;

/** Shows a message below the one before it, and how far it has come. */
export function showMessage(element, message, before, chat, status) {
  const unreadAfter = chat.unreadAfter ?? Infinity;
  const firstUnread = message.seq > unreadAfter && !(before?.seq > unreadAfter);
  const today = new Date().toDateString();
  const shows = [message, status, before?.sentAt, before?.sender.id, firstUnread, state.naming, today];
  if (shown.get(element)?.every((part, index) => part === shows[index])) return;
  shown.set(element, shows);

  const focused = document.activeElement;
  const hasFocus = element.contains(focused);
  const { id, sender, body, sentAt, editedAt, deletedAt, replyTo, reactions = [] } = message;
  const own = sender.id === state.me.id;
  const newDay = !before || dayOf(before.sentAt) !== dayOf(sentAt);
  const follows = !newDay && !firstUnread && before.sender.id === sender.id;
  element.classList.toggle("own", own);
  element.classList.toggle("follows", follows);
  element.classList.toggle("waiting", !id);
  element.classList.toggle("deleted", Boolean(deletedAt));
  say($(".day", element), newDay ? dayOf(sentAt) : "");
  say($(".unread-line", element), firstUnread ? "Unread from here" : "");
  const person = state.people.get(sender.id);
  sayName($(".sender", element), own ? "You" : person?.displayName ?? "Somebody", own ? "" : handleOf(person));
  $(".sender", element).classList.toggle("unseen", own || follows || Boolean(chat.peer));
  say($(".quoted", element), replyTo ? whose(replyTo) : "");
  say($(".quote .excerpt", element), replyTo ? excerpt(replyTo) : "");
  $(".quote", element).hidden = !replyTo;
  $(".quote", element).onclick = () => goTo(chat, replyTo);
  if (deletedAt) say($(".body", element), DELETED);
  else sayLinked($(".body", element), body);
  say($(".edited", element), editedAt && !deletedAt ? "edited" : "");
  say($("time", element), timeOf(sentAt));
  $(".act", element).hidden = !id || Boolean(deletedAt);
  $(".act", element).onclick = ({ currentTarget }) => openActions(chat, id, currentTarget);
  say($(".status", element), status);
  $(".reactions", element).hidden = !reactions.length;
  each($(".reactions", element), reactions, $("#reaction"), ({ emoji }) => emoji, (button, reaction) => {
    say(button, `${reaction.emoji} ${reaction.count}`);
    button.title = reactors(reaction);
    button.setAttribute("aria-label", `${reaction.emoji} ${reaction.count}: ${reactors(reaction)}`);
    button.setAttribute("aria-pressed", String(reaction.viewerReacted));
    button.onclick = () => toggleReaction(chat, id, reaction.emoji);
  });
  // What had the focus may be gone with the message's text, or with a reaction.
  if (hasFocus && (focused.hidden || !focused.isConnected)) element.focus({ preventScroll: true });
}

/** Who has reacted, as far as is known by name. */
function reactors({ count, users }) {
  const names = users.map(({ id }) => (id === state.me.id ? "You" : nameOf(id)));
  return count > users.length ? `${names.join(", ")} and ${count - users.length} more` : names.join(", ");
}
