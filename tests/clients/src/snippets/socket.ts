// README: socket
import { createClient, type Client } from 'graphql-ws';

/** Who is signed in: with the token of `signup` or `login`, or, without one, by the cookie. */
export interface Session {
  token?: string;
}

/** A WebSocket that comes back by itself and goes on after the last message that it brought. */
export function openSocket(url: string, session: Session, keepAlive = 10_000): Client {
  let resume: string | undefined;
  let watchdog: ReturnType<typeof setTimeout> | undefined;
  const calm = () => clearTimeout(watchdog);
  const expectAnswer = () => {
    calm();
    watchdog = setTimeout(() => client.terminate(), keepAlive);
  };
  const client = createClient({
    url,
    connectionParams: () => ({ token: session.token, resume }),
    retryAttempts: Infinity,
    shouldRetry: () => true,
    retryWait: (retries) => {
      const longest = Math.min(1_000 * 2 ** retries, 30_000);
      return new Promise((resolve) => setTimeout(resolve, longest * Math.random()));
    },
    keepAlive,
    on: {
      message: (message) => {
        if (message.type !== 'next') return;
        const data = message.payload.data as { newMessage?: { cursor?: string } } | null;
        resume = data?.newMessage?.cursor ?? resume;
      },
      connecting: expectAnswer,
      connected: calm,
      ping: (received) => received || expectAnswer(),
      pong: (received) => received && calm(),
      closed: calm,
    },
  });
  return client;
}
// README: end
