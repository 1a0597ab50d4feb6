// What a person can do.

import * as documents from "./documents.js";
import { add, changed, chatWith, events, learn, seenUpTo, state, unread } from "./state.js";
import { after, ask } from "./sync.js";

/** Messages loaded at a time; then, as long as the first unread one is further back, as many as the server gives. */
const PAGE = 30;
const LARGE_PAGE = 100;
/** How far back that goes. The line stands before the first one that is loaded, until more is. */
const MOST_UNREAD = 1_000;

events.addEventListener("synced", () => {
  openChat(state.key);
  state.chats.forEach(tellSeen);
});

/** Opens the chat with this key, or none. */
export async function openChat(key) {
  state.key = key;
  const known = state.chats.get(key) ?? null;
  // After each connect the open chat is opened again, and the line stays where it is.
  if (known !== state.open) show(known);
  if (!key || !state.ready) return;
  try {
    // A person in the list may have a conversation that is not.
    if (!state.open?.id) {
      const { user, conversation } = await ask(documents.LOOKUP, { id: key });
      if (user && user.id !== state.me.id) found(user);
      const chat = conversation ? learn(conversation) : state.chats.get(key) ?? null;
      if (state.key === key) show(chat);
    }
    if (state.open && state.open.earlier === undefined) await loadEarlier(state.open);
  } catch {
    // Without an answer the link is about to break, and the chat is opened again when it is back.
  }
}

function show(chat) {
  if (chat) chat.unreadAfter = unread(chat) ? seenUpTo(chat) : null;
  state.open = chat;
  changed();
}

/** Loads a chat's newest messages, back to the first unread one, or those before what is loaded. */
export async function loadEarlier(chat) {
  const { messages, loading, earlier } = chat;
  if (loading || earlier === null) return;
  chat.loading = true;
  changed();
  try {
    const enough = earlier === undefined && unread(chat) ? seenUpTo(chat) + 1 : Infinity;
    const nodes = [];
    let before = earlier;
    do {
      const last = nodes.length ? LARGE_PAGE : PAGE;
      const { messages: page } = await ask(documents.HISTORY, { in: chat.ref, last, before });
      nodes.unshift(...page.nodes);
      before = page.pageInfo.hasPreviousPage ? page.pageInfo.startCursor : null;
    } while (before && nodes[0].seq > enough && nodes.length < MOST_UNREAD);
    if (messages === chat.messages) {
      add(chat, nodes);
      chat.earlier = before;
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

/** The viewer has seen a chat up to the message with this seq. */
export function see(chat, seq) {
  if (seq <= seenUpTo(chat)) return;
  chat.seen = seq;
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
