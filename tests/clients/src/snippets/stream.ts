// Shown: stream
import { createClient, type Client } from 'graphql-sse';
import { pause } from './pause.js';
import { fetchAs, type Session } from './session.js';

/** Subscriptions over Server-Sent Events, one at a time, which go on after the last message that came. */
export function openStream(url: string, session: Session): Client {
  let resume: string | undefined;
  let refusal: string | undefined;
  const request = fetchAs(session);
  return createClient({
    url,
    headers: (): Record<string, string> => (resume ? { resume } : {}),
    fetchFn: async (...ask: Parameters<typeof fetch>) => {
      const response = await request(...ask);
      // What is refused once will be refused again.
      refusal = response.status === 400 ? await response.clone().text() : undefined;
      return response;
    },
    retryAttempts: Infinity,
    retry: (failures) => (refusal ? Promise.reject(new Error(refusal)) : pause(failures)),
    on: {
      message: ({ data }) => {
        const event = data as { data?: { newMessage?: { cursor?: string } } | null } | null;
        resume = event?.data?.newMessage?.cursor ?? resume;
      },
    },
  });
}
// Shown: end
