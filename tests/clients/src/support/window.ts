/** What a browser has as `window`, for what looks for it in Node. */
export const window = new EventTarget();

globalThis.addEventListener = window.addEventListener.bind(
  window,
) as typeof globalThis.addEventListener;
