// README: apollo
import { ApolloClient, ApolloLink, HttpLink, InMemoryCache, type Reference } from '@apollo/client';
import type { FieldPolicy } from '@apollo/client/cache';
import { SetContextLink } from '@apollo/client/link/context';
import { GraphQLWsLink } from '@apollo/client/link/subscriptions';
import { openSocket, type Session } from './socket.js';

interface History {
  nodes: readonly Reference[];
  pageInfo: object;
}

/** All pages, live messages and optimistic entries of a conversation as one list in the order of `seq`. */
const history: FieldPolicy<History> = {
  keyArgs: ['in'],
  merge(known, incoming, { args, readField }) {
    const seq = (message: Reference) => readField<number>('seq', message) ?? Infinity;
    const name = (message: Reference) =>
      readField<string>('clientMessageId', message) ?? readField<string>('id', message);
    const messages = [...(known?.nodes ?? []), ...incoming.nodes];
    // An optimistic entry has the greatest `seq` of all; the real message with its name takes its place.
    messages.sort((a, b) => seq(b) - seq(a));
    const once = new Map(messages.map((message) => [name(message), message]));
    const olderPage = !known || args?.['before'];
    return {
      ...incoming,
      nodes: [...once.values()].sort((a, b) => seq(a) - seq(b)),
      pageInfo: olderPage ? incoming.pageInfo : known.pageInfo,
    };
  },
};

export function apolloClient(url: string, session: Session) {
  const authorized = new SetContextLink(({ headers }) => ({
    headers: session.token ? { ...headers, authorization: `Bearer ${session.token}` } : headers,
  }));
  const http = new HttpLink({ uri: url, credentials: 'include' });
  const live = new GraphQLWsLink(openSocket(url.replace(/^http/, 'ws'), session));
  return new ApolloClient({
    link: ApolloLink.split(
      ({ operationType }) => operationType === 'subscription',
      live,
      authorized.concat(http),
    ),
    cache: new InMemoryCache({ typePolicies: { Query: { fields: { messages: history } } } }),
  });
}
// README: end
