// What a person can look at: chats, their histories, and what a search finds. What one can do is in writing.js,
// changing.js, groups.js and account.js.

import * as documents from "./documents.js";
import { add, change, changed, chatWith, events, learn, learnRead, seenUpTo, state, unread, words } from "./state.js";
import { after, ask } from "./sync.js";

/** Messages loaded at a time; then, as long as what is wanted is further back, as many as the server gives with all
 * that is asked of each. */
const PAGE = 30;
const LARGE_PAGE = 50;
/** How far back that goes at once. The line before what is unread stands before the first one that is loaded, until
 * more is. */
const MOST = 1_000;
/** As many messages are loaded to reach one of them. */
const FARTHEST = 5_000;
/** So many more pages of conversations are loaded to find groups. */
const MOST_PAGES = 20;
/** The server searches for at most so many characters. */
const LONGEST_SEARCH = 200;

events.addEventListener("synced", () => {
  openChat(state.key);
  if (state.search) search(state.search).catch(() => {});
  state.chats.forEach(tellSeen);
});

/** Opens the chat with this key, or none. */
export async function openChat(key) {
  state.key = key;
  const known = state.chats.get(key) ?? null;
  // After each connect the open chat is opened again, and the line stays where it is. One that has to be loaded anew
  // stays on the page meanwhile.
  if (known ? known !== state.open : key !== state.open?.key) show(known);
  if (!key || !state.ready) return;
  try {
    // A person in the list may have a conversation that is not; and of new names and pictures no event tells.
    const asked = lookUp(key);
    asked.then(changed, () => {});
    if (!known?.id) {
      const chat = await asked;
      if (state.key === key) show(chat);
    }
    if (state.open && state.open.earlier === undefined) await loadEarlier(state.open);
    if (state.open && state.open.key === state.goal?.key) await reachGoal();
  } catch {
    // Without an answer the link is about to break, and the chat is opened again when it is back.
  }
}

/** Asks who or what a chat's key is, and how it is now. Gives the chat, or null when there is none for the viewer. */
export async function lookUp(key) {
  const { user, conversation } = await ask(documents.LOOKUP, { id: key });
  if (user && user.id !== state.me.id) found(user);
  return conversation ? learn(conversation) : state.chats.get(key) ?? null;
}

/** Shows a message, which may be in another chat, and far back. */
export function goTo(chat, { id, seq }) {
  state.goal = { key: chat.key, id, seq };
  if (location.hash.slice(1) === chat.key) openChat(chat.key);
  else location.hash = chat.key;
}

/** Loads the history of the open chat back to the message that is wanted. */
async function reachGoal() {
  const { open: chat, goal } = state;
  const missing = () => chat.earlier !== null && !(chat.messages[0]?.seq <= goal.seq);
  chat.problem = "";
  while (missing() && state.goal === goal && chat.messages.length < FARTHEST) {
    // What is on its way may hold it.
    await (chat.loading ?? loadEarlier(chat, goal.seq));
  }
  if (state.goal !== goal || state.open !== chat) return;
  state.goal = null;
  events.dispatchEvent(new CustomEvent("reached", { detail: goal }));
}

function show(chat) {
  if (chat) chat.unreadAfter = unread(chat) ? seenUpTo(chat) : null;
  state.open = chat;
  changed();
}

/** Loads a chat's newest messages, back to the first unread one, or those before what is loaded, back to a seq. */
export async function loadEarlier(chat, backTo = Infinity) {
  if (chat.loading || chat.earlier === null) return;
  chat.loading = loadPages(chat, backTo);
  changed();
  try {
    await chat.loading;
  } finally {
    chat.loading = null;
    chat.overtaken.clear();
    changed();
  }
}

async function loadPages(chat, backTo) {
  const { earlier } = chat;
  const enough = earlier === undefined && unread(chat) ? Math.min(backTo, seenUpTo(chat) + 1) : backTo;
  const nodes = [];
  let before = earlier;
  do {
    const last = nodes.length ? LARGE_PAGE : PAGE;
    const { messages: page } = await ask(documents.HISTORY, { in: chat.ref, last, before });
    nodes.unshift(...page.nodes);
    before = page.pageInfo.hasPreviousPage ? page.pageInfo.startCursor : null;
  } while (before && nodes[0].seq > enough && nodes.length < MOST);
  add(chat, nodes);
  for (const message of chat.overtaken.values()) change(chat, message);
  chat.earlier = before;
}

/** Shows more of one of the sidebar's lists: "conversations" or "people". */
export async function loadMore(list) {
  const from = state.more[list];
  const { page } = await ask(documents.MORE[list], { after: from });
  page.nodes.forEach((node) => (list === "people" ? chatWith(node) : learn(node)));
  // It may have been asked for twice, or the list begun anew.
  if (state.more[list] === from) state.more[list] = after(page);
  changed();
}

/**
 * Finds people by the start of a word of their names (the first of them), groups by the starts of their titles' words,
 * and messages by their words where the server can.
 *
 * The server does not look for groups. The page does, among the conversations that it knows, and then page by page
 * among up to a thousand more. A group that is further down the list is not found.
 */
export async function search(text) {
  state.search = text = text.trim();
  if (!text) state.found = null;
  state.foundMessages = { items: [], after: null, changes: new Map() };
  changed();
  if (!text) return;
  const messages = findMessages(text);
  const { sidebarUsers } = await ask(documents.SEARCH, { search: text });
  await messages;
  if (state.search !== text) return;
  const people = sidebarUsers.nodes.map(found);
  for (let page = 1; state.search === text; page++) {
    const groups = [...state.chats.values()].filter(({ peer, title }) => !peer && isCalled(title, text));
    state.found = new Set([...groups, ...people].map(({ key }) => key));
    changed();
    if (page > MOST_PAGES || !state.more.conversations) return;
    await loadMore("conversations");
  }
}

function isCalled(title, text) {
  return words(text).every((start) => words(title).some((word) => word.startsWith(start)));
}

/** Finds the first messages that hold all words of a text, or the next ones. */
export async function findMessages(text) {
  if (!state.features.has("search") || text.length > LONGEST_SEARCH) return;
  const { foundMessages: before } = state;
  const { items } = before;
  try {
    const { searchMessages } = await ask(documents.SEARCH_MESSAGES, { text, after: before.after });
    if (state.foundMessages !== before) return;
    const more = searchMessages.nodes.map((message) => ({ message, chat: learn(message.conversation) }));
    state.foundMessages = { ...before, items: [...items, ...more], after: after(searchMessages) };
    changed();
  } catch {
    // It holds no word, or too many: there are people to find all the same.
  }
}

function found({ directConversation, ...user }) {
  return directConversation ? learn(directConversation) : chatWith(user);
}

/** The viewer has seen a chat up to the message with this seq. */
export function see(chat, seq) {
  if (seq <= seenUpTo(chat)) return;
  chat.seen = seq;
  if (seq >= chat.read.get(state.me.id)) chat.passed = null;
  changed();
  tellSeen(chat);
}

async function tellSeen(chat) {
  const message = chat.messages.findLast(({ seq }) => seq <= chat.seen);
  if (chat.telling || !message || message.seq <= (chat.read.get(state.me.id) ?? 0)) return;
  chat.telling = true;
  try {
    learnRead(chat, (await ask(documents.MARK_READ, { messageId: message.id })).markRead.members);
    changed();
  } catch {
    return; // It is told with the next message, or when the link is back.
  } finally {
    chat.telling = false;
  }
  tellSeen(chat);
}
