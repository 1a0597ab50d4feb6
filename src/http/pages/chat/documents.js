// What the page asks of the API. All lists select the same fragments, so that one function takes in what they bring.

const USER = /* GraphQL */ `
  fragment UserParts on User { id username displayName avatarUrl }`;

const MESSAGE = /* GraphQL */ `
  fragment MessageParts on Message { id seq body sentAt clientMessageId sender { id } }`;

/** A message as it arrives, with enough of its conversation to show one that is new. The server has all this at hand. */
const ARRIVAL = /* GraphQL */ `
  fragment ArrivalParts on Message {
    ...MessageParts
    conversation { id kind title members { user { ...UserParts } } }
  } ${MESSAGE} ${USER}`;

/** What the sidebar shows. The page counts what is unread by `seq`, as it knows everyone's read marks; one that does
 * not asks for `unreadCount`. */
const CONVERSATION = /* GraphQL */ `
  fragment ConversationParts on Conversation {
    id kind title lastActivityAt
    lastMessage { ...MessageParts }
    members { user { ...UserParts lastSeenAt } lastRead { seq } }
  } ${MESSAGE} ${USER}`;

const PAGE_INFO = "pageInfo { hasNextPage endCursor }";

export const ME = /* GraphQL */ `query Me { me { ...UserParts } } ${USER}`;
export const LOGIN = /* GraphQL */ `
  mutation Login($input: LoginInput!) { entered: login(input: $input) { user { ...UserParts } } } ${USER}`;
export const SIGNUP = /* GraphQL */ `
  mutation Signup($input: SignupInput!) { entered: signup(input: $input) { user { ...UserParts } } } ${USER}`;
export const LOGOUT = /* GraphQL */ `mutation Logout { logout }`;

/** Everything for the first look, and where the stream of messages stood before any of it was read. */
export const SCREEN = /* GraphQL */ `
  query Screen {
    me { id }
    streamCursor
    conversations(first: 50) { nodes { ...ConversationParts } ${PAGE_INFO} }
    sidebarUsers(first: 50) { nodes { ...UserParts lastSeenAt } ${PAGE_INFO} }
  } ${CONVERSATION}`;
export const MORE = {
  conversations: /* GraphQL */ `
    query MoreConversations($after: String!) {
      page: conversations(first: 50, after: $after) { nodes { ...ConversationParts } ${PAGE_INFO} }
    } ${CONVERSATION}`,
  people: /* GraphQL */ `
    query MorePeople($after: String!) {
      page: sidebarUsers(first: 50, after: $after) { nodes { ...UserParts lastSeenAt } ${PAGE_INFO} }
    } ${USER}`,
};
export const SEARCH = /* GraphQL */ `
  query Search($search: String!) {
    sidebarUsers(search: $search, first: 20) {
      nodes { ...UserParts lastSeenAt directConversation { ...ConversationParts } }
    }
  } ${CONVERSATION}`;
/** The key of a chat is a user's or a conversation's id. */
export const LOOKUP = /* GraphQL */ `
  query Lookup($id: ID!) {
    user(id: $id) { ...UserParts lastSeenAt directConversation { ...ConversationParts } }
    conversation(id: $id) { ...ConversationParts }
  } ${CONVERSATION}`;
export const HISTORY = /* GraphQL */ `
  query History($in: ConversationRef!, $last: Int!, $before: String) {
    messages(in: $in, last: $last, before: $before) {
      nodes { ...MessageParts }
      pageInfo { hasPreviousPage startCursor }
    }
  } ${MESSAGE}`;

export const SEND = /* GraphQL */ `
  mutation Send($input: SendMessageInput!) { sendMessage(input: $input) { ...ArrivalParts } } ${ARRIVAL}`;
export const MARK_READ = /* GraphQL */ `
  mutation MarkRead($messageId: ID!) { markRead(messageId: $messageId) { ...ConversationParts } } ${CONVERSATION}`;
export const SET_TYPING = /* GraphQL */ `
  mutation SetTyping($in: ConversationRef!, $typing: Boolean!) { setTyping(in: $in, typing: $typing) }`;

export const NEW_MESSAGE = /* GraphQL */ `
  subscription NewMessage($after: String!) {
    newMessage(after: $after) { cursor message { ...ArrivalParts } }
  } ${ARRIVAL}`;
export const CONVERSATION_CHANGED = /* GraphQL */ `
  subscription ConversationChanged { conversationChanged { ...ConversationParts } } ${CONVERSATION}`;
export const ONLINE_USERS_CHANGED = /* GraphQL */ `
  subscription OnlineUsersChanged {
    onlineUsersChanged { joined { ...UserParts } left { ...UserParts lastSeenAt } }
  } ${USER}`;
export const TYPING = /* GraphQL */ `
  subscription Typing { typing { typing conversation { id } user { id } } }`;
