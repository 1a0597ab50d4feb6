import { print } from 'graphql';
import type { Client as StreamClient } from 'graphql-sse';
import type { Client, Sink } from 'graphql-ws';

import { graphql } from '../gql/index.js';
import type { FollowSubscription } from '../gql/graphql.js';
import { follow } from '../snippets/follow.js';
import type { Session } from '../snippets/session.js';
import { openSocket } from '../snippets/socket.js';
import { openStream } from '../snippets/stream.js';
import { checkDelivery, type Seen } from './delivery.js';
import type { Link } from './link.js';
import { Log } from './log.js';
import { Person } from './people.js';

const FOLLOW = graphql(`
  subscription Follow($after: String) {
    events(after: $after) {
      __typename
      cursor
      previous
      ... on NewMessage {
        message {
          id
          seq
          body
          conversation {
            id
          }
        }
      }
    }
  }
`);

/** Milliseconds; short, so that a dead link is noticed while a test waits. */
const KEEP_ALIVE = 1_000;

/**
 * Messages that may be sent beyond what the listener has seen or, when that is later, beyond the moment it last
 * connected. However slow it is, what it misses in all the rounds together stays below what the server replays.
 */
const MOST_AHEAD = 300;

interface Answer {
  data?: FollowSubscription | null | undefined;
  errors?: unknown;
}

type Event = FollowSubscription['events'];

/** Someone who listens to what happens. */
export abstract class Listener {
  readonly received = new Log<Seen>();
  readonly connections = new Log<string>();
  readonly errors = new Log<unknown>();

  /** Subscribes to events as the README does, or `heedless` of `previous`. */
  protected listen(session: Session, heedless: boolean): void {
    const query = print(FOLLOW);
    const subscribe = (after: string | undefined, onEvent: (event: Event) => void) => {
      const variables = after ? { after } : {};
      return this.subscribe(
        { query, variables },
        {
          next: ({ data, errors }: Answer) => {
            if (errors) this.errors.add(errors);
            if (data) onEvent(data.events);
          },
          error: (error: unknown) => {
            this.errors.add(error);
            this.received.end(error);
          },
          complete: () => {},
        },
      );
    };
    const take = (event: Event) => {
      if (event.__typename !== 'NewMessage') return;
      const { conversation, ...message } = event.message;
      this.received.add({ ...message, conversation: conversation.id });
    };
    if (!heedless) return void follow(session, subscribe, take);
    subscribe(undefined, (event) => {
      session.cursor = event.cursor;
      take(event);
    });
  }

  protected connected(): void {
    this.connections.add('connected');
    this.received.wake();
  }

  protected abstract subscribe(
    request: { query: string; variables: Record<string, string> },
    sink: Sink<Answer>,
  ): () => void;

  /** Waits until the subscription is live. */
  abstract settled(): Promise<void>;
  abstract close(): void;
}

/** Someone who listens over a WebSocket, opened as the README does. */
export class SocketListener extends Listener {
  readonly closes = new Log<number>();
  private readonly client: Client;

  constructor(url: string, session: Session, heedless = false) {
    super();
    this.client = openSocket(url, session, { keepAlive: KEEP_ALIVE });
    this.client.on('connected', () => this.connected());
    this.client.on('closed', (event) => this.closes.add((event as { code: number }).code));
    this.listen(session, heedless);
  }

  protected override subscribe(...[request, sink]: Parameters<Listener['subscribe']>) {
    return this.client.subscribe<FollowSubscription>(request, sink);
  }

  async settled(): Promise<void> {
    // A socket answers this after the subscription before it has taken effect.
    for await (const _ of this.client.iterate({ query: '{ __typename }' }));
  }

  close(): void {
    // Never done when a connection is never answered.
    Promise.resolve(this.client.dispose()).catch(() => {});
  }
}

/** Someone who listens over a WebSocket and looks at nothing but `cursor`. */
export class HeedlessListener extends SocketListener {
  constructor(url: string, session: Session) {
    super(url, session, true);
  }
}

/** Someone who listens over Server-Sent Events, opened as the README does. */
export class StreamListener extends Listener {
  private readonly client: StreamClient;

  constructor(url: string, session: Session) {
    super();
    this.client = openStream(url, session);
    this.listen(session, false);
  }

  protected override subscribe(...[request, sink]: Parameters<Listener['subscribe']>) {
    return this.client.subscribe<FollowSubscription>(request, sink, {
      connected: () => this.connected(),
    });
  }

  settled(): Promise<void> {
    return this.connections.until((connections) => connections.length > 0, 'the stream opens');
  }

  close(): void {
    this.client.dispose();
  }
}

/** What befalls a link, once a round. */
export type Trouble = 'cut' | 'silence';

/**
 * Someone listens over `link` while three others write without pause, and trouble comes again and again.
 * Throws when a message was lost or came twice.
 */
export async function exchange(
  link: Link,
  troubles: readonly Trouble[],
  Listens: new (url: string, session: Session) => Listener = SocketListener,
): Promise<void> {
  const bob = await Person.signUp('bob');
  const senders = await Promise.all(['ann', 'cid', 'dan'].map((name) => Person.signUp(name)));
  const listener = new Listens(link.url, bob);
  const { received, connections } = listener;
  const sent: Seen[] = [];
  const send = async (sender: Person, body: string) => {
    const { conversation, ...message } = await sender.send(bob, `${sender.username}: ${body}`);
    sent.push({ ...message, conversation: conversation.id });
  };
  try {
    await listener.settled();
    let loaded = true;
    const newest = new Map<string, number>();
    let read = 0;
    let connected = { times: 0, sent: 0 };
    const within = (items: readonly Seen[]) => {
      for (const { conversation, seq } of items.slice(read)) newest.set(conversation, seq);
      read = items.length;
      const times = connections.items.length;
      if (times > connected.times) connected = { times, sent: sent.length };
      const seen = [...newest.values()].reduce((sum, seq) => sum + seq, 0);
      return !loaded || sent.length - Math.max(seen, connected.sent) < MOST_AHEAD;
    };
    const load = senders.map(async (sender) => {
      for (let count = 1; loaded; count += 1) {
        await send(sender, `message ${count}`);
        await received.until(within, 'the listener comes back');
      }
    });
    const more = async () => {
      const count = received.items.length;
      const come = received.until((items) => items.length > count + 20, 'messages come in');
      await Promise.race([come, Promise.all(load)]);
    };
    try {
      for (const trouble of troubles) {
        await more();
        const count = connections.items.length;
        link[trouble]();
        await connections.until((items) => items.length > count, `reconnected after ${trouble}`);
      }
      await more();
    } finally {
      loaded = false;
      await Promise.all(load);
    }
    await listener.settled();
    for (const sender of senders) {
      const farewell = `farewell of ${sender.username}`;
      // Twice, because a broken server may drop one.
      await sender.send(bob, farewell);
      await sender.send(bob, farewell);
      await received.until((items) => items.some(({ body }) => body === farewell), farewell);
    }
    checkDelivery(
      sent,
      received.items.filter(({ body }) => !body.startsWith('farewell')),
    );
  } finally {
    listener.close();
  }
}
