import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

import { Log } from './log.js';

/** A way to the server on which connections can be cut or fall silent. */
export class Link {
  /** Whether new connections are silent from the start. */
  dead = false;
  /** Whether new connections are refused. */
  refuses = false;
  /** Whether a connection is cut as soon as the server answers: what was asked has happened then. */
  losesAnswers = false;
  /** Every connection that came, and what became of it. */
  readonly fates = new Log<'taken' | 'refused' | 'lost its answer'>();
  private readonly pairs = new Set<Pair>();

  private constructor(
    private readonly server: Server,
    private readonly target: URL,
  ) {}

  /** Opens a way to `url`. */
  static async to(url: string): Promise<Link> {
    const server = createServer();
    const link = new Link(server, new URL(url));
    server.on('connection', (near) => {
      link.fates.add(link.refuses ? 'refused' : 'taken');
      if (link.refuses) return near.destroy();
      const far = connect(Number(link.target.port), link.target.hostname);
      const pair = new Pair(near, far, () => {
        if (link.losesAnswers) link.fates.add('lost its answer');
        return !link.losesAnswers;
      });
      pair.silent = link.dead;
      link.pairs.add(pair);
      return far.once('close', () => link.pairs.delete(pair));
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    return link;
  }

  /** The address that leads through here. */
  get url(): string {
    const through = new URL(this.target);
    through.port = String((this.server.address() as AddressInfo).port);
    return through.href;
  }

  /** Cuts all connections. */
  cut(): void {
    for (const pair of this.pairs) pair.cut();
  }

  /** Lets all connections fall silent: they stay open, and nothing comes through. New ones are not concerned. */
  silence(): void {
    for (const pair of this.pairs) pair.silent = true;
  }

  /** Cuts all connections and takes no more. */
  close(): void {
    this.cut();
    this.server.close();
  }
}

/** A client's connection and the one to the server that belongs to it. */
class Pair {
  silent = false;

  constructor(
    private readonly near: Socket,
    private readonly far: Socket,
    bringsAnswer: () => boolean,
  ) {
    this.forward(near, far);
    this.forward(far, near, bringsAnswer);
  }

  cut(): void {
    this.near.destroy();
    this.far.destroy();
  }

  private forward(from: Socket, to: Socket, passes = () => true): void {
    from.setNoDelay(true);
    from.on('data', (chunk) => {
      if (this.silent) return;
      if (!passes()) return this.cut();
      if (to.write(chunk)) return;
      from.pause();
      to.once('drain', () => from.resume());
    });
    from.on('error', () => this.cut());
    from.once('close', () => this.silent || this.cut());
  }
}
