// What the viewer writes, until the server has it: drafts, and the outbox of what waits to be sent.

import { lookUp } from "./actions.js";
import { ApiError } from "./api.js";
import * as documents from "./documents.js";
import { keep } from "./keep.js";
import { changed, events, receive, settle, state } from "./state.js";
import { ask, askAboutMe } from "./sync.js";

/** The server lets typing fade after 6 s; until then it need not be told again. */
const TYPING_AGAIN = 3_000;
/** How long to wait before sending again when the server does not say, and the errors that this may help against. */
const SEND_AGAIN = 3_000;
const PASSING = ["RATE_LIMITED", "SERVICE_UNAVAILABLE"];

/** The viewer whose outbox is being sent. */
let sending = null;
let retry;
/** By the chat's key: texts that were refused, as they stand before what is written there. */
const returned = new Map();

events.addEventListener("synced", flush);
events.addEventListener("replies", keepWritten);

/** What is written in a chat and not sent. */
export function draftOf(chat) {
  return state.drafts[chat.key] ?? "";
}

/** The viewer writes in a chat. */
export function draft(chat, text) {
  setDraft(chat.key, text);
  keepWritten();
  type(chat, text.trim() !== "");
}

function setDraft(key, text) {
  if (text) state.drafts[key] = text;
  else delete state.drafts[key];
}

function keepWritten() {
  const { me, drafts, replies, outbox } = state;
  keep(me.id, { drafts, replies, outbox });
}

/** The viewer types in a chat, or has stopped. */
function type(chat, typing) {
  const now = Date.now();
  if (!chat.id || (typing ? now - chat.typedAt < TYPING_AGAIN : !chat.typedAt)) return;
  chat.typedAt = typing ? now : 0;
  ask(documents.SET_TYPING, { in: chat.ref, typing }).catch(() => {}); // It fades anyway.
}

/** What is written answers a message, or none. */
export function reply({ key }, message) {
  setReply(key, message);
  keepWritten();
  changed();
}

function setReply(key, message) {
  if (message) state.replies[key] = message;
  else delete state.replies[key];
}

/** Sends what is written: it shows at once, and stays in the outbox until the server has it. */
export function send(chat) {
  // Not crypto.randomUUID, which is missing on pages that came over plain http from another machine.
  const random = crypto.getRandomValues(new Uint8Array(16));
  const clientMessageId = [...random].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  const { key, ref } = chat;
  const replyTo = state.replies[key];
  const sentAt = new Date().toISOString();
  const waits = state.link !== "online";
  state.outbox.push({
    clientMessageId, key, ref, body: draftOf(chat), sentAt, replyTo, waits, sender: { id: state.me.id },
  });
  returned.delete(key);
  setDraft(key, "");
  setReply(key, null);
  // Sending ends typing, for everybody, and is reading.
  Object.assign(chat, { problem: "", typedAt: 0, unreadAfter: null });
  keepWritten();
  changed();
  flush();
}

/** Gives up sending to a chat that is gone. What was to be sent is what is written there again; gives that. */
export function giveUp({ key }) {
  putBack(key, state.outbox.filter((entry) => entry.key === key));
  keepWritten();
  return draftOf({ key });
}

/** What was to be sent is what is written again, in its order. */
function putBack(key, entries) {
  state.outbox = state.outbox.filter((entry) => !entries.includes(entry));
  const draft = state.drafts[key] ?? "";
  const known = returned.get(key) ?? "";
  const before = draft.startsWith(known) ? known : "";
  const texts = [before, ...entries.map(({ body }) => body)].filter(Boolean).join("\n");
  returned.set(key, texts);
  setDraft(key, [texts, draft.slice(before.length).trim()].filter(Boolean).join("\n").trim());
}

/** A message was refused. Where the reason is the chat, so is what waits behind it. */
function refused(entry, error) {
  const { key, replyTo } = entry;
  const ofReply = error.field === "input.replyToId";
  const ofChat = ["FORBIDDEN", "NOT_FOUND"].includes(error.code) && !ofReply;
  putBack(key, ofChat ? state.outbox.filter((other) => other.key === key) : [entry]);
  // It is written again, but not as a reply to what cannot be replied to any more.
  if (!ofReply) setReply(key, state.replies[key] ?? replyTo);
  const chat = state.chats.get(key);
  if (chat) chat.problem = `Not sent: ${error.message}`;
  if (!chat) unsent(`Not sent: “${draftOf({ key })}”`);
  else if (chat !== state.open) unsent(`Not sent to ${chat.title}: ${error.message}`);
  // Whoever it was for may have deleted their account, and may have been blocked on another device.
  if (error.code === "NOT_FOUND") lookUp(key).then(changed, () => {});
  if (error.code === "FORBIDDEN") askAboutMe().catch(() => {});
}

function unsent(detail) {
  events.dispatchEvent(new CustomEvent("unsent", { detail }));
}

addEventListener("beforeunload", (event) => {
  // It outlives a reload, but not the tab.
  if (state.outbox.length) event.preventDefault();
});

/** Sends what waits, one after the other. Trying again is safe: the server knows a message by its clientMessageId. */
async function flush() {
  clearTimeout(retry);
  const { me } = state;
  if (sending === me) return;
  sending = me;
  while (state.me === me && state.outbox.length) {
    const { key, ref, body, clientMessageId, replyTo } = state.outbox[0];
    try {
      const input = { to: ref, body, clientMessageId, replyToId: replyTo?.id };
      const { sendMessage } = await ask(documents.SEND, { input });
      const chat = state.chats.get(key);
      if (chat) receive(chat, sendMessage);
      settle(clientMessageId);
    } catch (error) {
      // It waits for the next time that they log in.
      if (state.me !== me) break;
      // It was given up meanwhile.
      if (!state.outbox.some((entry) => entry.clientMessageId === clientMessageId)) continue;
      if (!(error instanceof ApiError) || PASSING.includes(error.code)) {
        state.outbox[0].waits = true;
        retry = setTimeout(flush, error.retryAfterMs ?? SEND_AGAIN);
        break;
      }
      refused(state.outbox[0], error);
    }
    keepWritten();
    changed();
  }
  if (sending === me) sending = null;
}
