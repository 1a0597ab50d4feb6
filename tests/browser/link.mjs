// A network between a page and the server that can break, in both ways that networks do.

import net from "node:net";
import { base } from "./browser.mjs";

/** Listens on a port of its own and passes everything on to the server. */
export async function link() {
  const server = new URL(base);
  const sockets = new Set();
  let up = true;
  const listener = net.createServer((near) => {
    if (!up) return near.destroy();
    const far = net.connect(server.port, server.hostname);
    for (const [one, other] of [[near, far], [far, near]]) {
      sockets.add(one);
      one.on("error", () => {}); // The close follows.
      one.on("close", () => {
        sockets.delete(one);
        other.destroy();
      });
      one.pipe(other);
    }
  });
  await new Promise((resolve) => listener.listen(0, "127.0.0.1", resolve));
  return {
    origin: `http://127.0.0.1:${listener.address().port}`,
    /** Ends all connections and takes no new ones. */
    cut() {
      up = false;
      for (const socket of sockets) socket.destroy();
    },
    /** Lets nothing through any more without telling anybody, and takes no new connections. */
    silence() {
      up = false;
      for (const socket of sockets) socket.unpipe();
      for (const socket of sockets) socket.pause();
    },
    mend() {
      up = true;
    },
    close() {
      this.cut();
      listener.close();
    },
  };
}
