// What a person can do.

import { ApiError } from "./api.js";
import * as documents from "./documents.js";
import { add, changed, chatWith, events, learn, receive, settle, state } from "./state.js";
import { after, ask } from "./sync.js";

/** Messages loaded at a time. */
const PAGE = 30;
/** The server lets typing fade after 6 s; until then it need not be told again. */
const TYPING_AGAIN = 3_000;
/** How long to wait before sending again when the server does not say, and the errors that this may help against. */
const SEND_AGAIN = 3_000;
const PASSING = ["RATE_LIMITED", "SERVICE_UNAVAILABLE"];

let sending = false;
let retry;

events.addEventListener("synced", () => {
  openChat(state.key);
  state.chats.forEach(tellSeen);
  if (!state.outbox.length) state.outbox = JSON.parse(sessionStorage.getItem(outboxKey()) ?? "[]");
  flush();
});

/** Opens the chat with this key, or none. */
export async function openChat(key) {
  state.key = key;
  state.open = state.chats.get(key) ?? null;
  changed();
  if (!key || !state.ready) return;
  try {
    if (!state.open) {
      const { user, conversation } = await ask(documents.LOOKUP, { id: key });
      if (user && user.id !== state.me.id) found(user);
      const chat = conversation && learn(conversation);
      if (state.key === key) state.open = chat ?? state.chats.get(key) ?? null;
      changed();
    }
    if (state.open && state.open.earlier === undefined) await loadEarlier(state.open);
  } catch {
    // Without an answer the link is about to break, and the chat is opened again when it is back.
  }
}

/** Loads a chat's newest messages, or those before what is loaded. */
export async function loadEarlier(chat) {
  const { messages, loading, earlier } = chat;
  if (loading || earlier === null) return;
  chat.loading = true;
  changed();
  try {
    const { messages: page } = await ask(documents.HISTORY, { in: chat.ref, last: PAGE, before: earlier });
    if (messages === chat.messages) {
      add(chat, page.nodes);
      chat.earlier = page.pageInfo.hasPreviousPage ? page.pageInfo.startCursor : null;
    }
  } finally {
    chat.loading = false;
    changed();
  }
  // The history was dropped meanwhile, to be loaded anew.
  if (messages !== chat.messages) await loadEarlier(chat);
}

/** Shows more of one of the sidebar's lists: "conversations" or "people". */
export async function loadMore(list) {
  const { page } = await ask(documents.MORE[list], { after: state.more[list] });
  page.nodes.forEach(list === "people" ? chatWith : learn);
  state.more[list] = after(page);
  changed();
}

/** Finds people by the start of a word of their names, and groups by the start of a word of their titles. */
export async function search(text) {
  state.search = text = text.trim();
  if (!text) state.found = null;
  changed();
  if (!text) return;
  const { sidebarUsers } = await ask(documents.SEARCH, { search: text });
  if (state.search !== text) return;
  const starts = (word) => word.toLowerCase().startsWith(text.toLowerCase());
  const groups = [...state.chats.values()].filter(({ peer, title }) => !peer && title.split(/\s+/).some(starts));
  state.found = new Set([...groups, ...sidebarUsers.nodes.map(found)].map(({ key }) => key));
  changed();
}

function found({ directConversation, ...user }) {
  return directConversation ? learn(directConversation) : chatWith(user);
}

/** The person has seen all of a chat. */
export function see(chat) {
  const last = chat.messages.at(-1)?.seq ?? 0;
  if (last <= chat.seen) return;
  chat.seen = last;
  changed();
  tellSeen(chat);
}

async function tellSeen(chat) {
  const message = chat.messages.findLast(({ seq }) => seq <= chat.seen);
  if (chat.telling || !message || message.seq <= (chat.read.get(state.me.id) ?? 0)) return;
  chat.telling = true;
  try {
    learn((await ask(documents.MARK_READ, { messageId: message.id })).markRead);
    changed();
  } catch {
    return; // It is told with the next message, or when the link is back.
  } finally {
    chat.telling = false;
  }
  tellSeen(chat);
}

/** The person types in a chat, or has stopped. */
export function type(chat, typing) {
  const now = Date.now();
  if (!chat.id || (typing ? now - chat.typedAt < TYPING_AGAIN : !chat.typedAt)) return;
  chat.typedAt = typing ? now : 0;
  ask(documents.SET_TYPING, { in: chat.ref, typing }).catch(() => {}); // It fades anyway.
}

/** Sends what is written: it shows at once, and stays in the outbox until the server has it. */
export function send(chat) {
  // Not crypto.randomUUID, which is missing on pages that came over plain http from another machine.
  const random = crypto.getRandomValues(new Uint8Array(16));
  const clientMessageId = [...random].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  const { key, ref, draft: body } = chat;
  const sentAt = new Date().toISOString();
  state.outbox.push({ clientMessageId, key, ref, body, sentAt, sender: { id: state.me.id } });
  chat.draft = chat.problem = "";
  // Sending ends typing, for everybody.
  chat.typedAt = 0;
  flush();
}

const outboxKey = () => `outbox ${state.me.id}`;

/** Neither a reload nor an ended session loses what was not sent. */
function keepOutbox() {
  sessionStorage.setItem(outboxKey(), JSON.stringify(state.outbox));
  changed();
}

/** Sends what waits, one after the other. Trying again is safe: the server knows a message by its clientMessageId. */
async function flush() {
  keepOutbox();
  clearTimeout(retry);
  if (sending) return;
  sending = true;
  while (state.outbox.length) {
    const { key, ref, body, clientMessageId } = state.outbox[0];
    try {
      receive((await ask(documents.SEND, { input: { to: ref, body, clientMessageId } })).sendMessage);
      settle(clientMessageId);
    } catch (error) {
      if (!state.me) break;
      if (!(error instanceof ApiError) || PASSING.includes(error.code)) {
        retry = setTimeout(flush, error.retryAfterMs ?? SEND_AGAIN);
        break;
      }
      settle(clientMessageId);
      // The text goes back to where it was written.
      const chat = state.chats.get(key);
      if (chat) Object.assign(chat, { problem: error.message, draft: `${body}\n${chat.draft}`.trim() });
    }
    keepOutbox();
  }
  sending = false;
}
