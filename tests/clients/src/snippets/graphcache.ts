import { cacheExchange, type Cache } from '@urql/exchange-graphcache';
import { relayPagination } from '@urql/exchange-graphcache/extras';
import { graphql } from '../gql/index.js';
import type {
  ConversationRef,
  UrqlLiveSubscription,
  UrqlMessagePartsFragment,
  UrqlSendMutationVariables,
} from '../gql/graphql.js';

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

/** Adds a message to the newest page, in place of the optimistic entry with its name. */
function show(cache: Cache, to: ConversationRef, node: UrqlMessagePartsFragment) {
  cache.updateQuery({ query: HISTORY, variables: { in: to } }, (shown) => {
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

const isPartOfItsParent = () => null;

/** A normalised cache: everything by its `id`, a conversation's pages as one list, optimistic sends. */
export const graphcache = (myId: string) =>
  cacheExchange({
    keys: {
      AuthPayload: isPartOfItsParent,
      Member: isPartOfItsParent,
      NewMessage: isPartOfItsParent,
      OnlineUsersChange: isPartOfItsParent,
      Reaction: isPartOfItsParent,
      TypingEvent: isPartOfItsParent,
    },
    resolvers: { Query: { messages: relayPagination() } },
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
      Mutation: {
        sendMessage: (data, variables, cache) => {
          const { input } = variables as UrqlSendMutationVariables;
          show(cache, input.to, data['sendMessage'] as UrqlMessagePartsFragment);
        },
      },
      Subscription: {
        newMessage: (data, _variables, cache) => {
          const { message } = data['newMessage'] as UrqlLiveSubscription['newMessage'];
          const other = message.conversation.members.find(({ user }) => user.id !== myId);
          if (other) show(cache, { userId: other.user.id }, message);
        },
      },
    },
  });
