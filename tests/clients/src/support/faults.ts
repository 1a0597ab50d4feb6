import { once } from 'node:events';
import { createServer, request, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

import { WebSocket, WebSocketServer } from 'ws';

/** What a broken server would do. */
export type Fault = 'none' | 'drops every tenth message' | 'repeats a message' | 'ignores resume';

interface Frame {
  type: string;
  payload?: { resume?: unknown; data?: { events?: { message?: { id: string } } } };
}

/** A server that behaves like the one at `url`, but for a fault in its subscriptions. */
export class FaultyServer {
  /** How many times it has not done what it should. */
  committed = 0;
  private readonly seen = new Set<string>();
  private dropping = 0;

  private constructor(
    private readonly server: Server,
    private readonly sockets: WebSocketServer,
    private readonly target: string,
    private readonly fault: Fault,
  ) {}

  static async at(target: string, fault: Fault): Promise<FaultyServer> {
    const server = createServer((asked, answer) => {
      const { method, url = '', headers } = asked;
      const address = new URL(url, target.replace(/^ws/, 'http'));
      const forwarded = request(address, { method, headers }, (answered) => {
        answer.writeHead(answered.statusCode ?? 502, answered.headers);
        answered.pipe(answer);
      });
      forwarded.on('error', () => answer.destroy());
      asked.pipe(forwarded);
    });
    const sockets = new WebSocketServer({ server });
    const faulty = new FaultyServer(server, sockets, target, fault);
    sockets.on('connection', (near, asked) => faulty.relay(near, asked));
    await once(server.listen(0, '127.0.0.1'), 'listening');
    return faulty;
  }

  get url(): string {
    const { port } = this.server.address() as AddressInfo;
    return `ws://127.0.0.1:${port}/graphql`;
  }

  /** Keeps back the next so many events. */
  drop(count: number): void {
    this.dropping = count;
  }

  close(): void {
    for (const client of this.sockets.clients) client.terminate();
    this.server.close();
    this.server.closeAllConnections();
  }

  private relay(near: WebSocket, { headers: { origin, cookie = '' } }: IncomingMessage): void {
    const far = new WebSocket(this.target, 'graphql-transport-ws', {
      headers: { ...(origin ? { origin } : {}), cookie },
    });
    const opened = once(far, 'open');
    opened.catch(() => near.terminate());
    near.on('message', (text) => {
      opened.then(() => far.send(this.toServer(String(text)))).catch(() => near.terminate());
    });
    far.on('message', (text) => {
      for (const frame of this.toClient(String(text))) near.send(frame);
    });
    near.on('close', () => far.terminate());
    far.on('close', () => near.terminate());
    far.on('error', () => near.terminate());
  }

  private toServer(text: string): string {
    const frame = JSON.parse(text) as Frame;
    if (this.fault !== 'ignores resume' || frame.payload?.resume === undefined) return text;
    this.committed += 1;
    return JSON.stringify({ ...frame, payload: { ...frame.payload, resume: undefined } });
  }

  private toClient(text: string): string[] {
    const { type, payload } = JSON.parse(text) as Frame;
    const id = payload?.data?.events?.message?.id;
    if (type !== 'next') return [text];
    if (this.dropping > 0) {
      this.dropping -= 1;
      this.committed += 1;
      return [];
    }
    // What was dropped gets through when it is sent again.
    if (!id || this.seen.has(id)) return [text];
    this.seen.add(id);
    const count = this.seen.size;
    const isFaulty =
      (this.fault === 'drops every tenth message' && count % 10 === 0) ||
      (this.fault === 'repeats a message' && count === 5);
    if (!isFaulty) return [text];
    this.committed += 1;
    return this.fault === 'repeats a message' ? [text, text] : [];
  }
}
