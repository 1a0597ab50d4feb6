import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { test } from 'node:test';

import { WebSocket } from 'ws';

import { graphql } from '../gql/index.js';
import { apolloClient } from '../snippets/apollo.js';
import { urqlClient } from '../snippets/urql.js';
import { Log } from '../support/log.js';
import { Person } from '../support/people.js';
import { endpoint } from '../support/server.js';

/** The server as a page on the same machine names it. */
const url = endpoint.replace('127.0.0.1', 'localhost');
const OWN = new URL(url).origin;
/** The server lets it in. */
const DEV_SERVER = 'http://localhost:5173';
const STRANGER = 'http://localhost:6666';

const COOKIE_SIGNUP = graphql(`
  mutation CookieSignup($input: SignupInput!) {
    signup(input: $input) {
      user {
        id
      }
    }
  }
`);

const COOKIE_LOGOUT = graphql(`
  mutation CookieLogout {
    logout
  }
`);

const WHO = graphql(`
  query Who {
    me {
      id
    }
  }
`);

const CURSOR = graphql(`
  query Cursor {
    streamCursor
  }
`);

const HEAR_FROM = graphql(`
  subscription HearFrom($after: String) {
    newMessage(after: $after) {
      message {
        body
      }
    }
  }
`);

const realFetch = fetch;

/** Does to a page's requests what a browser does: asks first, keeps the cookie, hides what is not allowed. */
class Page {
  cookie = '';

  constructor(readonly origin: string) {}

  readonly fetch: typeof fetch = async (input, init = {}) => {
    const headers = new Headers(init.headers);
    const method = init.method ?? 'GET';
    const sameOrigin = new URL(String(input)).origin === this.origin;
    const withCookie = init.credentials === 'include';
    if (!sameOrigin) await this.preflight(input, method, headers, withCookie);
    if (!sameOrigin || method !== 'GET') headers.set('origin', this.origin);
    headers.set('sec-fetch-site', sameOrigin ? 'same-origin' : 'same-site');
    if (withCookie && this.cookie) headers.set('cookie', this.cookie);
    const response = await realFetch(input, { ...init, headers });
    if (!sameOrigin) this.demandAccess(response, withCookie);
    if (withCookie) this.cookie = response.headers.getSetCookie()[0]?.split(';')[0] ?? this.cookie;
    return response;
  };

  /** The page's WebSocket. */
  static socketOf(page: Page) {
    return class extends WebSocket {
      constructor(address: string, protocols: string) {
        super(address, protocols, { origin: page.origin, headers: { cookie: page.cookie } });
      }
    };
  }

  private async preflight(
    input: Parameters<typeof fetch>[0],
    method: string,
    headers: Headers,
    withCookie: boolean,
  ): Promise<void> {
    const safe = ['accept', 'accept-language', 'content-language'];
    const names = [...headers.keys()].filter((name) => !safe.includes(name));
    if (method === 'GET' && names.length === 0) return;
    const response = await realFetch(input, {
      method: 'OPTIONS',
      headers: {
        origin: this.origin,
        'access-control-request-method': method,
        'access-control-request-headers': names.join(','),
      },
    });
    this.demandAccess(response, withCookie);
    demand(response, 'methods', method);
    for (const name of names) demand(response, 'headers', name);
  }

  private demandAccess(response: Response, withCookie: boolean): void {
    demand(response, 'origin', this.origin);
    if (withCookie) demand(response, 'credentials', 'true');
  }
}

function demand(response: Response, what: string, value: string): void {
  const allowed = response.headers.get(`access-control-allow-${what}`)?.toLowerCase() ?? '';
  if (!allowed.split(/, */).includes(value.toLowerCase())) {
    throw new TypeError(`CORS: ${what} lacks ${value}`);
  }
}

/** Runs with the network of a page at this origin. */
async function on(origin: string, run: (page: Page) => Promise<void>): Promise<void> {
  const page = new Page(origin);
  const realWebSocket = globalThis.WebSocket;
  globalThis.fetch = page.fetch;
  globalThis.WebSocket = Page.socketOf(page) as unknown as typeof globalThis.WebSocket;
  try {
    await run(page);
  } finally {
    globalThis.fetch = realFetch;
    globalThis.WebSocket = realWebSocket;
  }
}

const newcomer = () => ({
  input: { username: `ann-${randomUUID().slice(0, 8)}`, password: 'correct horse' },
});

for (const origin of [OWN, DEV_SERVER]) {
  test(`Apollo on a page of ${origin === OWN ? 'the server' : origin} needs only the cookie`, () =>
    on(origin, async () => {
      const client = apolloClient(url, {});
      const signedUp = await client.mutate({ mutation: COOKIE_SIGNUP, variables: newcomer() });
      const me = await client.query({ query: WHO });
      assert.equal(me.data?.me?.id, signedUp.data?.signup.user.id);

      const cursor = await client.query({ query: CURSOR });
      const heard = new Log<string>();
      const live = client
        .subscribe({ query: HEAR_FROM, variables: { after: cursor.data!.streamCursor } })
        .subscribe({
          next: ({ data, error }) => heard.add(data?.newMessage.message.body ?? String(error)),
          error: (error) => heard.add(String(error)),
        });
      const bob = await Person.signUp('bob');
      await bob.send({ id: me.data!.me!.id }, 'hello');
      await heard.until((bodies) => bodies.length > 0, 'a message');
      assert.deepEqual(heard.items, ['hello']);
      live.unsubscribe();

      await client.mutate({ mutation: COOKIE_LOGOUT });
      const nobody = await client.query({ query: WHO, fetchPolicy: 'network-only' });
      assert.equal(nobody.data?.me, null);
    }));

  test(`urql on a page of ${origin === OWN ? 'the server' : origin} may ask by GET, too`, () =>
    on(origin, async () => {
      const client = urqlClient(url, {});
      const signedUp = await client.mutation(COOKIE_SIGNUP, newcomer()).toPromise();
      const me = await client.query(WHO, {}, { preferGetMethod: 'force' }).toPromise();
      assert.equal(me.error, undefined);
      assert.equal(me.data?.me?.id, signedUp.data?.signup.user.id);
    }));
}

test('a token does as well as the cookie', async () => {
  const ann = await Person.signUp('ann');
  await on(DEV_SERVER, async () => {
    const me = await urqlClient(url, ann).query(WHO, {}).toPromise();
    assert.equal(me.data?.me?.id, ann.id);
  });
});

test('a page of a stranger gets nothing, not even with the cookie', () =>
  on(STRANGER, async (page) => {
    const client = apolloClient(url, {});
    await assert.rejects(client.query({ query: WHO }), /CORS: origin/);
    await assert.rejects(
      client.mutate({ mutation: COOKIE_SIGNUP, variables: newcomer() }),
      /CORS: origin/,
    );
    page.cookie = 'chinwag_session=whatever';
    const refused = new (Page.socketOf(page))(url.replace(/^http/, 'ws'), 'graphql-transport-ws');
    const [error] = (await once(refused, 'error').catch((error) => [error])) as [Error];
    assert.match(error.message, /403/);
  }));
