import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, test } from 'node:test';

import { print } from 'graphql';

import { apolloClient } from '../snippets/apollo.js';
import { graphcache, HISTORY as URQL_HISTORY, SEND } from '../snippets/graphcache.js';
import { HISTORY } from '../snippets/messages.js';
import { fetchAs } from '../snippets/session.js';
import { openSocket } from '../snippets/socket.js';
import { urqlClient } from '../snippets/urql.js';
import { Frontend } from '../support/frontend.js';
import { impatiently } from '../support/impatience.js';
import { Link } from '../support/link.js';
import { Log } from '../support/log.js';
import { data, Person } from '../support/people.js';
import { endpoint, wsEndpoint } from '../support/server.js';

const stops: (() => void)[] = [];
afterEach(() => {
  for (const stop of stops.splice(0).reverse()) stop();
});

async function linkTo(url: string): Promise<Link> {
  const link = await Link.to(url);
  stops.push(() => link.close());
  return link;
}

/** What has come of it for the other one. */
async function heardBy(bob: Person, ann: Person): Promise<string[]> {
  const { messages } = await data(HISTORY, { in: { userId: ann.id } }, bob.token);
  return messages.nodes.map(({ body }) => body);
}

/** Waits until connections have come to this end `count` times. */
function fails(link: Link, fate: 'refused' | 'lost its answer', count: number): Promise<void> {
  const times = () => link.fates.items.filter((item) => item === fate).length;
  return impatiently(link.fates.until(() => times() >= count, `${count} times ${fate}`));
}

/** Nothing but the newest list ever lacked it, or had it twice. */
function assertNeverGone(lists: readonly string[][], body: string): void {
  const first = lists.findIndex((list) => list.some((shown) => shown.startsWith(body)));
  assert.notEqual(first, -1);
  for (const list of lists.slice(first)) {
    const times = list.filter((shown) => shown.startsWith(body)).length;
    assert.equal(times, 1, `${JSON.stringify(lists)}`);
  }
}

/** Someone's history as urql with graphcache shows it, over a link. */
function urqlOver(link: Link, ann: Person, bob: Person) {
  const client = urqlClient(link.url, ann, graphcache(ann.id), openSocket(wsEndpoint, ann));
  const lists = new Log<string[]>();
  const { unsubscribe } = client
    .query(URQL_HISTORY, { in: { userId: bob.id } })
    .subscribe(({ data }) => data && lists.add(data.messages.edges.map(({ node }) => node.body)));
  stops.push(unsubscribe);
  const send = (body: string, clientMessageId: string | null = randomUUID()) =>
    client.mutation(SEND, { input: { to: { userId: bob.id }, body, clientMessageId } }).toPromise();
  return { lists, send };
}

async function apolloOver(link: Link, ann: Person, bob: Person) {
  const frontend = new Frontend(ann, link.url);
  stops.push(() => frontend.stop());
  await frontend.start();
  const { lists } = frontend.open({ userId: bob.id });
  return { frontend, lists, send: (body: string) => frontend.send({ userId: bob.id }, body) };
}

for (const client of ['Apollo', 'urql'] as const) {
  const open = client === 'Apollo' ? apolloOver : urqlOver;

  test(`${client}: one message comes of it however often the answer is lost, and it shows all the while`, async () => {
    const [ann, bob] = [await Person.signUp('ann'), await Person.signUp('bob')];
    const link = await linkTo(endpoint);
    const { lists, send } = await open(link, ann, bob);
    await lists.until((lists) => lists.length > 0, 'the empty list');

    link.losesAnswers = true;
    const sent = send('hello');
    await fails(link, 'lost its answer', 3);
    assert.deepEqual(await heardBy(bob, ann), ['hello'], 'the server has it');
    link.losesAnswers = false;
    const { error } = await impatiently<{ error?: unknown }>(sent);
    assert.equal(error, undefined);
    await lists.until((lists) => lists.at(-1)?.[0] === 'hello', 'the real message');
    assertNeverGone(lists.items, 'hello');
    assert.deepEqual(await heardBy(bob, ann), ['hello']);
  });

  test(`${client}: what is written without a network waits for it, in order`, async () => {
    const [ann, bob] = [await Person.signUp('ann'), await Person.signUp('bob')];
    const link = await linkTo(endpoint);
    const { lists, send } = await open(link, ann, bob);
    await lists.until((lists) => lists.length > 0, 'the empty list');

    link.refuses = true;
    link.cut();
    const bodies = Array.from({ length: 5 }, (_, index) => `message ${index + 1}`);
    const sends = bodies.map((body) => send(body));
    await fails(link, 'refused', 3);
    assert.deepEqual(lists.last?.map((body) => body.replace(' …', '')).sort(), bodies);
    link.refuses = false;
    await impatiently(Promise.all<unknown>(sends));
    assert.deepEqual(await heardBy(bob, ann), bodies);
    for (const body of bodies) assertNeverGone(lists.items, body);
  });

  test(`${client}: what is refused, and what has no name, is sent once`, async () => {
    const [ann, bob] = [await Person.signUp('ann'), await Person.signUp('bob')];
    const link = await linkTo(endpoint);
    const requests: string[] = [];
    const counted: typeof fetch = (input, init) => {
      if (String(init?.body).includes('sendMessage')) requests.push(String(init?.body));
      return realFetch(input, init);
    };
    const realFetch = globalThis.fetch;
    globalThis.fetch = counted;
    stops.push(() => (globalThis.fetch = realFetch));

    const apollo = apolloClient(link.url, ann, openSocket(wsEndpoint, ann));
    const urql = urqlClient(link.url, ann);
    const send = async (body: string, clientMessageId: string | null) => {
      const variables = { input: { to: { userId: bob.id }, body, clientMessageId } };
      if (client === 'urql') {
        const { error } = await urql.mutation(SEND, variables).toPromise();
        if (error) throw error;
      } else {
        await apollo.mutate({ mutation: SEND, variables });
      }
    };
    await assert.rejects(send(' ', randomUUID()));
    assert.equal(requests.length, 1);
    link.losesAnswers = true;
    await assert.rejects(send('nameless', null));
    assert.equal(requests.length, 2);
    assert.deepEqual(await heardBy(bob, ann), ['nameless']);
  });
}

