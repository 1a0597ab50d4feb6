import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { afterEach, mock, test } from 'node:test';

import {
  type AnyVariables,
  type Client,
  type OperationResult,
  type TypedDocumentNode,
} from '@urql/core';
import { persistedExchange } from '@urql/exchange-persisted';

import { graphql } from '../gql/index.js';
import type { ConversationRef } from '../gql/graphql.js';
import { followEvents, graphcache, HISTORY, SEND, type ChatEvent } from '../snippets/graphcache.js';
import { urqlClient } from '../snippets/urql.js';
import { Log } from '../support/log.js';
import { Person } from '../support/people.js';
import { warningsIn } from '../support/warnings.js';
import { endpoint } from '../support/server.js';

const SIDEBAR = graphql(`
  query UrqlSidebar($search: String) {
    streamCursor
    sidebarUsers(search: $search) {
      nodes {
        id
        online
        directConversation {
          id
          unreadCount
        }
      }
    }
  }
`);

const stops: (() => void)[] = [];
afterEach(() => {
  for (const stop of stops.splice(0)) stop();
  mock.restoreAll();
});

/** Every state of a query. */
function follow<Data, Variables extends AnyVariables, Seen>(
  client: Client,
  document: TypedDocumentNode<Data, Variables>,
  variables: Variables,
  see: (data: Data) => Seen,
): Log<Seen> {
  const log = new Log<Seen>();
  // Told of the type, the document cache asks again for an empty list, too.
  const context = { additionalTypenames: ['Message'] };
  const results = client.query(document, variables, context);
  const { unsubscribe } = results.subscribe((result: OperationResult<Data, Variables>) => {
    assert.equal(result.error, undefined);
    if (result.data) log.add(see(result.data));
  });
  stops.push(unsubscribe);
  return log;
}

/** Loads the sidebar, and keeps the cache up to date from there on. */
async function live(client: Client, me: Person): Promise<Log<ChatEvent>> {
  const { data } = await client.query(SIDEBAR, {}).toPromise();
  const events = new Log<ChatEvent>();
  const session = { viewer: me.id, cursor: data!.streamCursor };
  stops.push(followEvents(client, session, assert.ifError, events.add));
  return events;
}

/** Of those events that bring messages. */
const bodiesIn = (events: readonly ChatEvent[]) =>
  events.flatMap((event) => (event.__typename === 'NewMessage' ? [event.message.body] : []));

const sendTo = (client: Client, to: ConversationRef, body: string) =>
  client.mutation(SEND, { input: { to, body, clientMessageId: randomUUID() } }).toPromise();

const send = (client: Client, to: Person, body: string) => sendTo(client, { userId: to.id }, body);

/** Holds the answers to requests back until it is released. */
function holdAnswers(): () => void {
  let release = () => {};
  const released = new Promise<void>((resolve) => (release = resolve));
  const real = globalThis.fetch;
  const held = mock.method(globalThis, 'fetch', async (...request: Parameters<typeof fetch>) => {
    const response = await real(...request);
    await released;
    return response;
  });
  return () => {
    held.mock.restore();
    release();
  };
}

const same = (one: unknown, other: unknown) => JSON.stringify(one) === JSON.stringify(other);

test('queries, mutations and subscriptions work with the document cache', async () => {
  const [ann, bob] = [await Person.signUp('ann'), await Person.signUp('bob')];
  const [anns, bobs] = [urqlClient(endpoint, ann), urqlClient(endpoint, bob)];
  const { data } = await bobs.query(SIDEBAR, { search: ann.username }).toPromise();
  assert.ok(data);
  assert.ok(data.sidebarUsers.nodes.some(({ id }) => id === ann.id));
  const events = await live(bobs, bob);
  const history = follow(bobs, HISTORY, { in: { userId: ann.id } }, ({ messages }) =>
    messages.edges.map(({ node }) => node.body),
  );

  const sent = await send(anns, bob, 'hello');
  assert.equal(sent.data?.sendMessage.seq, 1);
  await events.until((events) => same(bodiesIn(events), ['hello']), 'the message');
  assert.equal((await send(bobs, ann, 'hello yourself')).error, undefined);
  await history.until((pages) => same(pages.at(-1), ['hello', 'hello yourself']), 'the history');

  const refused = await send(anns, bob, ' ');
  const extensions = refused.error?.graphQLErrors[0]?.extensions;
  assert.deepEqual(extensions, { code: 'BAD_USER_INPUT', field: 'input.body' });
});

test('queries by GET, as urql sends them on its own, work as well', async () => {
  const ann = await Person.signUp('ann');
  const client = urqlClient(endpoint, ann);
  const result = await client
    .query(SIDEBAR, {}, { preferGetMethod: 'within-url-limit' })
    .toPromise();
  assert.equal(result.error, undefined);
});

test('a client that tries hashes sends documents then', async () => {
  const ann = await Person.signUp('ann');
  const client = urqlClient(endpoint, ann, persistedExchange());
  const result = await client.query(SIDEBAR, {}).toPromise();
  assert.equal(result.error, undefined);
  assert.ok(result.data);
});

