// Shown: events
import { parse } from 'graphql';

export const EVENTS = parse(`
  subscription Events($after: String) {
    events(after: $after) {
      __typename
      cursor
      previous
      ... on NewMessage { message { ...Shown conversation { ...Known } } }
      ... on MessageChanged { message { ...Shown } }
      ... on ConversationChanged { conversation { ...Known } }
      ... on ConversationRead { conversation { ...Known } }
      ... on ConversationLeft { conversationId }
    }
  }
  fragment Known on Conversation {
    id
    title
    lastActivityAt
    unreadCount
    lastMessage { ...Shown }
    members { role user { id displayName } lastRead { id } }
  }
  fragment Shown on Message {
    id
    seq
    body
    editedAt
    deletedAt
    sender { id displayName }
    reactions { emoji count viewerReacted }
  }
`);

type Thing = { __typename: string; id: string };

export type ChatEvent = { cursor: string; previous: string } & (
  | { __typename: 'NewMessage'; message: Thing & { conversation: Thing } }
  | { __typename: 'ConversationChanged'; conversation: Thing }
  | { __typename: 'ConversationLeft'; conversationId: string }
  | { __typename: 'MessageChanged' | 'ConversationRead' }
);
// Shown: end
