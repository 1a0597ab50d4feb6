// Shown: pause
const listeners = new Set<() => void>();

/** Ends every pause at once: for a button "try now". */
export const tryNow = () => listeners.forEach((listener) => listener());

/** Calls back whenever it is worth trying, until the function that it returns is called. */
export function whenWorthTrying(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Waits before the next try, the longer the more have failed, for 8 seconds at most. */
export function pause(failures: number): Promise<void> {
  const longest = Math.min(1_000 * 2 ** failures, 8_000);
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      forget();
      resolve();
    };
    const timer = setTimeout(end, longest * Math.random());
    const forget = whenWorthTrying(end);
  });
}

// Outside browsers nobody says that the network is back, or that someone looks at the page again.
globalThis.addEventListener?.('online', tryNow);
globalThis.addEventListener?.('visibilitychange', () => globalThis.document?.hidden || tryNow());
// Shown: end
