// The open chat: its history, and the form to write.

import { loadEarlier, see, send, type } from "./actions.js";
import { $, dayOf, each, say, showAvatar, timeOf } from "./dom.js";
import { events, state } from "./state.js";

const scroller = $("#history");
const body = $("#body");

/** The chat on the page. */
let shown = null;
/** Whether the newest message is in sight, and is to stay so. */
let atEnd = true;

const toEnd = () => { scroller.scrollTop = scroller.scrollHeight; };

scroller.addEventListener("scroll", () => {
  atEnd = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < 40;
  if (atEnd) saw();
});
new ResizeObserver(() => atEnd && toEnd()).observe(scroller);
document.addEventListener("visibilitychange", saw);
$("#newest").addEventListener("click", () => { toEnd(); body.focus(); });

/** The button loads what came before; whoever scrolls up to it need not press it. */
const scrolledBack = new IntersectionObserver(([{ isIntersecting }]) => isIntersecting && earlier(), { root: scroller });
$("#earlier").addEventListener("click", earlier);

function earlier() {
  if (state.open?.messages.length) loadEarlier(state.open).catch(() => {});
}

/** What is in sight is read. */
function saw() {
  const chat = state.open;
  if (chat && atEnd && !document.hidden) see(chat);
  $("#newest").hidden = !chat || atEnd || !(chat.messages.at(-1)?.seq > chat.seen);
}

body.addEventListener("input", () => {
  state.open.draft = body.value;
  type(state.open, body.value.trim() !== "");
});
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
  atEnd = true;
  if (state.open.draft.trim()) send(state.open);
});

events.addEventListener("message", ({ detail: { chat, message } }) => {
  const name = chat.members.get(message.sender.id)?.displayName;
  $("#announcer").textContent = `${name}: ${message.body}`;
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
    atEnd = true;
  }
  shown = chat;
  if (!chat) return;

  showAvatar($("#somebody .avatar"), chat.title, chat.peer?.avatarUrl, state.online.has(chat.peer?.id));
  say($("#title"), chat.title);
  say($("#subtitle"), about(chat));
  const typists = [...chat.typing.keys()].map((id) => chat.members.get(id)?.displayName);
  say($("#typing"), typists.length ? `${typists.join(", ")} ${typists.length > 1 ? "are" : "is"} typing…` : "");

  const oldest = $("#messages").firstElementChild;
  const below = scroller.scrollHeight - scroller.scrollTop;
  $("#earlier").hidden = !chat.earlier;
  say($("#history-hint"), hint(chat));
  // What was sent may be met in the history, or arrive, before the answer to sending it does.
  const arrived = new Set(chat.messages.map(({ clientMessageId }) => clientMessageId));
  const waiting = state.outbox.filter((entry) => entry.key === chat.key && !arrived.has(entry.clientMessageId));
  each($("#messages"), [...chat.messages, ...waiting], $("#message"), keyOf, showMessage);
  if (atEnd) toEnd();
  else if (oldest !== $("#messages").firstElementChild) scroller.scrollTop = scroller.scrollHeight - below;
  if (oldest !== $("#messages").firstElementChild) {
    // Watched anew, it tells again where the button is: still in sight when what was loaded does not fill the page.
    scrolledBack.disconnect();
    scrolledBack.observe($("#earlier"));
  }
  if (body.value !== chat.draft) body.value = chat.draft;
  say($("#problem"), chat.problem && `Not sent: ${chat.problem}`);
  saw();
}

function about({ peer, members }) {
  if (!peer) return [...members.values()].map(({ displayName }) => displayName).join(", ");
  if (state.link === "waiting") return "";
  if (state.online.has(peer.id)) return "Online";
  return peer.lastSeenAt ? `Last seen ${dayOf(peer.lastSeenAt).toLowerCase()} at ${timeOf(peer.lastSeenAt)}` : "Offline";
}

function hint({ earlier, loading, title, messages }) {
  if (loading && earlier === undefined) return "Loading…";
  return earlier === null && !messages.length ? `Say hello to ${title}.` : "";
}

/** An entry of the outbox keeps its element when the message takes its place. */
const keyOf = ({ clientMessageId, id }) => clientMessageId ?? id;

function showMessage(element, message, before) {
  const { sender, body, sentAt } = message;
  const own = sender.id === state.me.id;
  const newDay = !before || dayOf(before.sentAt) !== dayOf(sentAt);
  const follows = !newDay && before.sender.id === sender.id;
  element.classList.toggle("own", own);
  element.classList.toggle("follows", follows);
  element.classList.toggle("waiting", !message.id);
  say($(".day", element), newDay ? dayOf(sentAt) : "");
  say($(".sender", element), own ? "You" : shown.members.get(sender.id)?.displayName ?? "");
  $(".sender", element).classList.toggle("unseen", own || follows || Boolean(shown.peer));
  say($(".body", element), body);
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
