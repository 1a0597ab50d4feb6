// Shown: urql
import { cacheExchange, Client, fetchExchange, subscriptionExchange } from '@urql/core';
import type { Sink } from 'graphql-ws';
import { fetchAs, type Session } from './session.js';
import { openSocket } from './socket.js';

export function urqlClient(
  url: string,
  session: Session,
  cache = cacheExchange,
  socket = openSocket(url.replace(/^http/, 'ws'), session),
) {
  return new Client({
    url,
    preferGetMethod: false,
    fetch: fetchAs(session),
    exchanges: [
      cache,
      fetchExchange,
      subscriptionExchange({
        forwardSubscription: ({ query = '', variables = {} }) => ({
          subscribe: (sink) => ({
            unsubscribe: socket.subscribe({ query, variables }, sink as Sink),
          }),
        }),
      }),
    ],
  });
}
// Shown: end
