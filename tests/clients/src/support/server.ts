import { WebSocket } from 'ws';

/** A WebSocket that, like a browser's, may be closed while it connects. */
class QuietWebSocket extends WebSocket {
  constructor(url: string, protocols: string) {
    super(url, protocols);
    this.on('error', () => {});
  }
}

// Node has its own from 22 on only.
globalThis.WebSocket ??= QuietWebSocket as unknown as typeof globalThis.WebSocket;

function required(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: these tests are run by \`cargo test\``);
  return value;
}

/** The GraphQL endpoint of the server under test. */
export const endpoint = required('CHINWAG_ENDPOINT');

/** The same for WebSockets. */
export const wsEndpoint = endpoint.replace(/^http/, 'ws');
