// Shown: first-urql
import { cacheExchange, Client, fetchExchange, subscriptionExchange } from '@urql/core';
import { createClient, type Sink } from 'graphql-ws';

export function firstUrqlClient(url: string) {
  const socket = createClient({ url: url.replace(/^http/, 'ws') });
  return new Client({
    url,
    preferGetMethod: false,
    fetchOptions: { credentials: 'include' },
    exchanges: [
      cacheExchange,
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
