// Sends each request of `sections.mjs` and says what is answered otherwise.

import { readFileSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";

import { buildSchema } from "graphql";

import { difference } from "./compare.mjs";
import { sections } from "./sections.mjs";
import { connected, saidBy } from "./server.mjs";

const schema = buildSchema(readFileSync(process.env.SCHEMA, "utf8"));
const { ask, samples } = await connected(process.env.CHINWAG_ENDPOINT);

for (const { section, request, is, data, errors, afterwards, unlikeReference } of sections(samples)) {
  const wrong = [];
  const answer = await ask(request);
  const said = saidBy(answer);
  if (said !== is) wrong.push(`${is} was expected, not ${said}`);
  if (data !== undefined && !isDeepStrictEqual(answer.data, data))
    wrong.push(`the data were to be ${JSON.stringify(data)}`);
  if (
    errors &&
    !isDeepStrictEqual(
      answer.errors?.map(({ path }) => path?.join(".")),
      errors,
    )
  )
    wrong.push(`errors were expected at ${errors}`);
  const otherwise = unlikeReference ? undefined : await difference(schema, () => answer, request);
  if (otherwise) wrong.push(`${otherwise.kind}\n${otherwise.why}`.slice(0, 1000));
  if (afterwards) wrong.push(...(await afterwards(ask)));
  if (wrong.length) {
    const shown = `the answer: ${JSON.stringify(answer).slice(0, 500)}`;
    console.log([`${section}: ${JSON.stringify(request)}`, ...wrong, shown].join("\n  "));
    process.exitCode = 1;
  }
}
