// README: urql
import { cacheExchange, Client, fetchExchange, subscriptionExchange } from '@urql/core';
import { openSocket, type Session } from './socket.js';

export function urqlClient(url: string, session: Session, cache = cacheExchange) {
  const socket = openSocket(url.replace(/^http/, 'ws'), session);
  return new Client({
    url,
    preferGetMethod: false,
    fetchOptions: () => ({
      credentials: 'include',
      headers: session.token ? { authorization: `Bearer ${session.token}` } : undefined,
    }),
    exchanges: [
      cache,
      fetchExchange,
      subscriptionExchange({
        forwardSubscription: ({ query, variables }) => ({
          subscribe: (sink) => ({
            unsubscribe: socket.subscribe({ query: query ?? '', variables }, sink),
          }),
        }),
      }),
    ],
  });
}
// README: end
