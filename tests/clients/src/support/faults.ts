import { once } from 'node:events';
import type { AddressInfo } from 'node:net';

import { WebSocket, WebSocketServer } from 'ws';

/** What a broken server would do. */
export type Fault = 'none' | 'drops every tenth message' | 'repeats a message' | 'ignores resume';

interface Frame {
  type: string;
  payload?: { resume?: unknown };
}

/** A server that behaves like the one at `url`, but for a fault in its subscriptions. */
export class FaultyServer {
  private live = 0;

  private constructor(
    private readonly server: WebSocketServer,
    private readonly target: string,
    private readonly fault: Fault,
  ) {}

  static async at(target: string, fault: Fault): Promise<FaultyServer> {
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
    const faulty = new FaultyServer(server, target, fault);
    server.on('connection', (near) => faulty.relay(near));
    await once(server, 'listening');
    return faulty;
  }

  get url(): string {
    const { port } = this.server.address() as AddressInfo;
    return `ws://127.0.0.1:${port}/graphql`;
  }

  close(): void {
    for (const client of this.server.clients) client.terminate();
    this.server.close();
  }

  private relay(near: WebSocket): void {
    const far = new WebSocket(this.target, 'graphql-transport-ws');
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
    if (this.fault !== 'ignores resume' || frame.type !== 'connection_init') return text;
    return JSON.stringify({ ...frame, payload: { ...frame.payload, resume: undefined } });
  }

  private toClient(text: string): string[] {
    if ((JSON.parse(text) as Frame).type !== 'next') return [text];
    this.live += 1;
    if (this.fault === 'drops every tenth message' && this.live % 10 === 0) return [];
    if (this.fault === 'repeats a message' && this.live === 5) return [text, text];
    return [text];
  }
}
