// Shown: stream
import { createClient, type Client } from 'graphql-sse';
import { pause } from './pause.js';
import { fetchAs, type Session } from './session.js';

/** Subscriptions over Server-Sent Events, one at a time, which go on after the session's `cursor`. */
export function openStream(url: string, session: Session): Client {
  let refusal: string | undefined;
  const request = fetchAs(session);
  return createClient({
    url,
    headers: (): Record<string, string> => (session.cursor ? { resume: session.cursor } : {}),
    fetchFn: async (...ask: Parameters<typeof fetch>) => {
      const response = await request(...ask);
      // What is refused once will be refused again.
      refusal = response.status === 400 ? await response.clone().text() : undefined;
      return response;
    },
    retryAttempts: Infinity,
    retry: (failures) => (refusal ? Promise.reject(new Error(refusal)) : pause(failures)),
  });
}
// Shown: end
