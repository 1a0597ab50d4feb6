import { cacheExchange, type Cache, type Variables } from '@urql/exchange-graphcache';
import { relayPagination } from '@urql/exchange-graphcache/extras';
import { graphql } from '../gql/index.js';
import type {
  ConversationRef,
  UrqlLiveSubscription,
  UrqlMessagePartsFragment,
  UrqlSendMutationVariables,
} from '../gql/graphql.js';

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
    sender {
      id
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

/** What `graphcache` takes new messages from. */
export const LIVE = graphql(`
  subscription UrqlLive($after: String) {
    newMessage(after: $after) {
      cursor
      message {
        ...UrqlMessageParts
        conversation {
          id
          kind
          unreadCount
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
      Member: isPartOfItsParent,
      NewMessage: isPartOfItsParent,
      OnlineUsersChange: isPartOfItsParent,
      Reaction: isPartOfItsParent,
      TypingEvent: isPartOfItsParent,
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
          sender: { __typename: 'User', id: myId },
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
        newMessage: (data, _variables, cache) => {
          const { message } = data['newMessage'] as UrqlLiveSubscription['newMessage'];
          const { __typename, id, kind, members } = message.conversation;
          // The first message begins a conversation, of which the cache still says that there is none.
          const others = members.filter(({ user }) => kind === 'DIRECT' && user.id !== myId);
          for (const { user } of others) {
            cache.link(user, 'directConversation', { __typename, id });
          }
          show(cache, { conversationId: id }, myId, message);
        },
      },
    },
  });
};
