// Keeps the state up to date for as long as somebody is logged in.

import { Live, NoAnswer, request } from "./api.js";
import * as documents from "./documents.js";
import { changed, chatWith, events, learn, receive, reset, state } from "./state.js";

/** An event that says who stopped typing may be dropped under pressure; the server lets typing fade after 6 s. */
const TYPING_FADES = 8_000;

let live = null;
/** Up to here the stream of messages has been followed. */
let cursor = null;

/** Begins for someone who is logged in. */
export function start(me) {
  state.me = me;
  live = new Live({ connected, ended, link(link) { state.link = link; changed(); } });
  live.open();
}

/** Forgets everything. */
export function stop() {
  live?.close();
  live = cursor = null;
  reset();
  changed();
}

/** The session is over. */
export function ended(reason = "Your session has ended.") {
  stop();
  events.dispatchEvent(new CustomEvent("ended", { detail: reason }));
}

export async function logOut() {
  // The server would close it, as it does with this session's sockets in other tabs.
  live.close();
  try {
    await ask(documents.LOGOUT);
    sessionStorage.clear();
    ended("");
  } catch {
    live?.open();
  }
}

/** The network may have gone, or come back: finds out now. */
export function checkLink() {
  if (state.link === "waiting") live.open();
  else if (state.link === "online") live.check();
}

/** A request by whoever is logged in. */
export async function ask(query, variables) {
  const me = state.me;
  try {
    const data = await request(query, variables);
    if (state.me === me) return data;
  } catch (error) {
    if (error.code === "UNAUTHENTICATED" && state.me === me) ended();
    throw error;
  }
  throw new NoAnswer("This session is over.");
}

/**
 * After each connect: subscribes first and reads then, so that nothing falls in between. Presence, typing and
 * conversations are states and read anew; messages are a log, followed from where it was left.
 */
async function connected() {
  for (const chat of state.chats.values()) chat.typing.clear();
  let first = true;
  listen(documents.ONLINE_USERS_CHANGED, {}, ({ onlineUsersChanged }) => {
    presence(onlineUsersChanged, first);
    first = false;
  });
  listen(documents.TYPING, {}, ({ typing }) => typist(typing));
  listen(documents.CONVERSATION_CHANGED, {}, ({ conversationChanged }) => learn(conversationChanged));

  const screen = await live.ask(documents.SCREEN);
  // Not so when somebody else has logged in, in another tab.
  if (screen.me?.id !== state.me.id) return ended();
  screen.conversations.nodes.forEach(learn);
  screen.sidebarUsers.nodes.forEach(chatWith);
  state.more = { conversations: after(screen.conversations), people: after(screen.sidebarUsers) };
  state.ready = true;

  cursor ??= screen.streamCursor;
  listen(documents.NEW_MESSAGE, { after: cursor }, ({ newMessage }) => {
    cursor = newMessage.cursor;
    receive(newMessage.message);
  });
  events.dispatchEvent(new Event("synced"));
}

function listen(query, variables, take) {
  live.subscribe(query, variables, (data) => { take(data); changed(); }, failed);
}

/** A subscription has ended. */
function failed(error) {
  if (error instanceof NoAnswer) return;
  if (error.code === "UNAUTHENTICATED") return ended();
  if (["RESYNC_REQUIRED", "BAD_USER_INPUT"].includes(error.code)) {
    // The cursor is of no use any more: too much was missed to be replayed, so the histories are loaded anew.
    cursor = null;
    for (const chat of state.chats.values()) Object.assign(chat, { messages: [], earlier: undefined });
  }
  live.restart();
}

/** Where a list goes on, if it does. */
export function after({ pageInfo }) {
  return pageInfo.hasNextPage ? pageInfo.endCursor : null;
}

function presence({ joined, left }, first) {
  if (first) state.online.clear();
  for (const user of joined) state.online.add(user.id);
  for (const user of left) state.online.delete(user.id);
  for (const user of [...joined, ...left]) {
    // The first event may list thousands; later ones also tell of people who have just signed up.
    if (user.id !== state.me.id && (!first || state.chats.has(user.id))) chatWith(user);
  }
}

function typist({ typing, conversation, user }) {
  const chat = [...state.chats.values()].find(({ id }) => id === conversation.id);
  clearTimeout(chat?.typing.get(user.id));
  chat?.typing.delete(user.id);
  const fade = () => { chat.typing.delete(user.id); changed(); };
  if (typing) chat?.typing.set(user.id, setTimeout(fade, TYPING_FADES));
}
