// The open chat: its history, and the form to write.

import { showAvatar } from "./avatar.js";
import { $, dayOf, each, say, sayName, timeOf } from "./dom.js";
import { sayLinked } from "./links.js";
import { keepPlace, toEnd, turnPage } from "./reading.js";
import { events, handleOf, nameOf, state } from "./state.js";
import { draft, draftOf, send } from "./writing.js";

const body = $("#body");

/** The chat on the page. */
let shown = null;

body.addEventListener("input", () => draft(state.open, body.value));
body.addEventListener("keydown", (event) => {
  // Phones have no other key for a new line; an input method uses Enter to accept a word.
  const plain = event.key === "Enter" && !event.shiftKey && !event.isComposing;
  if (!plain || matchMedia("(pointer: coarse)").matches) return;
  event.preventDefault();
  $("#composer").requestSubmit();
});
$("#composer").addEventListener("submit", (event) => {
  event.preventDefault();
  body.focus();
  if (!body.value.trim()) return;
  send(state.open);
  showConversation();
  toEnd();
});

events.addEventListener("message", ({ detail: { chat, message } }) => {
  $("#announcer").textContent = `${nameOf(message.sender.id)}: ${message.body}`;
});

export function showConversation() {
  const chat = state.open;
  $("#nobody").hidden = Boolean(chat);
  $("#somebody").hidden = !chat;
  say($("#nobody-hint"), state.chats.size
    ? "Pick someone from the list."
    : "Open this page in another browser or a private window, and sign up there as somebody else.");
  if (chat !== shown) {
    each($("#messages"), [], $("#message"));
    turnPage();
  }
  shown = chat;
  if (!chat) {
    $("#title").textContent = body.value = "";
    if (!state.me) $("#announcer").textContent = "";
    return;
  }

  showAvatar($("#somebody .avatar"), chat.title, chat.peer?.avatarUrl, state.online.has(chat.peer?.id));
  sayName($("#title"), chat.title, handleOf(chat.peer));
  say($("#subtitle"), about(chat));
  const typists = [...chat.typing.keys()].map(nameOf);
  say($("#typing"), typists.length ? `${typists.join(", ")} ${typists.length > 1 ? "are" : "is"} typing…` : "");

  // What was sent may be met in the history, or arrive, before the answer to sending it does.
  const arrived = new Set(chat.messages.map(({ clientMessageId }) => clientMessageId));
  const waiting = state.outbox.filter((entry) => entry.key === chat.key && !arrived.has(entry.clientMessageId));
  keepPlace(() => {
    $("#earlier").hidden = !chat.earlier;
    say($("#history-hint"), hint(chat));
    each($("#messages"), [...chat.messages, ...waiting], $("#message"), keyOf, showMessage);
  });
  if (body.value !== draftOf(chat)) body.value = draftOf(chat);
  say($("#problem"), chat.problem && `Not sent: ${chat.problem}`);
}

function about({ peer, members }) {
  if (!peer) return members.map(nameOf).join(", ");
  if (state.link === "waiting") return "";
  if (state.online.has(peer.id)) return "Online";
  return peer.lastSeenAt ? `Last seen ${dayOf(peer.lastSeenAt).toLowerCase()} at ${timeOf(peer.lastSeenAt)}` : "Offline";
}

function hint({ earlier, loading, title, peer, messages }) {
  if (loading && earlier === undefined) return "Loading…";
  return earlier === null && !messages.length ? `Say hello to ${peer ? nameOf(peer.id) : title}.` : "";
}

/** An entry of the outbox keeps its element when the message takes its place. */
const keyOf = ({ clientMessageId, id }) => clientMessageId ?? id;

function showMessage(element, message, before) {
  const { sender, body, sentAt, seq } = message;
  const own = sender.id === state.me.id;
  const newDay = !before || dayOf(before.sentAt) !== dayOf(sentAt);
  const unreadAfter = shown.unreadAfter ?? Infinity;
  const firstUnread = seq > unreadAfter && !(before?.seq > unreadAfter);
  const follows = !newDay && !firstUnread && before.sender.id === sender.id;
  element.classList.toggle("own", own);
  element.classList.toggle("follows", follows);
  element.classList.toggle("waiting", !message.id);
  say($(".day", element), newDay ? dayOf(sentAt) : "");
  say($(".unread-line", element), firstUnread ? "Unread from here" : "");
  const person = state.people.get(sender.id);
  sayName($(".sender", element), own ? "You" : person?.displayName ?? "Somebody", own ? "" : handleOf(person));
  $(".sender", element).classList.toggle("unseen", own || follows || Boolean(shown.peer));
  sayLinked($(".body", element), body);
  say($("time", element), timeOf(sentAt));
  say($(".status", element), own ? status(message) : "");
}

/** How far a message of the viewer's has come. Of those that arrived, only the last one tells. */
function status({ id, seq }) {
  if (!id) return state.link === "online" ? "Sending…" : "Waits for the connection";
  if (id !== shown.messages.findLast(({ sender }) => sender.id === state.me.id).id) return "";
  const readers = [...shown.read].filter(([user, read]) => user !== state.me.id && read >= seq).length;
  if (!readers) return "Sent";
  return shown.peer ? "Seen" : `Seen by ${readers}`;
}
