// Shown: messages
import type { ApolloCache, ApolloClient, Reference } from '@apollo/client';
import { graphql } from '../gql/index.js';
import type {
  ConversationPartsFragment,
  ConversationRef,
  EventsSubscription,
  MessagePartsFragment,
} from '../gql/graphql.js';
import { follow } from './follow.js';
import type { Session } from './session.js';

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
    editedAt
    deletedAt
    sender {
      id
      displayName
    }
    reactions {
      emoji
      count
      viewerReacted
    }
  }
`);

const EVENTS = graphql(`
  subscription Events($after: String) {
    events(after: $after) {
      __typename
      cursor
      previous
      ... on NewMessage {
        message {
          ...MessageParts
          conversation {
            ...ConversationParts
          }
        }
      }
      ... on MessageChanged {
        message {
          ...MessageParts
        }
      }
      ... on ConversationChanged {
        conversation {
          ...ConversationParts
        }
      }
      ... on ConversationRead {
        conversation {
          ...ConversationParts
        }
      }
      ... on ConversationLeft {
        conversationId
      }
    }
  }
  fragment ConversationParts on Conversation {
    id
    kind
    title
    lastActivityAt
    unreadCount
    lastMessage {
      ...MessageParts
    }
    members {
      role
      user {
        id
        displayName
      }
      lastRead {
        id
      }
    }
  }
`);

export type ChatEvent = EventsSubscription['events'];

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

/** Makes a conversation known to the lists that show it and to the other member. */
function showConversation(
  cache: ApolloCache,
  viewer: string | undefined,
  { __typename, id, kind, members }: ConversationPartsFragment,
) {
  cache.modify<{ conversations: any }>({
    fields: {
      conversations: (list: { nodes: Reference[] }, { readField, toReference }) => {
        const isShown = list.nodes.some((node) => readField('id', node) === id);
        return isShown
          ? list
          : { ...list, nodes: [toReference({ __typename, id })!, ...list.nodes] };
      },
    },
  });
  const others = members.filter(({ user }) => kind === 'DIRECT' && user.id !== viewer);
  for (const { user } of others) {
    cache.modify<{ directConversation: object | null }>({
      id: cache.identify(user) ?? '',
      fields: {
        directConversation: (_, { toReference }) => toReference({ __typename, id }) ?? null,
      },
    });
  }
}

/** Leaves nothing of a conversation that the viewer is not in any more. */
function forgetConversation(cache: ApolloCache, id: string) {
  cache.evict({ id: cache.identify({ __typename: 'Conversation', id }) ?? '' });
  const name = JSON.stringify({ conversationId: id });
  cache.modify<{ messages: any }>({
    fields: { messages: ({ [name]: _, ...others }: Record<string, object>) => others },
  });
  cache.gc();
}

/** Takes in all that happens after the session's `cursor`, until an error ends it. */
export function followEvents(
  client: ApolloClient,
  session: Session,
  onError: (error: unknown) => void,
  onEvent = (_: ChatEvent) => {},
) {
  const { cache } = client;
  const subscribe = (after: string | undefined, take: (event: ChatEvent) => void) => {
    const events = client.subscribe({ query: EVENTS, variables: { after } });
    const subscription = events.subscribe(({ data, error }) => {
      if (error) onError(error);
      else if (data) take(data.events);
    });
    return () => subscription.unsubscribe();
  };
  return follow<ChatEvent>(session, subscribe, (event) => {
    // What has an id is in the cache by now as the event has it.
    if (event.__typename === 'NewMessage') {
      const { conversation, ...message } = event.message;
      show(cache, { conversationId: conversation.id }, message);
    } else if (event.__typename === 'ConversationChanged') {
      showConversation(cache, session.viewer, event.conversation);
    } else if (event.__typename === 'ConversationLeft') {
      forgetConversation(cache, event.conversationId);
    }
    onEvent(event);
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
        editedAt: null,
        deletedAt: null,
        sender: { __typename: 'User', ...me },
        reactions: [],
      },
    },
    update: (cache, { data }) => data && show(cache, to, data.sendMessage),
  });
}
// Shown: end