test('graphcache keeps users and conversations by id: one event updates the sidebar', async () => {
  const [ann, bob] = [await Person.signUp('ann'), await Person.signUp('bob')];
  const client = urqlClient(endpoint, ann, graphcache(ann.id));
  const warned = mock.method(console, 'warn');
  const unread = follow(client, SIDEBAR, { search: bob.username }, ({ sidebarUsers }) => {
    const user = sidebarUsers.nodes.find(({ id }) => id === bob.id);
    return user?.directConversation?.unreadCount ?? 'no conversation';
  });
  await live(client, ann);
  await unread.until((counts) => counts.at(-1) === 'no conversation', 'the sidebar');
  const requests = mock.method(globalThis, 'fetch');
  await bob.send(ann, 'hello');
  await unread.until((counts) => counts.at(-1) === 1, 'one unread message');
  await bob.send(ann, 'are you there?');
  await unread.until((counts) => counts.at(-1) === 2, 'two unread messages');
  assert.equal(requests.mock.callCount(), 0, 'nothing is asked for');
  assert.deepEqual(warningsIn(warned.mock.calls), []);
});

test('graphcache shows an optimistic message once, pages back, and takes live messages in', async () => {
  const [ann, bob] = [await Person.signUp('ann'), await Person.signUp('bob')];
  const bodies: string[] = [];
  for (let count = 1; count <= 45; count += 1) {
    await bob.send(ann, `message ${count}`);
    bodies.push(`message ${count}`);
  }
  const client = urqlClient(endpoint, ann, graphcache(ann.id));
  const events = await live(client, ann);
  const history = follow(client, HISTORY, { in: { userId: bob.id } }, ({ messages }) => messages);
  const shown = () => history.last!.edges.map(({ node }) => node.body);
  const shows = (wanted: () => string[], what: string) =>
    history.until((pages) => pages.length > 0 && same(shown(), wanted()), what);
  await shows(() => bodies.slice(25), 'the newest page');

  const release = holdAnswers();
  const states = history.items.length;
  bodies.push('from ann');
  const sent = send(client, bob, 'from ann');
  await events.until((events) => bodiesIn(events).includes('from ann'), 'her own message live');
  release();
  assert.equal((await sent).error, undefined);
  await shows(() => bodies.slice(25), 'her message');
  for (const { edges } of history.items.slice(states)) {
    assert.equal(edges.filter(({ node }) => node.body === 'from ann').length, 1);
  }

  for (let page = 1; history.last!.pageInfo.hasPreviousPage; page += 1) {
    assert.ok(page <= 3, 'there are three pages');
    const before = history.last!.pageInfo.startCursor;
    await client.query(HISTORY, { in: { userId: bob.id }, before }).toPromise();
    bodies.push(`live ${page}`);
    await bob.send(ann, `live ${page}`);
    await events.until((events) => bodiesIn(events).at(-1) === bodies.at(-1), 'a live message');
    await shows(() => bodies.slice(Math.max(0, 25 - 20 * page)), `page ${page}`);
  }
  assert.deepEqual(shown(), bodies);
});

/** Shows a history, and waits until it is this. */
function openHistory(client: Client, conversation: ConversationRef) {
  const history = follow(client, HISTORY, { in: conversation }, ({ messages }) => messages);
  const shows = (wanted: string[], what: string) => {
    const shown = () => history.last?.edges.map(({ node }) => node.body);
    return history.until(() => same(shown(), wanted), what);
  };
  return { history, shows };
}

test('graphcache has one history of a conversation, by its user and by its id', async () => {
  const [ann, bob] = [await Person.signUp('ann'), await Person.signUp('bob')];
  const bodies: string[] = [];
  const say = async () => {
    bodies.push(`message ${bodies.length + 1}`);
    return bob.send(ann, bodies.at(-1)!);
  };
  while (bodies.length < 30) await say();
  const client = urqlClient(endpoint, ann, graphcache(ann.id));
  const events = await live(client, ann);
  const byUser = openHistory(client, { userId: bob.id });
  await byUser.shows(bodies.slice(-20), 'the newest page');
  const { conversation } = await say();
  await events.until((events) => bodiesIn(events).length === 1, 'the conversation is known');
  await byUser.shows(bodies.slice(10), 'by user');

  const requests = mock.method(globalThis, 'fetch');
  const byId = openHistory(client, { conversationId: conversation.id });
  await byId.shows(bodies.slice(10), 'by id');
  assert.equal(requests.mock.callCount(), 0, 'nothing is asked for');
  for (const to of [{ userId: bob.id }, { conversationId: conversation.id }]) {
    bodies.push(`message ${bodies.length + 1}`);
    assert.equal((await sendTo(client, to, bodies.at(-1)!)).error, undefined);
    await say();
    for (const history of [byUser, byId]) await history.shows(bodies.slice(10), 'both show both');
  }
  const before = byId.history.last!.pageInfo.startCursor;
  await client.query(HISTORY, { in: { conversationId: conversation.id }, before }).toPromise();
  for (const history of [byUser, byId]) await history.shows(bodies, 'both show all');
});

test('graphcache goes on with a history that was opened by an id when it learns whose it is', async () => {
  const [ann, bob] = [await Person.signUp('ann'), await Person.signUp('bob')];
  const { conversation } = await bob.send(ann, 'hello');
  const client = urqlClient(endpoint, ann, graphcache(ann.id));
  await live(client, ann);
  const byId = openHistory(client, { conversationId: conversation.id });
  await byId.shows(['hello'], 'by id');
  const requests = mock.method(globalThis, 'fetch');
  await bob.send(ann, 'are you there?');
  await byId.shows(['hello', 'are you there?'], 'both');
  for (const { edges } of byId.history.items) assert.notEqual(edges.length, 0);
  const byUser = openHistory(client, { userId: bob.id });
  await byUser.shows(['hello', 'are you there?'], 'by user');
  assert.equal(requests.mock.callCount(), 0, 'nothing is asked for');
});
