import assert from 'node:assert/strict';
import { test } from 'node:test';

import { checkDelivery, type Seen } from '../support/delivery.js';

const seen = (seq: number): Seen => ({
  id: `id ${seq}`,
  seq,
  body: `message ${seq}`,
  conversation: 'c',
});

test('everything once and in order is right', () => {
  checkDelivery([seen(1), seen(2), seen(3)], [seen(1), seen(2), seen(3)]);
});

test('what is lost, repeated, turned round or made up is found', () => {
  const sent = [seen(1), seen(2), seen(3)];
  const wrong: [Seen[], RegExp][] = [
    [[seen(1), seen(3)], /lost 1 of 3, such as message 2/],
    [[seen(1), seen(2), seen(2), seen(3)], /repeated: message 2/],
    [[seen(2), seen(1), seen(3)], /out of order: message 1/],
    [[seen(1), seen(2), seen(3), seen(4)], /never sent: message 4/],
  ];
  for (const [received, complaint] of wrong) {
    assert.throws(() => checkDelivery(sent, received), complaint);
  }
});
