// Shown: apollo
import { ApolloClient, ApolloLink, HttpLink, InMemoryCache, type Reference } from '@apollo/client';
import type { FieldFunctionOptions, FieldPolicy } from '@apollo/client/cache';
import { GraphQLWsLink } from '@apollo/client/link/subscriptions';
import { fetchAs, type Session } from './session.js';
import { openSocket } from './socket.js';

interface History {
  nodes: readonly Reference[];
  pageInfo: object;
}

/** All pages, live messages and optimistic entries of a conversation as one list in the order of `seq`. */
const histories = (session: Session): FieldPolicy<Record<string, History>, History> => {
  /** A direct conversation goes by its other member, once the cache has its `kind` and `members`. */
  const nameOf = ({ args, readField, toReference }: FieldFunctionOptions) => {
    const given = args?.['in'] as { userId?: string; conversationId?: string };
    const conversation = toReference({
      __typename: 'Conversation',
      id: given.conversationId ?? '',
    });
    const isDirect = session.viewer && readField('kind', conversation) === 'DIRECT';
    const members = (isDirect && readField<Reference[]>('members', conversation)) || [];
    const users = members.map((member) => readField('id', readField<Reference>('user', member)));
    const userId = users.find((id) => id !== session.viewer);
    return JSON.stringify(userId ? { userId } : given);
  };
  const read = (known: Record<string, History> | undefined, options: FieldFunctionOptions) =>
    known?.[nameOf(options)] ?? known?.[JSON.stringify(options.args?.['in'])];
  return {
    keyArgs: false,
    read,
    merge(known, incoming, options) {
      const { args, readField } = options;
      const seq = (message: Reference) => readField<number>('seq', message) ?? Infinity;
      const idOf = (message: Reference) =>
        readField<string>('clientMessageId', message) ?? readField<string>('id', message);
      const shown = read(known, options);
      const messages = [...(shown?.nodes ?? []), ...incoming.nodes];
      // An optimistic entry has the greatest `seq` of all; the real message with its name takes its place.
      messages.sort((a, b) => seq(b) - seq(a));
      const once = new Map(messages.map((message) => [idOf(message), message]));
      const nodes = [...once.values()].sort((a, b) => seq(a) - seq(b));
      const pageInfo = shown && !args?.['before'] ? shown.pageInfo : incoming.pageInfo;
      return { ...known, [nameOf(options)]: { ...incoming, nodes, pageInfo } };
    },
  };
};

export function apolloClient(
  url: string,
  session: Session,
  socket = openSocket(url.replace(/^http/, 'ws'), session),
) {
  return new ApolloClient({
    link: ApolloLink.split(
      ({ operationType }) => operationType === 'subscription',
      new GraphQLWsLink(socket),
      new HttpLink({ uri: url, fetch: fetchAs(session) }),
    ),
    cache: new InMemoryCache({
      typePolicies: { Query: { fields: { messages: histories(session) } } },
    }),
  });
}
// Shown: end
