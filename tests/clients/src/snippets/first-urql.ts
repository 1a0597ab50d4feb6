// Shown: first-urql
import { Client, fetchExchange, subscriptionExchange } from '@urql/core';
import { cacheExchange, type Cache, type Entity } from '@urql/exchange-graphcache';
import { createClient, type Sink } from 'graphql-ws';
import { EVENTS, type ChatEvent } from './events.js';
import { follow, type Place } from './follow.js';

/** Puts something into each such list in the cache, in the order of `seq`. */
function add(cache: Cache, parent: Entity, field: string, item: Entity) {
  const key = cache.keyOfEntity(item)!;
  const seq = (node: string) => Number(cache.resolve(node, 'seq') ?? 0);
  for (const { fieldName, fieldKey } of cache.inspectFields(parent)) {
    if (fieldName !== field) continue;
    const list = cache.resolve(parent, fieldKey) as string;
    const others = (cache.resolve(list, 'nodes') as string[]).filter((node) => node !== key);
    cache.link(
      list,
      'nodes',
      [...others, key].sort((a, b) => seq(a) - seq(b)),
    );
  }
}

/** Whatever has an id is changed in the cache by itself; lists are not. */
function takeIn(event: ChatEvent, cache: Cache) {
  if (event.__typename === 'NewMessage') {
    add(cache, event.message.conversation, 'messages', event.message);
  } else if (event.__typename === 'ConversationChanged') {
    add(cache, 'Query', 'conversations', event.conversation);
  } else if (event.__typename === 'ConversationLeft') {
    cache.invalidate({ __typename: 'Conversation', id: event.conversationId });
  }
}

const events = [
  'NewMessage',
  'MessageChanged',
  'ConversationChanged',
  'ConversationRead',
  'ConversationLeft',
];
const withoutId = [...events, 'Member', 'Reaction', 'Server', 'OnlineUsersChange', 'TypingEvent'];

export function firstUrqlClient(url: string, place: Place = {}) {
  const socket = createClient({
    url: url.replace(/^http/, 'ws'),
    connectionParams: () => ({ resume: place.cursor }),
    retryAttempts: Infinity,
    shouldRetry: () => true,
  });
  return new Client({
    url,
    preferGetMethod: false,
    fetchOptions: { credentials: 'include' },
    exchanges: [
      cacheExchange({
        keys: Object.fromEntries(withoutId.map((name) => [name, () => null])),
        possibleTypes: { ChatEvent: events, Node: ['User', 'Conversation', 'Message', 'Session'] },
        updates: {
          Subscription: {
            events: (data, _, cache) => takeIn(data['events'] as ChatEvent, cache),
          },
        },
      }),
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

/** Keeps the cache up to date, until an error that `onError` is told of; after RESYNC_REQUIRED load the screen anew. */
export function firstUrqlEvents(client: Client, place: Place, onError: (error: unknown) => void) {
  const subscribe = (after: string | undefined, onEvent: (event: ChatEvent) => void) =>
    client.subscription<{ events: ChatEvent }>(EVENTS, { after }).subscribe(({ data, error }) => {
      if (error) onError(error);
      else if (data) onEvent(data.events);
    }).unsubscribe;
  return follow(place, subscribe, () => {});
}
// Shown: end
