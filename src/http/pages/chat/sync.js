// Keeps the state up to date for as long as somebody is logged in.

import { Live, NoAnswer, request } from "./api.js";
import * as documents from "./documents.js";
import { forget, kept } from "./keep.js";
import { changed, chatWith, events, know, learn, receive, reset, state } from "./state.js";

/** The server's word for a viewer who is not the session's user. */
const REPLACED = "VIEWER_CHANGED";
/** An event that says who stopped typing may be dropped under pressure; the server lets typing fade after 6 s. */
const TYPING_FADES = 8_000;

let live = null;
/** Up to here the stream of messages has been followed. */
let cursor = null;

/** Begins for someone who is logged in. */
export function start(me) {
  Object.assign(state, kept(me.id), { me: know(me) });
  live = new Live(me.id, {
    connected,
    ended: (reason) => reason === REPLACED ? replaced() : ended(),
    link(link) { state.link = link; changed(); },
  });
  live.open();
}

/** Leaves nothing of whoever was logged in. */
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

/** Somebody else has logged in with this browser. */
function replaced() {
  stop();
  events.dispatchEvent(new Event("replaced"));
}

export async function logOut() {
  // The server would close it, as it does with this session's sockets in other tabs.
  live.close();
  try {
    const { id } = state.me;
    await ask(documents.LOGOUT);
    forget(id);
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

/** The network has gone, says the browser. It may be wrong, so this does not end the trying. */
export function lostLink() {
  live?.restart();
}

/** A request by whoever is logged in, if anybody is. */
export async function ask(query, variables) {
  const { me } = state;
  try {
    const data = await request(query, variables, me?.id);
    if (state.me === me) return data;
  } catch (error) {
    if (state.me === me && error.code === "UNAUTHENTICATED") ended();
    if (state.me === me && error.code === REPLACED) replaced();
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
  if (!screen.me) return ended();
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
    know(user);
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
