import assert from 'node:assert/strict';
import { afterEach, mock, test } from 'node:test';

import { graphql } from '../gql/index.js';
import { Group } from '../support/acts.js';
import { FaultyServer } from '../support/faults.js';
import type { Log } from '../support/log.js';
import { DEV_SERVER, on, url } from '../support/page.js';
import { data, Person } from '../support/people.js';
import { screens, type Screen } from '../support/screens.js';
import { warningsIn } from '../support/warnings.js';

const CURSOR = graphql(`
  query CursorBefore {
    streamCursor
  }
`);

const stops: (() => void)[] = [];
afterEach(() => {
  for (const stop of stops.splice(0).reverse()) stop();
  mock.restoreAll();
});

const people = (...names: string[]) => Promise.all(names.map((name) => Person.signUp(name)));

/** Plays a page that someone is signed in on. */
const onPageOf = (me: Person, run: () => Promise<void>) =>
  on(DEV_SERVER, async (page) => {
    page.cookie = `chinwag_session=${me.token}`;
    await run();
  });

async function show(name: string, url: string, me: Person, from?: string): Promise<Screen> {
  const screen = await screens[name]!(url, me, from);
  stops.push(screen.stop);
  await screen.list.until((states) => states.length > 0, 'the list');
  return screen;
}

/** Waits until messages are shown as these texts. */
const become = (history: Log<string[]>, ...texts: string[]) =>
  history.until(() => JSON.stringify(history.last) === JSON.stringify(texts), texts.join(', '));

for (const name of Object.keys(screens)) {
  test(`${name} shows whatever happens in a group, from the one stream of events`, async () => {
    const [ann, bob, cid] = (await people('ann', 'bob', 'cid')) as [Person, Person, Person];
    const warnings = mock.method(console, 'warn');
    await onPageOf(bob, async () => {
      const { list, open, errors } = await show(name, url, bob);
      const group = await Group.of(ann, 'Lunch', bob, cid);
      await list.until(() => list.last?.[0]?.title === 'Lunch', 'the new group');
      const history = open(group.id);
      await become(history);

      const requests = mock.method(globalThis, 'fetch');
      const one = await group.say('one');
      await become(history, 'one');
      await list.until(() => list.last?.[0]?.unreadCount === 1, 'unread');
      await group.as(bob).read(one);
      await list.until(() => list.last?.[0]?.unreadCount === 0, 'read on another device');
      await group.as(cid).read(one);
      const reads = (who: Person) => () =>
        list.last?.[0]?.members.find(({ user }) => user.id === who.id)?.lastRead?.id === one;
      for (const reader of [ann, bob, cid])
        await list.until(reads(reader), `${reader.username} reads`);

      await group.edit(one, 'first');
      await become(history, 'first (edited)');
      await group.as(cid).react(one, '👍');
      await become(history, 'first (edited) 👍1');
      await group.as(cid).say('two');
      await become(history, 'first (edited) 👍1', 'two');
      await group.delete(one);
      await become(history, ' (deleted)', 'two');
      assert.equal(list.last?.[0]?.lastMessage?.body, 'two');
      await group.rename('Dinner');
      await list.until(() => list.last?.[0]?.title === 'Dinner', 'the new name');
      assert.equal(requests.mock.callCount(), 0, 'nothing is asked for');

      await group.remove(bob);
      await list.until(() => list.last?.length === 0, 'the list without the group');
      assert.deepEqual(errors.items, []);
      assert.deepEqual(warningsIn(warnings.mock.calls), []);
    });
  });

  test(`${name} loses nothing to a proxy that drops events`, async () => {
    const [ann, bob] = (await people('ann', 'bob')) as [Person, Person];
    const group = await Group.of(ann, 'Lunch', bob);
    const proxy = await FaultyServer.at(url.replace('http', 'ws'), 'none');
    stops.push(() => proxy.close());
    await onPageOf(bob, async () => {
      const { list, open, errors } = await show(name, proxy.url.replace('ws', 'http'), bob);
      const history = open(group.id);
      await become(history);
      // The first of all, of which only the place where the stream began tells.
      proxy.drop(1);
      const one = await group.say('one');
      await group.say('two');
      await become(history, 'one', 'two');
      proxy.drop(2);
      await group.edit(one, 'first');
      await group.say('three');
      await group.say('four');
      await become(history, 'first (edited)', 'two', 'three', 'four');
      proxy.drop(1);
      await group.delete(one);
      await group.rename('Dinner');
      await become(history, ' (deleted)', 'two', 'three', 'four');
      await list.until(() => list.last?.[0]?.title === 'Dinner', 'the new name');
      proxy.drop(1);
      await group.remove(bob);
      await Group.of(ann, 'Supper', bob);
      const titles = () => list.last?.map(({ title }) => title).join();
      await list.until(() => titles() === 'Supper', 'the list without the one and with the other');
      assert.equal(proxy.committed, 5);
      assert.deepEqual(errors.items, []);
    });
  });
}

test('whoever has missed too much is told, and shows everything when it is loaded anew', async () => {
  const [ann, bob] = (await people('ann', 'bob')) as [Person, Person];
  const { streamCursor } = await data(CURSOR, {}, bob.token);
  const group = await Group.of(ann, 'Lunch', bob);
  let count = 0;
  const say = async () => {
    while (count < 5_000) await group.say(`message ${++count}`);
  };
  await Promise.all(Array.from({ length: 32 }, say));
  const last = 'the last of all';
  await group.say(last);
  await onPageOf(bob, async () => {
    for (const name of Object.keys(screens)) {
      const late = await show(name, url, bob, streamCursor);
      await late.errors.until((errors) => errors.length > 0, `${name} is told`);
      assert.match(JSON.stringify(late.errors.items), /RESYNC_REQUIRED/, name);
      late.stop();
      const anew = await show(name, url, bob);
      const history = anew.open(group.id);
      await history.until(() => history.last?.at(-1) === last, `${name} shows it`);
    }
  });
});
