/** A message as one side has it. */
export interface Seen {
  id: string;
  seq: number;
  body: string;
  conversation: string;
}

/**
 * Holds what a subscription brought against what was acknowledged: everything, once, in each conversation's order.
 * Throws what is wrong.
 */
export function checkDelivery(sent: readonly Seen[], received: readonly Seen[]): void {
  const times = new Map<string, number>();
  const lastSeq = new Map<string, number>();
  for (const { id, seq, body, conversation } of received) {
    times.set(id, (times.get(id) ?? 0) + 1);
    if (times.get(id) !== 1) throw new Error(`repeated: ${body}`);
    if (seq <= (lastSeq.get(conversation) ?? 0)) throw new Error(`out of order: ${body}`);
    lastSeq.set(conversation, seq);
  }
  const lost = sent.filter(({ id }) => !times.has(id)).map(({ body }) => body);
  if (lost.length > 0) {
    const some = lost.slice(0, 5).join(', ');
    throw new Error(`lost ${lost.length} of ${sent.length}, such as ${some}`);
  }
  const known = new Set(sent.map(({ id }) => id));
  const strange = received.find(({ id }) => !known.has(id));
  if (strange) throw new Error(`never sent: ${strange.body}`);
}
