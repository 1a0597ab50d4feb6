import { randomUUID } from 'node:crypto';

import { WebSocket } from 'ws';

import { graphql } from '../gql/index.js';
import { endpoint } from './server.js';

/** The server as a page on the same machine names it. */
export const url = endpoint.replace('127.0.0.1', 'localhost');

/** The server's own origin. */
export const OWN = new URL(url).origin;

/** The server lets pages of this origin in. */
export const DEV_SERVER = 'http://localhost:5173';

/** Signs up without a look at the token. */
export const COOKIE_SIGNUP = graphql(`
  mutation CookieSignup($input: SignupInput!) {
    signup(input: $input) {
      user {
        id
      }
    }
  }
`);

/** An account that nobody else has. */
export const newcomer = () => ({
  input: { username: `ann-${randomUUID().slice(0, 8)}`, password: 'correct horse' },
});

const realFetch = fetch;

/** Does to a page's requests what a browser does: asks first, keeps the cookie, hides what is not allowed. */
export class Page {
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
export async function on(origin: string, run: (page: Page) => Promise<void>): Promise<void> {
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
