// What the page knows. Nothing here asks the server (see sync.js and actions.js) or touches the page (see view.js).
//
// What is kept of a conversation only grows: messages by id, the newest seq, read marks. So answers and events may
// come in any order, and twice.

/** Tells of "change", of "message" (one by somebody else arrived), "synced" (after each connect) and "ended" (the
 * session is over). */
export const events = new EventTarget();

export function changed() {
  events.dispatchEvent(new Event("change"));
}

const NOTHING = {
  /** Who is logged in. */
  me: null,
  /** "connecting", "online" or "waiting" (for the next try). */
  link: "connecting",
  /** Whether the sidebar was loaded. */
  ready: false,
  /** The key in the address, and the chat that has it. */
  key: "",
  open: null,
  /** What is searched for, and the keys found. */
  search: "",
  found: null,
};

export const state = {};
reset();

/** Nobody is logged in. */
export function reset() {
  Object.assign(state, NOTHING, {
    /** By key: a person's id (for the direct conversation, started or not) or else the conversation's. */
    chats: new Map(),
    /** Ids of those who are online. */
    online: new Set(),
    /** Where the sidebar's two lists go on, while they do. */
    more: { conversations: null, people: null },
    /** Messages that the server has not confirmed, oldest first. */
    outbox: [],
  });
}

/** The chat with a person, whom this may be the first to tell of. */
export function chatWith(user) {
  const chat = state.chats.get(user.id) ?? newChat(user.id, { userId: user.id });
  chat.peer = { ...chat.peer, ...user };
  chat.title = user.displayName;
  return chat;
}

function newChat(key, ref) {
  const chat = {
    key,
    ref,
    title: "",
    /** The other person of a direct conversation. */
    peer: null,
    /** The conversation's id, once it was started. */
    id: null,
    /** The newest message, which `messages` may not hold yet. */
    last: null,
    activeAt: "",
    /** Members, and the seq of what each has read, by user id. */
    members: new Map(),
    read: new Map(),
    /** The seq up to which the viewer has seen it; the server may not know yet. */
    seen: 0,
    /** In the order of seq, without a hole. */
    messages: [],
    /** The cursor for what comes before them; null at the beginning, undefined while nothing was loaded. */
    earlier: undefined,
    loading: false,
    /** What is written and not sent, and why the server refused it, if it did. */
    draft: "",
    problem: "",
    typedAt: 0,
    /** Who types now, by user id. */
    typing: new Map(),
  };
  state.chats.set(key, chat);
  return chat;
}

/** Takes in what is told of a conversation. */
export function learn(conversation) {
  const { id, kind, members } = conversation;
  const peer = kind === "DIRECT" && members.find(({ user }) => user.id !== state.me.id)?.user;
  const chat = peer ? chatWith(peer) : state.chats.get(id) ?? newChat(id, { conversationId: id });
  chat.id = id;
  chat.title = peer ? peer.displayName : conversation.title ?? "";
  chat.members = new Map(members.map(({ user }) => [user.id, user]));
  for (const { user, lastRead } of members) readUpTo(chat, user.id, lastRead?.seq ?? 0);
  if (conversation.lastMessage) newest(chat, conversation.lastMessage);
  chat.activeAt ||= conversation.lastActivityAt ?? "";
  return chat;
}

/** Takes in a message that was sent just now, by whomever. */
export function receive(message) {
  const chat = learn(message.conversation);
  const news = !chat.messages.some(({ id }) => id === message.id);
  add(chat, [message]);
  newest(chat, message);
  if (message.sender.id === state.me.id) {
    settle(message.clientMessageId);
  } else if (news) {
    chat.typing.delete(message.sender.id);
    events.dispatchEvent(new CustomEvent("message", { detail: { chat, message } }));
  }
}

/** A message of the viewer's has arrived, or was refused. */
export function settle(clientMessageId) {
  state.outbox = state.outbox.filter((entry) => entry.clientMessageId !== clientMessageId);
}

/** Takes in a page of a chat's history. */
export function add(chat, messages) {
  const known = new Set(chat.messages.map(({ id }) => id));
  chat.messages.push(...messages.filter(({ id }) => !known.has(id)));
  chat.messages.sort((a, b) => a.seq - b.seq);
}

function newest(chat, message) {
  if (message.seq > (chat.last?.seq ?? 0)) {
    chat.last = message;
    chat.activeAt = message.sentAt;
  }
  // Whoever sends has read.
  readUpTo(chat, message.sender.id, message.seq);
}

function readUpTo(chat, userId, seq) {
  chat.read.set(userId, Math.max(seq, chat.read.get(userId) ?? 0));
}

/** How many messages of a chat are unread. */
export function unread(chat) {
  return Math.max(0, (chat.last?.seq ?? 0) - Math.max(chat.seen, chat.read.get(state.me.id) ?? 0));
}
