import type { Client } from '@urql/core';
import { cacheExchange, type Cache, type Variables } from '@urql/exchange-graphcache';
import { relayPagination } from '@urql/exchange-graphcache/extras';
import { graphql } from '../gql/index.js';
import type {
  ConversationRef,
  UrqlConversationPartsFragment,
  UrqlEventsSubscription,
  UrqlMessagePartsFragment,
  UrqlSendMutationVariables,
} from '../gql/graphql.js';
import { follow } from './follow.js';
import type { Session } from './session.js';

/** A page of a conversation. */
export const HISTORY = graphql(`
  query UrqlHistory($in: ConversationRef!, $before: String) {
    messages(in: $in, last: 20, before: $before) {
      edges {
        cursor
        node {
          ...UrqlMessageParts
        }
      }
      pageInfo {
        hasPreviousPage
        hasNextPage
        startCursor
        endCursor
      }
    }
  }
  fragment UrqlMessageParts on Message {
    id
    clientMessageId
    seq
    body
    editedAt
    deletedAt
    sender {
      id
    }
    reactions {
      emoji
      count
      viewerReacted
    }
  }
`);

/** What `graphcache` shows at once. */
export const SEND = graphql(`
  mutation UrqlSend($input: SendMessageInput!) {
    sendMessage(input: $input) {
      ...UrqlMessageParts
    }
  }
`);

/** What `graphcache` is kept up to date by. */
export const EVENTS = graphql(`
  subscription UrqlEvents($after: String) {
    events(after: $after) {
      __typename
      cursor
      previous
      ... on NewMessage {
        message {
          ...UrqlMessageParts
          conversation {
            ...UrqlConversationParts
          }
        }
      }
      ... on MessageChanged {
        message {
          ...UrqlMessageParts
        }
      }
      ... on ConversationChanged {
        conversation {
          ...UrqlConversationParts
        }
      }
      ... on ConversationRead {
        conversation {
          ...UrqlConversationParts
        }
      }
      ... on ConversationLeft {
        conversationId
      }
    }
  }
  fragment UrqlConversationParts on Conversation {
    id
    kind
    title
    lastActivityAt
    unreadCount
    lastMessage {
      ...UrqlMessageParts
    }
    members {
      role
      user {
        id
      }
      lastRead {
        id
      }
    }
  }
`);

export type ChatEvent = UrqlEventsSubscription['events'];

/** Takes in all that happens after the session's `cursor`, until an error ends it. */
export function followEvents(
  client: Client,
  session: Session,
  onError: (error: unknown) => void,
  onEvent = (_: ChatEvent) => {},
) {
  const subscribe = (after: string | undefined, take: (event: ChatEvent) => void) =>
    client.subscription(EVENTS, { after }).subscribe(({ data, error }) => {
      if (error) onError(error);
      else if (data) take(data.events);
    }).unsubscribe;
  return follow(session, subscribe, onEvent);
}

/** A direct conversation goes by its other member, once the cache has its `kind` and `members`. */
function oneName(cache: Cache, to: ConversationRef, myId: string): ConversationRef {
  if (!to.conversationId) return to;
  const conversation = { __typename: 'Conversation', id: to.conversationId };
  if (cache.resolve(conversation, 'kind') !== 'DIRECT') return to;
  const members = (cache.resolve(conversation, 'members') ?? []) as string[];
  const users = members.map((member) => cache.resolve(member, 'user') as string | null);
  const ids = users.map((user) => user && cache.resolve(user, 'id'));
  const userId = ids.find((id) => id && id !== myId);
  return userId ? { userId: userId as string } : to;
}

/** Adds a message to the newest page, in place of the optimistic entry with its name. */
function show(cache: Cache, to: ConversationRef, myId: string, node: UrqlMessagePartsFragment) {
  const names = [oneName(cache, to, myId), to].map((name) => ({ in: name }));
  const isShown = (variables: { in: ConversationRef }) =>
    cache.readQuery({ query: HISTORY, variables }) !== null;
  const variables = names.find(isShown);
  if (!variables) return;
  cache.updateQuery({ query: HISTORY, variables }, (shown) => {
    if (!shown) return shown;
    const others = shown.messages.edges.filter(
      (edge) =>
        edge.node.id !== node.id && edge.node.clientMessageId !== (node.clientMessageId ?? ''),
    );
    const edges = [...others, { __typename: 'MessageEdge' as const, cursor: '', node }];
    edges.sort((a, b) => a.node.seq - b.node.seq);
    return { messages: { ...shown.messages, edges } };
  });
}

