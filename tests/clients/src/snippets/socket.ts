// Shown: socket
import { createClient, type Client } from 'graphql-ws';
import { pause, whenWorthTrying } from './pause.js';
import type { Session } from './session.js';

/** `offline` tries again by itself; `idle` has nothing to listen to. */
export type LinkState = 'idle' | 'connecting' | 'online' | 'offline';

/** A WebSocket that comes back by itself and goes on after the session's `cursor`. */
export function openSocket(
  url: string,
  session: Session,
  { keepAlive = 10_000, onState = (_: LinkState) => {} } = {},
): Client {
  let socket: WebSocket | undefined;
  let watchdog: ReturnType<typeof setTimeout> | undefined;
  let atOnce = false;
  let stopListening = () => {};
  const calm = () => clearTimeout(watchdog);
  const expectAnswer = (within = keepAlive) => {
    calm();
    watchdog = setTimeout(() => client.terminate(), within);
  };
  // A link that is being opened may hang, and an open one may have died while the machine slept.
  const checkLink = () => {
    if (socket) {
      socket.send('{"type":"ping"}');
      expectAnswer(Math.min(keepAlive, 3_000));
    } else {
      atOnce = true;
      client.terminate();
    }
  };
  const client = createClient({
    url,
    connectionParams: () => ({
      token: session.token,
      viewer: session.viewer,
      resume: session.cursor,
    }),
    retryAttempts: Infinity,
    shouldRetry: (closed) => (closed as CloseEvent).reason !== 'VIEWER_CHANGED',
    retryWait: (failures) => (atOnce ? Promise.resolve() : pause(failures)),
    keepAlive,
    // Whoever subscribes anew finds it open still.
    lazyCloseTimeout: 3_000,
    on: {
      connecting: () => {
        atOnce = false;
        stopListening = whenWorthTrying(checkLink);
        expectAnswer();
        onState('connecting');
      },
      connected: (opened) => {
        socket = opened as WebSocket;
        calm();
        onState('online');
      },
      ping: (received) => received || expectAnswer(),
      pong: (received) => received && calm(),
      closed: (event) => {
        const { code, reason } = event as CloseEvent;
        socket = undefined;
        calm();
        stopListening();
        onState(code === 1000 ? 'idle' : 'offline');
        if (reason === 'VIEWER_CHANGED') session.onViewerChanged?.();
      },
    },
  });
  return client;
}
// Shown: end
