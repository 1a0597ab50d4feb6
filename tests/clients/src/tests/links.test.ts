// Before the snippets, which look at it when they are loaded.
import { window } from '../support/window.js';

import assert from 'node:assert/strict';
import { afterEach, mock, test } from 'node:test';

import { pause, tryNow } from '../snippets/pause.js';
import { openSocket, type LinkState } from '../snippets/socket.js';
import { Link } from '../support/link.js';
import { Log } from '../support/log.js';
import { Person } from '../support/people.js';
import { wsEndpoint } from '../support/server.js';

const stops: (() => void)[] = [];
afterEach(() => {
  for (const stop of stops.splice(0).reverse()) stop();
  mock.restoreAll();
});

/** A socket over a link, with every state that it told. */
async function open(prepare = (_: Link) => {}) {
  const link = await Link.to(wsEndpoint);
  stops.push(() => link.close());
  prepare(link);
  const states = new Log<LinkState>();
  const onState = states.add;
  // No watchdog helps within the time of a test.
  const socket = openSocket(link.url, await Person.signUp('ann'), { keepAlive: 100_000, onState });
  const query = 'subscription { newMessage { cursor message { id } } }';
  const sink = { next: () => {}, error: () => {}, complete: () => {} };
  const close = socket.subscribe({ query }, sink);
  stops.push(close);
  const become = (...wanted: LinkState[]) =>
    states.until(() => JSON.stringify(states.items) === JSON.stringify(wanted), wanted.join(', '));
  return { link, close, states, become };
}

/** Pauses take days from now on: whoever tries again was told to. */
const pauseForDays = () => mock.method(Math, 'random', () => 100_000);

test('the app is told how it stands with the link', async () => {
  const { link, close, become } = await open();
  await become('connecting', 'online');
  link.cut();
  await become('connecting', 'online', 'offline', 'connecting', 'online');
  close();
  await become('connecting', 'online', 'offline', 'connecting', 'online', 'idle');
});

const signs: [string, () => unknown][] = [
  ['"try now"', tryNow],
  ['the network is back', () => window.dispatchEvent(new Event('online'))],
  ['the page becomes visible', () => window.dispatchEvent(new Event('visibilitychange'))],
];
for (const [sign, give] of signs) {
  test(`it connects at once when ${sign}`, async () => {
    const { link, become } = await open();
    await become('connecting', 'online');
    pauseForDays();
    link.refuses = true;
    link.cut();
    const cut = ['connecting', 'online', 'offline'] as const;
    await become(...cut);
    give();
    await become(...cut, 'connecting', 'offline');
    link.refuses = false;
    give();
    await become(...cut, 'connecting', 'offline', 'connecting', 'online');
  });
}

test('pauses grow to 8 seconds and no further', () => {
  mock.method(Math, 'random', () => 1);
  const timers = mock.method(globalThis, 'setTimeout');
  for (const failures of [0, 1, 2, 3, 4, 100]) void pause(failures);
  const waits = timers.mock.calls.map(({ arguments: [, wait] }) => wait);
  tryNow();
  assert.deepEqual(waits, [1_000, 2_000, 4_000, 8_000, 8_000, 8_000]);
});

test('a page that is put away has nothing tried', async () => {
  const { link, become } = await open((link) => (link.dead = true));
  await link.fates.until((fates) => fates.length === 1, 'the first connection');
  Object.assign(globalThis, { document: { hidden: true } });
  window.dispatchEvent(new Event('visibilitychange'));
  Object.assign(globalThis, { document: { hidden: false } });
  await become('connecting');
});

test('"try now" gives up a connection that nobody answers for another', async () => {
  const { link, become } = await open((link) => (link.dead = true));
  await link.fates.until((fates) => fates.length === 1, 'the first connection');
  await become('connecting');
  pauseForDays();
  link.dead = false;
  tryNow();
  await become('connecting', 'offline', 'connecting', 'online');
});

test('"try now" finds out that an open link is dead', async () => {
  const { link, become } = await open();
  await become('connecting', 'online');
  link.silence();
  tryNow();
  await become('connecting', 'online', 'offline', 'connecting', 'online');
});

test('"try now" leaves a link that lives alone', async () => {
  const { link, states, become } = await open();
  await become('connecting', 'online');
  tryNow();
  tryNow();
  link.cut();
  await become('connecting', 'online', 'offline', 'connecting', 'online');
  assert.equal(link.fates.items.length, 2, states.items.join());
});
