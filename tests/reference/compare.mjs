import { DECISIONS } from "./decisions.mjs";
import { misfit } from "./fit.mjs";
import { requestOf } from "./requests.mjs";
import { saidBy } from "./server.mjs";
import { shrunk } from "./shrink.mjs";
import { verdict } from "./verdict.mjs";

const AT_ONCE = 8;
/** As many kinds of differences are shown by an example that is as small as can be. */
const SHRUNK = 30;

/**
 * Asks `count` random requests, as the seed has them, and gives how often each verdict came up and what the answers
 * have that graphql-js would not have: lists of examples by kind.
 */
export async function compared({ schema, samples, ask, seed, count }) {
  const verdicts = {};
  const differences = new Map();
  const one = async (number) => {
    const expected = requestOf(seed + number, schema, samples);
    verdicts[expected.verdict] = (verdicts[expected.verdict] ?? 0) + 1;
    const found = await difference(schema, ask, expected.request);
    if (!found) return;
    if (!differences.has(found.kind)) differences.set(found.kind, []);
    differences.get(found.kind).push({ seed: seed + number, ...found });
  };
  let next = 0;
  const worker = async () => {
    while (next < count) await one(next++);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return { verdicts, differences };
}

/** What graphql-js would have answered otherwise, if anything. */
export async function difference(schema, ask, request) {
  const expected = verdict(schema, request);
  const answer = await ask(request);
  const got = saidBy(answer);
  let found;
  if (got !== expected.verdict) {
    const why = expected.why || answer.errors?.[0].message;
    found = { kind: `${expected.verdict} to graphql-js, ${got} to the server: ${general(why)}`, why };
  } else if (got === "valid" && answer.data !== undefined) {
    const why = misfit(schema, { request, ...expected }, answer);
    found = why && { kind: `another answer: ${general(why)}`, why };
  }
  if (!found || DECISIONS.some(({ holds }) => holds({ schema, request, got, ...expected }))) return undefined;
  return { ...found, request, answer };
}

/** A message without what it says of one document only. */
function general(message = "") {
  return message.split("\n")[0].replaceAll(/"[^"]*"|\d+/g, "…");
}

/** A report of differences, the most frequent first, with a small request for each. */
export async function report(schema, ask, differences) {
  const kinds = [...differences].sort(([, one], [, other]) => other.length - one.length);
  const parts = kinds.map(async ([kind, all], index) => {
    const [{ seed, ...example }] = all;
    const same = async (request) => (await difference(schema, ask, request))?.kind === kind;
    const request = index < SHRUNK ? await shrunk(example.request, same) : example.request;
    const { why, answer } = (await difference(schema, ask, request)) ?? example;
    return [
      `${all.length} × ${kind}`,
      `case ${seed}: ${JSON.stringify(request)}`,
      `why: ${why?.slice(0, 1000)}`,
      `the answer: ${JSON.stringify(answer).slice(0, 1000)}`,
    ].join("\n  ");
  });
  return (await Promise.all(parts)).join("\n");
}
