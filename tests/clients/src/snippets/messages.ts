// Shown: messages
import type { ApolloCache, ApolloClient } from '@apollo/client';
import { graphql } from '../gql/index.js';
import type { ConversationRef, MessagePartsFragment } from '../gql/graphql.js';

export const HISTORY = graphql(`
  query History($in: ConversationRef!, $before: String) {
    messages(in: $in, last: 20, before: $before) {
      nodes {
        ...MessageParts
      }
      pageInfo {
        hasPreviousPage
        startCursor
      }
    }
  }
  fragment MessageParts on Message {
    id
    clientMessageId
    seq
    body
    sentAt
    sender {
      id
      displayName
    }
  }
`);

const LIVE = graphql(`
  subscription Live($after: String) {
    newMessage(after: $after) {
      cursor
      message {
        ...MessageParts
        conversation {
          id
          kind
          unreadCount
          lastMessage {
            id
            body
          }
          members {
            user {
              id
            }
          }
        }
      }
    }
  }
`);

const SEND = graphql(`
  mutation Send($input: SendMessageInput!) {
    sendMessage(input: $input) {
      ...MessageParts
    }
  }
`);

/** Adds a message to the list that shows a conversation, if one does. */
function show(cache: ApolloCache, to: ConversationRef, message: MessagePartsFragment) {
  cache.updateQuery({ query: HISTORY, variables: { in: to } }, (shown) => {
    return shown && { messages: { ...shown.messages, nodes: [message] } };
  });
}

/** Takes in all new messages after a `streamCursor`. */
export function followMessages(
  client: ApolloClient,
  viewer: string,
  after: string,
  onMessage = (_: MessagePartsFragment) => {},
) {
  const { cache } = client;
  return client.subscribe({ query: LIVE, variables: { after } }).subscribe(({ data }) => {
    if (!data) return;
    const { conversation, ...message } = data.newMessage.message;
    const { __typename, id, kind, members } = conversation;
    // The first message begins a conversation, of which the cache still says that there is none.
    const others = members.filter(({ user }) => kind === 'DIRECT' && user.id !== viewer);
    for (const { user } of others) {
      cache.modify<{ directConversation: object | null }>({
        id: cache.identify(user) ?? '',
        fields: {
          directConversation: (_, { toReference }) => toReference({ __typename, id }) ?? null,
        },
      });
    }
    show(cache, { conversationId: id }, message);
    onMessage(message);
  });
}

/** Sends a message, which shows from now on, and stays until the server has refused it. */
export function sendMessage(
  client: ApolloClient,
  me: { id: string; displayName: string },
  to: ConversationRef,
  body: string,
) {
  const clientMessageId = crypto.randomUUID();
  return client.mutate({
    mutation: SEND,
    variables: { input: { to, body, clientMessageId } },
    optimisticResponse: {
      sendMessage: {
        __typename: 'Message',
        id: clientMessageId,
        clientMessageId,
        seq: Number.MAX_SAFE_INTEGER,
        body,
        sentAt: new Date().toISOString(),
        sender: { __typename: 'User', ...me },
      },
    },
    update: (cache, { data }) => data && show(cache, to, data.sendMessage),
  });
}
// Shown: end
