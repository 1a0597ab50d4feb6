// What the page asks of the API. All lists select the same fragments, so that one function takes in what they bring.

const USER = /* GraphQL */ `
  fragment UserParts on User { id username displayName avatarUrl deletedAt }`;

/** A message as lists and quotes show it. */
const SUMMARY = /* GraphQL */ `
  fragment SummaryParts on Message { id seq body sentAt deletedAt sender { ...UserParts } }`;

/** The server has all this at hand, without a look into its store. */
const MESSAGE = /* GraphQL */ `
  fragment MessageParts on Message {
    ...SummaryParts
    clientMessageId editedAt
    replyTo { ...SummaryParts }
    reactions { emoji count viewerReacted users(first: 3) { id username displayName } }
  } ${SUMMARY}`;

/** What the sidebar shows. The page counts what is unread by `seq`, as it knows everyone's read marks; one that does
 * not asks for `unreadCount`. */
const CONVERSATION = /* GraphQL */ `
  fragment ConversationParts on Conversation {
    id kind title lastActivityAt
    lastMessage { ...SummaryParts }
    members { role user { ...UserParts lastSeenAt } lastRead { seq } }
  }`;

const PAGE_INFO = "pageInfo { hasNextPage endCursor }";

export const ME = /* GraphQL */ `query Me { server { signupOpen } me { ...UserParts } } ${USER}`;
export const ABOUT_ME = /* GraphQL */ `
  query AboutMe { me { ...UserParts } blockedUsers { ...UserParts } } ${USER}`;
export const LOGIN = /* GraphQL */ `
  mutation Login($input: LoginInput!) { entered: login(input: $input) { user { ...UserParts } } } ${USER}`;
export const SIGNUP = /* GraphQL */ `
  mutation Signup($input: SignupInput!) { entered: signup(input: $input) { user { ...UserParts } } } ${USER}`;
export const LOGOUT = /* GraphQL */ `mutation Logout { logout }`;

/** Everything for the first look, and where the stream of events stood before any of it was read. */
export const SCREEN = /* GraphQL */ `
  query Screen {
    server { features }
    me { ...UserParts }
    blockedUsers { ...UserParts }
    streamCursor
    conversations(first: 50) { nodes { ...ConversationParts } ${PAGE_INFO} }
    sidebarUsers(first: 50) { nodes { ...UserParts lastSeenAt } ${PAGE_INFO} }
  } ${CONVERSATION} ${SUMMARY} ${USER}`;