/** Makes a conversation known to the lists that show it and to the other member. */
function showConversation(
  cache: Cache,
  { __typename, id, kind, members }: UrqlConversationPartsFragment,
  myId: string,
) {
  const conversation = { __typename, id };
  for (const { fieldName, fieldKey } of cache.inspectFields('Query')) {
    if (fieldName !== 'conversations') continue;
    const list = cache.resolve('Query', fieldKey) as string;
    const nodes = (cache.resolve(list, 'nodes') ?? []) as string[];
    const key = cache.keyOfEntity(conversation)!;
    if (!nodes.includes(key)) cache.link(list, 'nodes', [key, ...nodes]);
  }
  const others = members.filter(({ user }) => kind === 'DIRECT' && user.id !== myId);
  for (const { user } of others) cache.link(user, 'directConversation', conversation);
}

const allPages = relayPagination();
const isPartOfItsParent = () => null;

/** A normalised cache: everything by its `id`, a conversation's pages as one list, optimistic sends. */
export const graphcache = (myId: string) => {
  const inOneName = (cache: Cache, args: Variables) => ({
    ...args,
    in: oneName(cache, args['in'] as ConversationRef, myId),
  });
  return cacheExchange({
    keys: {
      AuthPayload: isPartOfItsParent,
      ConversationChanged: isPartOfItsParent,
      ConversationLeft: isPartOfItsParent,
      ConversationRead: isPartOfItsParent,
      Member: isPartOfItsParent,
      MessageChanged: isPartOfItsParent,
      NewMessage: isPartOfItsParent,
      OnlineUsersChange: isPartOfItsParent,
      Reaction: isPartOfItsParent,
      Server: isPartOfItsParent,
      TypingEvent: isPartOfItsParent,
    },
    possibleTypes: {
      ChatEvent: [
        'NewMessage',
        'MessageChanged',
        'ConversationChanged',
        'ConversationRead',
        'ConversationLeft',
      ],
      Node: ['User', 'Conversation', 'Message', 'Session'],
    },
    resolvers: {
      Query: {
        messages: (parent, args, cache, info) =>
          allPages(parent, inOneName(cache, args), cache, info) ??
          allPages(parent, args, cache, info),
      },
    },
    optimistic: {
      sendMessage: (variables) => {
        const { input } = variables as UrqlSendMutationVariables;
        return {
          __typename: 'Message',
          id: input.clientMessageId,
          clientMessageId: input.clientMessageId,
          seq: Infinity,
          body: input.body,
          editedAt: null,
          deletedAt: null,
          sender: { __typename: 'User', id: myId },
          reactions: [],
        };
      },
    },
    updates: {
      Query: {
        messages: (_data, args, cache) => {
          const page = cache.resolve('Query', 'messages', args) as string;
          cache.link('Query', 'messages', inOneName(cache, args), page);
        },
      },
      Mutation: {
        sendMessage: (data, variables, cache) => {
          const { input } = variables as UrqlSendMutationVariables;
          show(cache, input.to, myId, data['sendMessage'] as UrqlMessagePartsFragment);
        },
      },
      Subscription: {
        events: (data, _variables, cache) => {
          const event = data['events'] as ChatEvent;
          if (event.__typename === 'NewMessage') {
            const { conversation, ...message } = event.message;
            show(cache, { conversationId: conversation.id }, myId, message);
          } else if (event.__typename === 'ConversationChanged') {
            showConversation(cache, event.conversation, myId);
          } else if (event.__typename === 'ConversationLeft') {
            cache.invalidate({ __typename: 'Conversation', id: event.conversationId });
          }
        },
      },
    },
  });
};
