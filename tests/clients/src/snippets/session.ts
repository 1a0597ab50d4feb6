// Shown: session
import { pause } from './pause.js';

/** Who is signed in, for all requests and sockets of a page. */
export interface Session {
  /** Of `signup` or `login`; without it the cookie counts. */
  token?: string | undefined;
  /** The user's id from `signup`, `login` or `me`: nothing is done or told in another's name. */
  viewer?: string | undefined;
  /** Told when someone else has signed in: load the page anew. */
  onViewerChanged?: (() => void) | undefined;
  /** How far the page has come in the stream of events; sockets go on from there. */
  cursor?: string | undefined;
}

/**
 * `fetch` in the name of whoever is signed in. What carries a `clientMessageId` goes one after the other, and again
 * when the network fails or nothing comes for so many milliseconds.
 */
export function fetchAs(session: Session, patience = 15_000): typeof fetch {
  let last: Promise<unknown> = Promise.resolve();
  return async (input, init) => {
    const headers = new Headers(init?.headers);
    if (session.token) headers.set('authorization', `Bearer ${session.token}`);
    if (session.viewer) headers.set('viewer', session.viewer);
    const ours: RequestInit = { ...init, headers, credentials: 'include' };
    const request = async (signal = init?.signal ?? null) => {
      const response = await fetch(input, { ...ours, signal });
      const isJson = response.headers.get('content-type')?.includes('json');
      const { errors } = isJson ? ((await response.clone().json()) as Answer) : {};
      const changed = errors?.some(({ extensions }) => extensions?.code === 'VIEWER_CHANGED');
      if (changed) session.onViewerChanged?.();
      return response;
    };
    if (!isNamedMessage(init?.body)) return request();

    const answered = last.then(async () => {
      for (let failures = 0; ; failures += 1) {
        const signals = [AbortSignal.timeout(patience), init?.signal ?? []].flat();
        try {
          const response = await request(AbortSignal.any(signals));
          if (![502, 503, 504].includes(response.status)) return response;
        } catch (error) {
          if (init?.signal?.aborted) throw error;
        }
        await pause(failures);
      }
    });
    last = answered.catch(() => {});
    return answered;
  };
}

interface Answer {
  errors?: { extensions?: { code?: string } }[];
}

/** Whether it is a message that the server takes only once. */
function isNamedMessage(body: unknown): boolean {
  if (typeof body !== 'string') return false;
  const { variables } = JSON.parse(body) as {
    variables?: { input?: { clientMessageId?: unknown } };
  };
  return typeof variables?.input?.clientMessageId === 'string';
}
// Shown: end
