// What the page knows. Nothing here asks the server (see sync.js, actions.js and writing.js) or touches the page (see
// sidebar.js and conversation.js).
//
// What answers bring of a conversation only grows: messages by id, the newest seq, read marks. So answers may come in
// any order, and twice. What can change otherwise (a message, a title, who the members are) does so by the stream of
// events alone, which has an order: an answer that it has overtaken undoes nothing.

/** Tells of "change", of "message" (one by somebody else arrived), "replies" (what is replied to has changed), "left"
 * (a group is not the viewer's any more), "unsent" (why something was not sent, to a chat that is not open), "reached"
 * (the message that the viewer wants to see is there), "synced" (after each connect), "ended" (the session is over) and
 * "replaced" (it is somebody else's by now). */
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
  /** The message that the viewer wants to see, as { key, id, seq }, until it is there. */
  goal: null,
  /** Grows whenever somebody is called differently from before. */
  naming: 0,
};

export const state = {};
reset();

/** Nobody is logged in. */
export function reset() {
  Object.assign(state, NOTHING, {
    /** Everyone who was heard of, by id, and the ids of those who have a name in common. */
    people: new Map(),
    namesakes: new Map(),
    /** By key: a person's id (for the direct conversation, started or not) or else the conversation's. */
    chats: new Map(),
    /** Ids of those who are online, and of those whom the viewer has blocked. */
    online: new Set(),
    blocked: new Set(),
    /** What the server can do beyond the first release. */
    features: new Set(),
    /** The messages found, with their chats, and where they go on, while they do; and what has changed since, by id. */
    foundMessages: { items: [], after: null, changes: new Map() },
    /** Where the sidebar's two lists go on, while they do. */
    more: { conversations: null, people: null },
    /** What is written and not sent, and the messages that it answers, by the chat's key. */
    drafts: {},
    replies: {},
    /** Messages that the server has not confirmed, oldest first. */
    outbox: [],
  });
}

/** Takes in what is told of a person. There is one object for each. */
export function know(user) {
  const person = state.people.get(user.id) ?? {};
  if (person.displayName !== user.displayName) {
    if (person.id) namesakes(person).delete(user.id);
    namesakes(user).add(user.id);
    state.naming++;
  }
  state.people.set(user.id, Object.assign(person, user));
  return person;
}

/** The words of a name or a title, more or less: capitals and spaces are easily overlooked. */
export const words = (text) => text.normalize("NFKC").toLowerCase().trim().split(/\s+/);

/** The ids of those who are called like a person. */
function namesakes({ displayName }) {
  const name = words(displayName).join(" ");
  if (!state.namesakes.has(name)) state.namesakes.set(name, new Set());
  return state.namesakes.get(name);
}

/** What tells a person from others of the same name, where there are any. */
export function handleOf(person) {
  // Those who have deleted their accounts have no usernames, and cannot be told apart.
  return person?.username && namesakes(person).size > 1 ? `@${person.username}` : "";
}

/** What to call somebody by id, in a sentence. */
export function nameOf(id) {
  const person = state.people.get(id);
  return person ? `${person.displayName} ${handleOf(person)}`.trim() : "Somebody";
}

/** Who has sent a message. */
export function whose({ sender }) {
  return sender.id === state.me.id ? "You" : nameOf(sender.id);
}

export const DELETED = "This message was deleted.";

/** A message in one line. */
export function excerpt({ body, deletedAt }) {
  return deletedAt ? DELETED : body.replace(/\s+/g, " ").slice(0, 200);
}

/** The chat with a person, whom this may be the first to tell of. */
export function chatWith(user) {
  const chat = state.chats.get(user.id) ?? newChat(user.id, { userId: user.id });
  chat.peer = know(user);
  return chat;
}

function newChat(key, ref) {
  const chat = {
    key,
    ref,
    /** The other person of a direct conversation, or what a group is called. */
    peer: null,
    name: "",
    get title() { return this.peer?.displayName ?? this.name; },
    /** The conversation's id, once it was started. */
    id: null,
    /** The newest message, which `messages` may not hold yet. */
    last: null,
    activeAt: "",
    /** The members' roles, and the seq of what each has read, by id. */
    members: new Map(),
    read: new Map(),
    /** The seq up to which the viewer has seen it; the server may not know yet. */
    seen: 0,
    /** The seq after which messages were unread when the chat was opened; null when none were. */
    unreadAfter: null,
    /** What waited for the connection is sent unasked, and passes what was missed: up to where the viewer has read all
     * the same, and how many of the messages behind that are such; null when there are none. */
    passed: null,
    /** In the order of seq, without a hole. */
    messages: [],
    /** The cursor for what comes before them; null at the beginning, undefined while nothing was loaded. */
    earlier: undefined,
    /** While earlier ones are asked for: what ends with the answer, and what the stream tells of them before. */
    loading: null,
    overtaken: new Map(),
    /** What went wrong, as a sentence. */
    problem: "",
    typedAt: 0,
    /** Who types now, by user id. */
    typing: new Map(),
  };
  state.chats.set(key, chat);
  return chat;
}

/** The chat that is a conversation, by the conversation's id. */
export function chatOf(id) {
  return state.chats.get(id) ?? [...state.chats.values()].find((chat) => chat.id === id);
}

