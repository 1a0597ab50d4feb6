/**
 * What a client has warned of on the console. But for one thing: without the whole schema graphcache looks in each
 * event for the fields of the others, and says so once.
 */
export const warningsIn = (calls: readonly { arguments: unknown[] }[]): string[] =>
  calls.map((call) => String(call.arguments[0])).filter((text) => !isOfOtherEvents(text));

const isOfOtherEvents = (text: string) =>
  text.startsWith('Invalid undefined') && /Inline Fragment on "/.test(text);
