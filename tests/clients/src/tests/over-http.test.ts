import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';

import { ApolloClient, HttpLink, InMemoryCache } from '@apollo/client';
import { Client, fetchExchange } from '@urql/core';
import { print } from 'graphql';

import { graphql } from '../gql/index.js';
import { fetchAs } from '../snippets/session.js';
import { exchange, StreamListener } from '../support/exchange.js';
import { Link } from '../support/link.js';
import { Log } from '../support/log.js';
import { Person } from '../support/people.js';
import { endpoint } from '../support/server.js';

const HEAR = graphql(`
  subscription Hear {
    newMessage {
      cursor
      message {
        body
      }
    }
  }
`);

const stops: (() => void)[] = [];
afterEach(() => {
  for (const stop of stops.splice(0).reverse()) stop();
});

/** Sends one message after the other, each only when the one before has arrived. */
async function converse(ann: Person, bob: Person, heard: Log<string>): Promise<void> {
  for (let count = 1; count <= 3; count += 1) {
    await ann.send(bob, `message ${count}`);
    await heard.until((bodies) => bodies.length === count, `message ${count}, at once`);
  }
  assert.deepEqual(heard.items, ['message 1', 'message 2', 'message 3']);
}

/** Someone's `fetch`, which tells of every answer whose head has come: its subscription is live then. */
function watchedFetch(person: Person) {
  const opened = new Log<string>();
  const request = fetchAs(person);
  const watched: typeof fetch = async (input, init) => {
    const response = await request(input, init);
    opened.add(response.headers.get('content-type') ?? '');
    return response;
  };
  const live = (mediaType: string) =>
    opened.until((types) => types.some((type) => type.startsWith(mediaType)), mediaType);
  return { watched, live };
}

test('graphql-sse loses and repeats nothing while its connection is cut under load', async () => {
  const link = await Link.to(endpoint);
  stops.push(() => link.close());
  await exchange(link, ['cut', 'cut', 'cut', 'cut'], StreamListener);
});

test("urql's fetchSubscriptions brings each message at once", async () => {
  const [ann, bob] = [await Person.signUp('ann'), await Person.signUp('bob')];
  const { watched, live } = watchedFetch(bob);
  const client = new Client({
    url: endpoint,
    fetch: watched,
    fetchSubscriptions: true,
    exchanges: [fetchExchange],
    preferGetMethod: false,
  });
  const heard = new Log<string>();
  const { unsubscribe } = client.subscription(HEAR, {}).subscribe(({ data, error }) => {
    assert.equal(error, undefined);
    if (data) heard.add(data.newMessage.message.body);
  });
  stops.push(unsubscribe);
  await live('text/event-stream');
  await converse(ann, bob, heard);
});

test("Apollo's HttpLink alone brings each message at once", async () => {
  const [ann, bob] = [await Person.signUp('ann'), await Person.signUp('bob')];
  const { watched, live } = watchedFetch(bob);
  const client = new ApolloClient({
    link: new HttpLink({ uri: endpoint, fetch: watched }),
    cache: new InMemoryCache(),
  });
  const heard = new Log<string>();
  const subscription = client.subscribe({ query: HEAR }).subscribe(({ data, error }) => {
    assert.equal(error, undefined);
    if (data) heard.add(data.newMessage.message.body);
  });
  stops.push(() => subscription.unsubscribe());
  await live('multipart/mixed');
  await converse(ann, bob, heard);
});

test('a GET goes on after the event that Last-Event-ID names', async () => {
  const [ann, bob] = [await Person.signUp('ann'), await Person.signUp('bob')];
  const get = async (headers: Record<string, string>) => {
    const abort = new AbortController();
    stops.push(() => abort.abort());
    const response = await fetchAs(bob)(`${endpoint}?query=${encodeURIComponent(print(HEAR))}`, {
      headers: { accept: 'text/event-stream', ...headers },
      signal: abort.signal,
    });
    assert.equal(response.status, 200);
    const events = new Log<{ id: string | undefined; body: string }>();
    void (async () => {
      let text = '';
      for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
        text += chunk;
        const complete = text.split('\n\n');
        text = complete.pop()!;
        for (const event of complete) {
          const field = (name: string) =>
            event
              .split('\n')
              .find((line) => line.startsWith(`${name}: `))
              ?.slice(name.length + 2);
          const data = field('data');
          if (data)
            events.add({ id: field('id'), body: JSON.parse(data).data.newMessage.message.body });
        }
      }
    })().catch(() => {});
    return { events, abort };
  };
  const first = await get({});
  await ann.send(bob, 'one');
  await first.events.until((events) => events.length === 1, 'the first message');
  first.abort.abort();
  await ann.send(bob, 'two');
  const second = await get({ 'last-event-id': first.events.last!.id! });
  await ann.send(bob, 'three');
  await second.events.until((events) => events.length === 2, 'both others');
  assert.deepEqual(
    second.events.items.map(({ body }) => body),
    ['two', 'three'],
  );
});