export const MORE = {
  conversations: /* GraphQL */ `
    query MoreConversations($after: String!) {
      page: conversations(first: 50, after: $after) { nodes { ...ConversationParts } ${PAGE_INFO} }
    } ${CONVERSATION} ${SUMMARY} ${USER}`,
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
  } ${CONVERSATION} ${SUMMARY} ${USER}`;
/** For servers with the feature "search". */
export const SEARCH_MESSAGES = /* GraphQL */ `
  query SearchMessages($text: String!, $after: String) {
    searchMessages(text: $text, first: 20, after: $after) {
      nodes { ...SummaryParts conversation { ...ConversationParts } }
      ${PAGE_INFO}
    }
  } ${CONVERSATION} ${SUMMARY} ${USER}`;
export const PICK = /* GraphQL */ `
  query Pick($search: String, $after: String) {
    sidebarUsers(search: $search, first: 50, after: $after) { nodes { ...UserParts } ${PAGE_INFO} }
  } ${USER}`;
/** The key of a chat is a user's or a conversation's id. */
export const LOOKUP = /* GraphQL */ `
  query Lookup($id: ID!) {
    user(id: $id) { ...UserParts lastSeenAt directConversation { ...ConversationParts } }
    conversation(id: $id) { ...ConversationParts }
  } ${CONVERSATION} ${SUMMARY} ${USER}`;
export const HISTORY = /* GraphQL */ `
  query History($in: ConversationRef!, $last: Int!, $before: String) {
    messages(in: $in, last: $last, before: $before) {
      nodes { ...MessageParts }
      pageInfo { hasPreviousPage startCursor }
    }
  } ${MESSAGE} ${USER}`;

export const SEND = /* GraphQL */ `
  mutation Send($input: SendMessageInput!) {
    sendMessage(input: $input) { ...MessageParts conversation { id } }
  } ${MESSAGE} ${USER}`;
export const MARK_READ = /* GraphQL */ `
  mutation MarkRead($messageId: ID!) { markRead(messageId: $messageId) { members { user { id } lastRead { seq } } } }`;
export const SET_TYPING = /* GraphQL */ `
  mutation SetTyping($in: ConversationRef!, $typing: Boolean!) { setTyping(in: $in, typing: $typing) }`;

export const CREATE_GROUP = /* GraphQL */ `
  mutation CreateGroup($input: CreateGroupInput!) {
    createGroup(input: $input) { ...ConversationParts }
  } ${CONVERSATION} ${SUMMARY} ${USER}`;

// What these change is told by the stream of events, here as to everybody else.
export const EDIT_MESSAGE = /* GraphQL */ `
  mutation EditMessage($messageId: ID!, $body: String!) { editMessage(messageId: $messageId, body: $body) { id } }`;
export const DELETE_MESSAGE = /* GraphQL */ `
  mutation DeleteMessage($messageId: ID!) { deleteMessage(messageId: $messageId) { id } }`;
export const ADD_REACTION = /* GraphQL */ `
  mutation AddReaction($messageId: ID!, $emoji: String!) { addReaction(messageId: $messageId, emoji: $emoji) { id } }`;
export const REMOVE_REACTION = /* GraphQL */ `
  mutation RemoveReaction($messageId: ID!, $emoji: String!) {
    removeReaction(messageId: $messageId, emoji: $emoji) { id }
  }`;
export const RENAME_GROUP = /* GraphQL */ `
  mutation RenameGroup($conversationId: ID!, $title: String!) {
    renameGroup(conversationId: $conversationId, title: $title) { id }
  }`;
export const ADD_MEMBERS = /* GraphQL */ `
  mutation AddMembers($conversationId: ID!, $userIds: [ID!]!) {
    addMembers(conversationId: $conversationId, userIds: $userIds) { id }
  }`;
export const REMOVE_MEMBER = /* GraphQL */ `
  mutation RemoveMember($conversationId: ID!, $userId: ID!) {
    removeMember(conversationId: $conversationId, userId: $userId) { id }
  }`;

export const UPDATE_PROFILE = /* GraphQL */ `
  mutation UpdateProfile($input: UpdateProfileInput!) { updateProfile(input: $input) { ...UserParts } } ${USER}`;
export const CHANGE_PASSWORD = /* GraphQL */ `
  mutation ChangePassword($input: ChangePasswordInput!) { changePassword(input: $input) { expiresAt } }`;
export const DELETE_ACCOUNT = /* GraphQL */ `
  mutation DeleteAccount($password: String!) { deleteAccount(password: $password) }`;
export const SESSIONS = /* GraphQL */ `query Sessions { sessions { id device createdAt lastUsedAt current } }`;
export const REVOKE_SESSION = /* GraphQL */ `mutation RevokeSession($id: ID!) { revokeSession(id: $id) }`;
export const BLOCK_USER = /* GraphQL */ `
  mutation BlockUser($userId: ID!) { blockUser(userId: $userId) { ...UserParts } } ${USER}`;
export const UNBLOCK_USER = /* GraphQL */ `
  mutation UnblockUser($userId: ID!) { unblockUser(userId: $userId) { ...UserParts } } ${USER}`;

export const EVENTS = /* GraphQL */ `
  subscription Events($after: String!) {
    events(after: $after) {
      __typename cursor previous
      ... on NewMessage { message { ...MessageParts conversation { id } } }
      ... on MessageChanged { message { ...MessageParts conversation { id } } }
      ... on ConversationChanged { conversation { ...ConversationParts } }
      ... on ConversationLeft { conversationId }
      ... on ConversationRead { conversation { id } reader { id } lastRead { seq } }
    }
  } ${MESSAGE} ${CONVERSATION} ${USER}`;
export const ONLINE_USERS_CHANGED = /* GraphQL */ `
  subscription OnlineUsersChanged {
    onlineUsersChanged { joined { ...UserParts } left { ...UserParts lastSeenAt } }
  } ${USER}`;
export const TYPING = /* GraphQL */ `
  subscription Typing { typing { typing conversation { id } user { id } } }`;