/** Takes in what an answer tells of a conversation or, `newly`, the stream of events. */
export function learn(conversation, newly = false) {
  const { id, kind, members } = conversation;
  const peer = kind === "DIRECT" && members.find(({ user }) => user.id !== state.me.id)?.user;
  const chat = peer ? chatWith(peer) : state.chats.get(id) ?? newChat(id, { conversationId: id });
  if (newly || !chat.members.size) {
    chat.name = conversation.title ?? "";
    chat.members = new Map(members.map(({ user, role }) => [user.id, role]));
  }
  chat.id = id;
  for (const { user } of members) know(user);
  learnRead(chat, members);
  if (conversation.lastMessage) newest(chat, conversation.lastMessage);
  chat.activeAt ||= conversation.lastActivityAt ?? "";
  return chat;
}

/** Takes in how far each member has read. */
export function learnRead(chat, members) {
  for (const { user, lastRead } of members) readUpTo(chat, user.id, lastRead?.seq ?? 0);
}

/** The viewer is no member of a conversation any more. */
export function leave(id) {
  const chat = chatOf(id);
  if (!chat) return;
  state.chats.delete(chat.key);
  events.dispatchEvent(new CustomEvent("left", { detail: chat }));
}

/** Takes in a message that was sent just now, by whomever. */
export function receive(chat, message) {
  chat.id = message.conversation.id;
  const news = !chat.messages.some(({ id }) => id === message.id);
  if (news && message.sender.id === state.me.id) pass(chat, message);
  add(chat, [message]);
  newest(chat, message);
  if (message.sender.id === state.me.id) {
    settle(message.clientMessageId);
    if (!chat.passed) chat.unreadAfter = null;
  } else if (news) {
    chat.typing.delete(message.sender.id);
    arrived(chat, message);
  }
}

/** Tells of a message that was sent just now. */
export function arrived(chat, message) {
  if (message.sender.id === state.me.id) return;
  events.dispatchEvent(new CustomEvent("message", { detail: { chat, message } }));
}

/** Takes in what the stream of events says of a message, in its newest state. */
export function change(chat, message) {
  hear(message);
  if (chat.loading) chat.overtaken.set(message.id, message);
  if (chat.last?.id === message.id) chat.last = message;
  chat.messages.forEach((known, index) => { chat.messages[index] = newer(known, message); });
  state.outbox = state.outbox.map((entry) => newer(entry, message));
  if (state.search) state.foundMessages.changes.set(message.id, message);
  answer(chat, message);
}

/** What is written answers a message as it is now, and none that was deleted. */
function answer(chat, message) {
  const { key } = chat;
  if (state.replies[key]?.id !== message.id) return;
  state.replies[key] = message;
  if (message.deletedAt) {
    delete state.replies[key];
    chat.problem = "The message that you were answering was deleted.";
  }
  events.dispatchEvent(new Event("replies"));
}

/** A known message, or what a newer state of it or of the message that it answers makes of it. */
function newer(known, message) {
  if (known.id === message.id) return message;
  return known.replyTo?.id === message.id ? { ...known, replyTo: message } : known;
}

/** Takes in whom a message tells of. */
function hear({ sender, replyTo, reactions = [] }) {
  know(sender);
  if (replyTo) know(replyTo.sender);
  for (const { users } of reactions) users.forEach(know);
}

/** A message of the viewer's has arrived, or was refused. */
export function settle(clientMessageId) {
  state.outbox = state.outbox.filter((entry) => entry.clientMessageId !== clientMessageId);
}

/** Takes in a page of a chat's history. */
export function add(chat, messages) {
  const known = new Set(chat.messages.map(({ id }) => id));
  for (const message of messages) {
    hear(message);
    answer(chat, message);
  }
  chat.messages.push(...messages.filter(({ id }) => !known.has(id)));
  chat.messages.sort((a, b) => a.seq - b.seq);
}

function newest(chat, message) {
  if (message.seq > (chat.last?.seq ?? 0)) {
    know(message.sender);
    chat.last = message;
    chat.activeAt = message.sentAt;
  }
  // Whoever sends has read.
  readUpTo(chat, message.sender.id, message.seq);
}

export function readUpTo(chat, userId, seq) {
  chat.read.set(userId, Math.max(seq, chat.read.get(userId) ?? 0));
}

/** The seq up to which the viewer has seen a chat, here or elsewhere. */
export function seenUpTo(chat) {
  return Math.max(chat.seen, chat.passed ? chat.passed.after : chat.read.get(state.me.id) ?? 0);
}

/** A message of the viewer's arrives behind what they have seen; they may have written it without seeing that. */
function pass(chat, { seq, clientMessageId }) {
  const after = seenUpTo(chat);
  const waited = state.outbox.some((entry) => entry.clientMessageId === clientMessageId && entry.waits);
  if (chat.passed) chat.passed.own++;
  else if (waited && seq > after + 1) chat.passed = { after, own: 1 };
}

/** Whether the viewer owns a group. */
export function owns({ members }) {
  return members.get(state.me.id) === "OWNER";
}

/** Why nothing can be written in a chat, as a sentence, if that is so. */
export function closed({ peer }) {
  if (peer?.deletedAt) return "This account was deleted.";
  return state.blocked.has(peer?.id) ? `You have blocked ${nameOf(peer.id)}.` : "";
}

/** How many messages of a chat are unread. */
export function unread(chat) {
  return Math.max(0, (chat.last?.seq ?? 0) - seenUpTo(chat) - (chat.passed?.own ?? 0));
}