/** The body of a request that sends a message. */
const sending = (to: Person, body: string, clientMessageId: string) =>
  JSON.stringify({
    query: print(SEND),
    variables: { input: { to: { userId: to.id }, body, clientMessageId } },
  });

const post = (body: string, signal?: AbortSignal): RequestInit => ({
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body,
  signal: signal ?? null,
});

test('what a proxy answers in place of the server is no answer', async () => {
  const statuses = [502, 503, 504, 200];
  const tries = new Log<string>();
  const proxy = createServer((request, response) => {
    response.statusCode = statuses[tries.items.length] ?? 500;
    tries.add(request.url ?? '');
    response.end('<html></html>');
  });
  await once(proxy.listen(0, '127.0.0.1'), 'listening');
  stops.push(() => proxy.close());
  const { port } = proxy.address() as AddressInfo;
  const bob = await Person.signUp('bob');
  const sent = fetchAs({})(`http://127.0.0.1:${port}`, post(sending(bob, 'hello', randomUUID())));
  assert.equal((await impatiently(sent)).status, 200);
  assert.equal(tries.items.length, statuses.length);
});

test('a send on a link that has gone silent is sent again on another', async () => {
  const [ann, bob] = [await Person.signUp('ann'), await Person.signUp('bob')];
  const link = await linkTo(endpoint);
  link.dead = true;
  const answer = fetchAs(ann, 200)(link.url, post(sending(bob, 'hello', randomUUID())));
  await link.fates.until((fates) => fates.length >= 1, 'the first try');
  link.dead = false;
  assert.equal((await impatiently(answer)).status, 200);
  assert.deepEqual(await heardBy(bob, ann), ['hello']);
});

test('a send that its page gives up is not sent again, and holds up nothing', async () => {
  const [ann, bob] = [await Person.signUp('ann'), await Person.signUp('bob')];
  const link = await linkTo(endpoint);
  link.refuses = true;
  const abort = new AbortController();
  const request = fetchAs(ann);
  const given = request(link.url, post(sending(bob, 'given up', randomUUID()), abort.signal));
  const next = request(link.url, post(sending(bob, 'next', randomUUID())));
  await fails(link, 'refused', 2);
  abort.abort();
  await assert.rejects(impatiently(given), { name: 'AbortError' });
  link.refuses = false;
  assert.equal((await impatiently(next)).status, 200);
  assert.deepEqual(await heardBy(bob, ann), ['next']);
});

test('a message that waits goes in the name of who wrote it, or not at all', async () => {
  const people = [
    await Person.signUp('ann'),
    await Person.signUp('bob'),
    await Person.signUp('cid'),
  ];
  const [ann, bob, cid] = people as [Person, Person, Person];
  const link = await linkTo(endpoint);
  link.refuses = true;
  const session = { token: ann.token, viewer: ann.id };
  const answer = fetchAs(session)(link.url, post(sending(bob, 'from ann', randomUUID())));
  await fails(link, 'refused', 2);
  Object.assign(session, { token: cid.token, viewer: cid.id });
  link.refuses = false;
  assert.equal((await impatiently(answer)).status, 200);
  assert.deepEqual(await heardBy(bob, ann), ['from ann']);
  assert.deepEqual(await heardBy(bob, cid), []);
});
