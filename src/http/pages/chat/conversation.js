// The open chat: its history, and the form to write.

import { showAvatar } from "./avatar.js";
import { inPlace } from "./changing.js";
import { $, each, say, sayName, sayWritten, when } from "./dom.js";
import { unblock } from "./groups.js";
import { keyOf, showMessage } from "./message.js";
import { keepPlace, toEnd, turnPage } from "./reading.js";
import { closed, events, excerpt, handleOf, nameOf, state, whose } from "./state.js";
import { showStops } from "./stops.js";
import { draft, draftOf, reply, send } from "./writing.js";

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

body.addEventListener("keydown", ({ key }) => key === "Escape" && reply(state.open, null));
$("#no-reply").addEventListener("click", () => {
  reply(state.open, null);
  body.focus();
});
$("#unblock").addEventListener("click", async () => {
  await inPlace(state.open, () => unblock(state.open.peer.id));
  body.focus();
});

events.addEventListener("message", ({ detail: { chat, message } }) => {
  const where = chat.peer ? "" : ` in ${chat.title}`;
  $("#announcer").textContent = `${nameOf(message.sender.id)}${where}: ${message.body}`;
});

export function showConversation() {
  const chat = state.open;
  $("#nobody").hidden = Boolean(chat);
  $("#somebody").hidden = !chat;
  say($("#nobody-hint"), state.chats.size
    ? "Pick someone from the list."
    : "Open this page in another browser or a private window, and sign up there as somebody else.");
  if (chat !== shown) {
    $("#messages").replaceChildren();
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
  $("#details").hidden = Boolean(chat.peer?.deletedAt);
  $("#details").setAttribute("aria-label", `About ${chat.title}`);
  say($("#subtitle"), about(chat));
  const typists = [...chat.typing.keys()].map(nameOf);
  say($("#typing"), typists.length ? `${typists.join(", ")} ${typists.length > 1 ? "are" : "is"} typing…` : "");

  // Before the messages, whose place depends on how much room this leaves.
  say($("#problem"), chat.problem);
  showComposer(chat);

  // What was sent may be met in the history, or arrive, before the answer to sending it does.
  const arrived = new Set(chat.messages.map(({ clientMessageId }) => clientMessageId));
  const waiting = state.outbox.filter((entry) => entry.key === chat.key && !arrived.has(entry.clientMessageId));
  keepPlace(() => {
    $("#earlier").hidden = !chat.earlier;
    say($("#history-hint"), waiting.length ? "" : hint(chat));
    const own = ({ sender }) => sender.id === state.me.id;
    const last = chat.messages.findLast(own);
    each($("#messages"), [...chat.messages, ...waiting], $("#message"), keyOf, (element, message, before) => {
      showMessage(element, message, before, chat, own(message) ? status(message, last) : "");
    });
    showStops();
  });
}

/** The form to write, what is replied to, or why there is no form. */
function showComposer(chat) {
  const { key, peer } = chat;
  const replyTo = state.replies[key];
  const shut = closed(chat);
  const unsent = shut && draftOf(chat);
  say($("#closed"), unsent ? `${shut} Not sent: “${unsent}”` : shut);
  if (shut && document.activeElement === body) {
    $("#announcer").textContent = shut;
    $("#title").focus();
  }
  $("#unblock").hidden = !state.blocked.has(peer?.id);
  $("#composer").hidden = Boolean(shut);
  $("#reply").hidden = !replyTo || Boolean(shut);
  sayWritten($("#reply-to"), replyTo ? `Reply to ${whose(replyTo)}:` : "", replyTo ? excerpt(replyTo) : "");
  if (body.value !== draftOf(chat)) body.value = draftOf(chat);
}

function about({ peer, members }) {
  if (!peer) return [...members.keys()].map((id) => (id === state.me.id ? "You" : nameOf(id))).join(", ");
  if (state.link === "waiting" || closed({ peer })) return "";
  if (state.online.has(peer.id)) return "Online";
  return peer.lastSeenAt ? `Last seen ${when(peer.lastSeenAt)}` : "Offline";
}

function hint({ earlier, loading, title, peer, messages }) {
  if (loading && earlier === undefined) return "Loading…";
  return earlier === null && !messages.length ? `Say hello to ${peer ? nameOf(peer.id) : title}.` : "";
}

/** How far a message of the viewer's has come. Of those that arrived, only the last one tells. */
function status({ id, seq }, last) {
  if (!id) return state.link === "online" ? "Sending…" : "Waits for the connection";
  if (id !== last?.id) return "";
  const { members, read } = shown;
  const readers = [...members.keys()].filter((user) => user !== state.me.id && read.get(user) >= seq).length;
  if (!readers) return "Sent";
  return shown.peer ? "Seen" : `Seen by ${readers}`;
}
