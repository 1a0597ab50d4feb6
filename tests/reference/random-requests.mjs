// Holds the server's answers to random requests against graphql-js. The environment may set SEED and COUNT.

import { readFileSync } from "node:fs";

import { buildSchema } from "graphql";

import { compared, report } from "./compare.mjs";
import { connected } from "./server.mjs";

const seed = Number(process.env.SEED ?? Date.now() % 2 ** 31);
const count = Number(process.env.COUNT ?? 3000);
const schema = buildSchema(readFileSync(process.env.SCHEMA, "utf8"));
const { ask, samples } = await connected(process.env.CHINWAG_ENDPOINT);

console.log(`SEED=${seed} COUNT=${count}`);
const { verdicts, differences } = await compared({ schema, samples, ask, seed, count });
console.log(verdicts);
if (differences.size) {
  console.log(await report(schema, ask, differences));
  process.exitCode = 1;
}
