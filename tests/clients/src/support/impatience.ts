import { tryNow } from '../snippets/pause.js';

/** Waits for something, and has what failed tried again at once meanwhile. */
export async function impatiently<Value>(promise: Promise<Value>): Promise<Value> {
  const nudge = setInterval(tryNow, 10);
  try {
    return await promise;
  } finally {
    clearInterval(nudge);
  }
}
