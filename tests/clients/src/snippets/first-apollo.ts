// Shown: first-apollo
import { ApolloClient, ApolloLink, HttpLink, InMemoryCache } from '@apollo/client';
import type { Reference, StoreObject } from '@apollo/client';
import { GraphQLWsLink } from '@apollo/client/link/subscriptions';
import { createClient } from 'graphql-ws';
import { EVENTS, type ChatEvent } from './events.js';
import { follow, type Place } from './follow.js';

type List = { nodes: Reference[] };

export function firstApolloClient(url: string, place: Place = {}) {
  const socket = createClient({
    url: url.replace(/^http/, 'ws'),
    connectionParams: () => ({ resume: place.cursor }),
    retryAttempts: Infinity,
    shouldRetry: () => true,
  });
  const latestPage = { keyArgs: false, merge: (_: unknown, page: StoreObject) => page } as const;
  return new ApolloClient({
    link: ApolloLink.split(
      ({ operationType }) => operationType === 'subscription',
      new GraphQLWsLink(socket),
      new HttpLink({ uri: url, credentials: 'include' }),
    ),
    cache: new InMemoryCache({
      typePolicies: { Conversation: { fields: { messages: latestPage } } },
    }),
  });
}

/** Keeps the cache up to date, until an error that `onError` is told of; after RESYNC_REQUIRED load the screen anew. */
export function firstApolloEvents(
  client: ApolloClient,
  place: Place,
  onError: (error: unknown) => void,
) {
  const { cache } = client;
  const subscribe = (after: string | undefined, onEvent: (event: ChatEvent) => void) => {
    const events = client.subscribe<{ events: ChatEvent }>({
      query: EVENTS,
      variables: { after },
    });
    const subscription = events.subscribe(({ data, error }) => {
      if (error) onError(error);
      else if (data) onEvent(data.events);
    });
    return () => subscription.unsubscribe();
  };
  /** Puts something into a list, in the order of `seq`. */
  const add = (id: string, field: string, item: StoreObject) =>
    cache.modify<Record<string, any>>({
      id,
      fields: {
        [field]: (list: List, { toReference, readField }) => {
          const others = list.nodes.filter((node) => readField('id', node) !== item['id']);
          const seq = (node: Reference) => readField<number>('seq', node) ?? 0;
          const nodes = [...others, toReference(item)!].sort((a, b) => seq(a) - seq(b));
          return { ...list, nodes };
        },
      },
    });
  // Whatever has an id has been changed in the cache already; lists are not.
  return follow<ChatEvent>(place, subscribe, (event) => {
    if (event.__typename === 'NewMessage') {
      add(`Conversation:${event.message.conversation.id}`, 'messages', event.message);
    } else if (event.__typename === 'ConversationChanged') {
      add('ROOT_QUERY', 'conversations', event.conversation);
    } else if (event.__typename === 'ConversationLeft') {
      cache.evict({ id: `Conversation:${event.conversationId}` });
    }
  });
}
// Shown: end
