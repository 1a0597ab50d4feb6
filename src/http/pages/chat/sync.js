// Keeps the state up to date for as long as somebody is logged in.

import { Live, NoAnswer, request } from "./api.js";
import * as documents from "./documents.js";
import { forget, kept } from "./keep.js";
import {
  arrived, change, changed, chatOf, chatWith, events, know, learn, leave, readUpTo, receive, reset, state,
} from "./state.js";

/** The server's word for a viewer who is not the session's user. */
const REPLACED = "VIEWER_CHANGED";
/** An event that says who stopped typing may be dropped under pressure; the server lets typing fade after 6 s. */
const TYPING_FADES = 8_000;

let live = null;
/** Up to here the stream of events has been followed. */
let cursor = null;

/** All tabs of a browser are one person's. What one of them changes that no event tells of, the others read anew. */
export const tabs = new BroadcastChannel("changed");
tabs.addEventListener("message", () => live?.open());

export function tellTabs() {
  tabs.postMessage(null);
}

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

export function logOut() {
  return end(documents.LOGOUT, {}, "");
}

/** Deletes the viewer's account, for good. */
export function deleteAccount(password) {
  return end(documents.DELETE_ACCOUNT, { password }, "Your account was deleted.");
}

/** Ends the session by the viewer's choice, and says why. */
async function end(mutation, variables, reason) {
  // The server would close it, as it does with this session's sockets in other tabs.
  live.close();
  const { id } = state.me;
  try {
    await ask(mutation, variables);
    forget(id);
    ended(reason);
  } catch (error) {
    live?.open();
    throw error;
  }
}

/** The session goes on as another one, with another cookie. */
export async function changePassword(input) {
  // The server closes what the old session has opened.
  live.close();
  try {
    await ask(documents.CHANGE_PASSWORD, { input });
    // They have the new cookie, too.
    tellTabs();
  } finally {
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
 * After each connect: subscribes first and reads then, so that nothing falls in between. Presence and typing are states
 * and read anew; what happens in conversations is a log, followed from where it was left.
 */
async function connected() {
  for (const chat of state.chats.values()) chat.typing.clear();
  let first = true;
  listen(documents.ONLINE_USERS_CHANGED, {}, ({ onlineUsersChanged }) => {
    presence(onlineUsersChanged, first);
    first = false;
  });
  listen(documents.TYPING, {}, ({ typing }) => typist(typing));

  const screen = await live.ask(documents.SCREEN);
  if (!screen.me) return ended();
  know(screen.me);
  screen.conversations.nodes.forEach((conversation) => learn(conversation));
  screen.sidebarUsers.nodes.forEach(chatWith);
  state.features = new Set(screen.server.features);
  learnBlocked(screen);
  state.more = { conversations: after(screen.conversations), people: after(screen.sidebarUsers) };
  state.ready = true;

  cursor ??= screen.streamCursor;
  listen(documents.EVENTS, { after: cursor }, ({ events: event }) => {
    // Something on the way has dropped an event: it is told again after the last one that came.
    if (event.previous !== cursor) return live.restart();
    cursor = event.cursor;
    HAPPENS[event.__typename]?.(event);
  });
  events.dispatchEvent(new Event("synced"));
}

function learnBlocked({ blockedUsers }) {
  state.blocked = new Set(blockedUsers.map((user) => know(user).id));
}

/** What the viewer is called and whom they have blocked may have been changed on another device: no event tells. */
export async function askAboutMe() {
  const answer = await ask(documents.ABOUT_ME);
  know(answer.me);
  learnBlocked(answer);
  changed();
}

/** What the page makes of each kind of event. */
const HAPPENS = {
  NewMessage({ message }) {
    const chat = chatOf(message.conversation.id);
    if (!chat) return meet(message);
    receive(chat, message);
    // It may be known in an older state.
    change(chat, message);
  },
  MessageChanged({ message }) {
    const chat = chatOf(message.conversation.id);
    if (chat) change(chat, message);
  },
  ConversationChanged: ({ conversation }) => learn(conversation, true),
  ConversationLeft: ({ conversationId }) => leave(conversationId),
  ConversationRead({ conversation, reader, lastRead }) {
    const chat = chatOf(conversation.id);
    if (!chat) return;
    readUpTo(chat, reader.id, lastRead.seq);
    // They have looked, elsewhere.
    if (reader.id === state.me.id) chat.passed = null;
  },
};

/** A message has come in a chat that is further down the list than was loaded. */
async function meet(message) {
  try {
    const { conversation } = await ask(documents.LOOKUP, { id: message.conversation.id });
    if (conversation) arrived(learn(conversation), message);
    changed();
  } catch {
    // Without an answer the link is about to break; the chat is loaded when it is back.
  }
}

function listen(query, variables, take) {
  live.subscribe(query, variables, (data) => { take(data); changed(); }, failed);
}

/** A subscription has ended. */
function failed(error) {
  if (error instanceof NoAnswer) return;
  if (error.code === "UNAUTHENTICATED") return ended();
  if (["RESYNC_REQUIRED", "BAD_USER_INPUT"].includes(error.code)) {
    // The cursor is of no use any more: too much was missed to be replayed, so all is loaded anew. Groups may have been
    // left meanwhile, and messages deleted.
    cursor = null;
    state.chats.clear();
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
  const chat = chatOf(conversation.id);
  if (!chat) return;
  clearTimeout(chat.typing.get(user.id));
  chat.typing.delete(user.id);
  const fade = () => { chat.typing.delete(user.id); changed(); };
  if (typing) chat.typing.set(user.id, setTimeout(fade, TYPING_FADES));
}
