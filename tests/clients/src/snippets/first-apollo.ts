// Shown: first-apollo
import { ApolloClient, ApolloLink, HttpLink, InMemoryCache } from '@apollo/client';
import { GraphQLWsLink } from '@apollo/client/link/subscriptions';
import { createClient } from 'graphql-ws';

export const firstApolloClient = (url: string) =>
  new ApolloClient({
    link: ApolloLink.split(
      ({ operationType }) => operationType === 'subscription',
      new GraphQLWsLink(createClient({ url: url.replace(/^http/, 'ws') })),
      new HttpLink({ uri: url, credentials: 'include' }),
    ),
    cache: new InMemoryCache(),
  });
// Shown: end
