import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';

import { CombinedGraphQLErrors } from '@apollo/client';
import { print } from 'graphql';

import { graphql } from '../gql/index.js';
import { apolloClient } from '../snippets/apollo.js';
import type { Session } from '../snippets/session.js';
import { openSocket, type LinkState } from '../snippets/socket.js';
import { openStream } from '../snippets/stream.js';
import { urqlClient } from '../snippets/urql.js';
import { impatiently } from '../support/impatience.js';
import { Link } from '../support/link.js';
import { Log } from '../support/log.js';
import { COOKIE_SIGNUP, DEV_SERVER, newcomer, on } from '../support/page.js';
import { Person } from '../support/people.js';
import { endpoint, wsEndpoint } from '../support/server.js';

const WHOSE = graphql(`
  query Whose {
    me {
      id
    }
  }
`);

const SPEAK = graphql(`
  mutation Speak($input: SendMessageInput!) {
    sendMessage(input: $input) {
      sender {
        id
      }
    }
  }
`);

const LISTEN = print(
  graphql(`
    subscription Listen {
      newMessage {
        cursor
        message {
          body
        }
      }
    }
  `),
);

const stops: (() => void)[] = [];
afterEach(() => {
  for (const stop of stops.splice(0).reverse()) stop();
});

/** A tab in which someone signs up, and what it is told of others who do so beside it. */
async function tab() {
  const changes = new Log<string>();
  const session: Session = { onViewerChanged: () => changes.add('changed') };
  const client = apolloClient(endpoint, session);
  stops.push(() => client.stop());
  const { data } = await client.mutate({ mutation: COOKIE_SIGNUP, variables: newcomer() });
  session.viewer = data!.signup.user.id;
  return { client, session, id: session.viewer, changes };
}

const isViewerChanged = (error: unknown) =>
  CombinedGraphQLErrors.is(error) && error.errors[0]?.extensions?.['code'] === 'VIEWER_CHANGED';

/** Someone who hears what is said to them. */
async function audience() {
  const dan = await Person.signUp('dan');
  const said = { input: { to: { userId: dan.id }, body: 'hello', clientMessageId: 'a name' } };
  return { dan, said };
}

test('a tab does nothing in the name of who has signed in beside it, and is told', () =>
  on(DEV_SERVER, async () => {
    const { said } = await audience();
    const bob = await tab();
    const carla = await tab();
    assert.notEqual(bob.id, carla.id);
    await assert.rejects(
      bob.client.mutate({ mutation: SPEAK, variables: said }),
      isViewerChanged,
      'Apollo',
    );
    await assert.rejects(bob.client.query({ query: WHOSE }), isViewerChanged, 'Apollo');
    assert.equal(bob.changes.items.length, 2);

    const urql = urqlClient(endpoint, bob.session);
    for (const asked of [urql.query(WHOSE, {}), urql.mutation(SPEAK, said)]) {
      const { error } = await asked.toPromise();
      assert.equal(error?.graphQLErrors[0]?.extensions['code'], 'VIEWER_CHANGED');
    }
    assert.equal(bob.changes.items.length, 4);

    const { data } = await carla.client.mutate({ mutation: SPEAK, variables: said });
    assert.equal(data?.sendMessage.sender.id, carla.id);
    assert.equal(carla.changes.items.length, 0);
  }));

test('what waited for the network goes in the name of nobody else', () =>
  on(DEV_SERVER, async () => {
    const { said } = await audience();
    const bob = await tab();
    const link = await Link.to(endpoint);
    stops.push(() => link.close());
    link.refuses = true;
    const client = urqlClient(link.url, bob.session);
    const sent = client.mutation(SPEAK, said).toPromise();
    await link.fates.until((fates) => fates.length > 0, 'the first try');
    const carla = await tab();
    bob.session.viewer = carla.id;
    link.refuses = false;
    const { error } = await impatiently(sent);
    assert.equal(error?.graphQLErrors[0]?.extensions['code'], 'VIEWER_CHANGED');
  }));

test('a tab that does not say whose it is acts for whoever signed in last', () =>
  on(DEV_SERVER, async () => {
    const { said } = await audience();
    const bob = await tab();
    const carla = await tab();
    delete bob.session.viewer;
    const { data } = await bob.client.mutate({ mutation: SPEAK, variables: said });
    assert.equal(data?.sendMessage.sender.id, carla.id);
  }));

test('a socket that comes back to someone else tells so, and gives up', () =>
  on(DEV_SERVER, async () => {
    const bob = await tab();
    const link = await Link.to(wsEndpoint);
    stops.push(() => link.close());
    const states = new Log<LinkState>();
    const socket = openSocket(link.url, bob.session, { onState: states.add });
    const ends = new Log<{ code: number; reason: string }>();
    const error = (end: unknown) => ends.add(end as { code: number; reason: string });
    stops.push(socket.subscribe({ query: LISTEN }, { next: () => {}, error, complete: () => {} }));
    await states.until((states) => states.includes('online'), 'the socket is there');

    await tab();
    link.cut();
    await ends.until((ends) => ends.length > 0, 'the end');
    assert.equal(ends.last?.code, 4403);
    assert.equal(ends.last?.reason, 'VIEWER_CHANGED');
    assert.equal(bob.changes.items.length, 1);
    assert.equal(states.last, 'offline');
  }));

test('a stream that comes back to someone else tells so, and gives up', () =>
  on(DEV_SERVER, async () => {
    const bob = await tab();
    const link = await Link.to(endpoint);
    stops.push(() => link.close());
    const stream = openStream(link.url, bob.session);
    stops.push(() => stream.dispose());
    const opened = new Log<string>();
    const ends = new Log<unknown>();
    const sink = { next: () => {}, error: ends.add, complete: () => {} };
    stream.subscribe({ query: LISTEN }, sink, { connected: () => opened.add('opened') });
    await opened.until((opened) => opened.length > 0, 'the stream is there');

    await tab();
    link.cut();
    await ends.until((ends) => ends.length > 0, 'the end');
    assert.match(String(ends.last), /VIEWER_CHANGED/);
    assert.equal(bob.changes.items.length, 1);
  }));
