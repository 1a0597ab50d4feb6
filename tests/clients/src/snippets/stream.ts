// README: stream
import { createClient, type Client } from 'graphql-sse';
import type { Session } from './socket.js';

/** Subscriptions over Server-Sent Events, one at a time, which go on after the last message that came. */
export function openStream(url: string, session: Session): Client {
  let resume: string | undefined;
  return createClient({
    url,
    credentials: 'include',
    headers: () => ({
      ...(session.token && { authorization: `Bearer ${session.token}` }),
      ...(resume && { resume }),
    }),
    retryAttempts: Infinity,
    retry: (retries) => {
      const longest = Math.min(1_000 * 2 ** retries, 30_000);
      return new Promise((resolve) => setTimeout(resolve, longest * Math.random()));
    },
    on: {
      message: ({ data }) => {
        const event = data as { data?: { newMessage?: { cursor?: string } } | null } | null;
        resume = event?.data?.newMessage?.cursor ?? resume;
      },
    },
  });
}
// README: end
