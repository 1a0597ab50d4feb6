import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';

import { checkDelivery, type Seen } from '../support/delivery.js';
import { exchange, HeedlessListener, SocketListener } from '../support/exchange.js';
import { FaultyServer, type Fault } from '../support/faults.js';
import { Link } from '../support/link.js';
import { Person } from '../support/people.js';
import { wsEndpoint } from '../support/server.js';

const closing: { close(): void }[] = [];
afterEach(() => {
  for (const open of closing.splice(0).reverse()) open.close();
});

function closed<Open extends { close(): void }>(open: Open): Open {
  closing.push(open);
  return open;
}

async function listener(url: string, session: { token?: string }): Promise<SocketListener> {
  const listener = closed(new SocketListener(url, session));
  await listener.settled();
  return listener;
}

function seen(message: Omit<Seen, 'conversation'> & { conversation: { id: string } }): Seen {
  return { ...message, conversation: message.conversation.id };
}

test('nothing is lost or repeated while the link is cut and falls silent under load', async () => {
  const link = closed(await Link.to(wsEndpoint));
  const rounds = ['cut', 'silence', 'cut', 'cut', 'silence', 'cut', 'silence', 'cut'] as const;
  await exchange(link, rounds);
});

async function exchangeWith(fault: Fault, Listens = SocketListener): Promise<FaultyServer> {
  const server = closed(await FaultyServer.at(wsEndpoint, fault));
  await exchange(closed(await Link.to(server.url)), ['cut', 'silence', 'cut'], Listens);
  return server;
}

const faults: [Exclude<Fault, 'none'>, RegExp][] = [
  ['drops every tenth message', /^Error: lost/],
  ['repeats a message', /^Error: repeated/],
  ['ignores resume', /^Error: lost/],
];
for (const [fault, complaint] of faults) {
  test(`nothing is lost or repeated by something on the way that ${fault}`, async () => {
    const { committed } = await exchangeWith(fault);
    assert.notEqual(committed, 0, 'it was put to the test');
  });

  test(`a server that ${fault} is found out without a look at \`previous\``, async () => {
    await assert.rejects(exchangeWith(fault, HeedlessListener), complaint);
  });
}

test('a proxy that changes nothing is not taken for a broken server', async () => {
  await exchangeWith('none', HeedlessListener);
});

test('a connection that nobody answers is given up for another', async () => {
  const [ann, bob] = [await Person.signUp('ann'), await Person.signUp('bob')];
  const link = closed(await Link.to(wsEndpoint));
  link.dead = true;
  const listener = closed(new SocketListener(link.url, bob));
  await listener.closes.until((codes) => codes.includes(4499), 'the client gives up');
  link.dead = false;
  await listener.settled();
  await ann.send(bob, 'hello');
  await listener.received.until((items) => items.length === 1, 'the message');
});

test("after 4403 a new login's token is used at the next connect, and nothing is lost", async () => {
  const [ann, bob] = [await Person.signUp('ann'), await Person.signUp('bob')];
  const session = { token: bob.token };
  const { received, closes } = await listener(wsEndpoint, session);
  const sent = [seen(await ann.send(bob, 'before'))];
  await received.until((items) => items.length === 1, 'the first message');

  await bob.logOut();
  await closes.until((codes) => codes.filter((code) => code === 4403).length >= 2, '4403 twice');
  sent.push(seen(await ann.send(bob, 'meanwhile')));
  session.token = await bob.logIn();

  await received.until((items) => items.length === 2, 'the message sent meanwhile');
  sent.push(seen(await ann.send(bob, 'after')));
  await received.until((items) => items.length === 3, 'the message sent after');
  checkDelivery(sent, received.items);
});
