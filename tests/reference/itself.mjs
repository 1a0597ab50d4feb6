// Holds graphql-js against itself, which must agree; then against answers that were spoiled, which must be found.

import { readFileSync } from "node:fs";

import { buildSchema } from "graphql";

import { compared, report } from "./compare.mjs";
import { stub } from "./stub.mjs";

const schema = buildSchema(readFileSync(process.env.SCHEMA, "utf8"));
const samples = { user: ["ada", "bob"], conversation: ["talk"], message: ["hello"], cursor: ["here"] };
const seed = 1;

const changed = (value, change) => {
  if (Array.isArray(value)) return value.map((item) => changed(item, change));
  if (value === null || typeof value !== "object") return change(value);
  return change(Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, changed(inner, change)])));
};
const object = (value) => value !== null && typeof value === "object" && !Array.isArray(value);
const inData = (change) => (answer) => (answer.data ? { ...answer, data: changed(answer.data, change) } : answer);

const SPOILED = {
  "everything is fine": () => ({ data: {} }),
  "refusals have data": (answer) => ({ data: null, ...answer }),
  "keys in another order": inData((value) =>
    object(value) ? Object.fromEntries(Object.entries(value).reverse()) : value,
  ),
  "numbers as texts": inData((value) => (typeof value === "number" ? String(value) : value)),
  "null everywhere": inData((value) => (typeof value === "string" ? null : value)),
  "a key too much": inData((value) => (object(value) ? { ...value, more: 1 } : value)),
  "errors nobody sees": (answer) =>
    answer.data ? { ...answer, errors: [{ message: "", path: Object.keys(answer.data).slice(0, 1) }] } : answer,
  "null further up": (answer) => (answer.errors?.[0].path ? { ...answer, data: null } : answer),
};

const { verdicts, differences } = await compared({ schema, samples, ask: stub(schema), seed, count: 3000 });
console.log(verdicts);
if (differences.size) throw new Error(await report(schema, stub(schema), differences));
for (const kind of ["syntax", "invalid", "variables", "operation", "valid"]) {
  if (!(verdicts[kind] > 10)) throw new Error(`too few are ${kind}`);
}
for (const [what, spoil] of Object.entries(SPOILED)) {
  const { differences } = await compared({ schema, samples, ask: stub(schema, spoil), seed, count: 100 });
  if (differences.size === 0) throw new Error(`not found: ${what}`);
  console.log(`found ${[...differences.values()].flat().length}: ${what}`);
}
