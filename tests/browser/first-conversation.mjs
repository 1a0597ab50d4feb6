// Follows the README's first conversation, word by word.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { picture, scenario, until } from "./browser.mjs";
import { graphiql, paste, result, run, secondTab, shows } from "./on-graphiql.mjs";

const [, chapter] = readFileSync(process.env.README, "utf8").match(/\n## A first conversation\n(.*?)\nThe whole API/s);

/** What is to be pasted, one after the other, and the operations that the text in front of each says to run. */
const steps = [...chapter.matchAll(/(.*?)```graphql\n(.*?)```\n/gs)].map(([, text, block]) => ({
  block,
  operations: [...text.matchAll(/`(\w+)`/g)].map(([, name]) => name),
}));

await scenario(async () => {
  const [listening, speaking] = steps;
  assert.deepEqual(listening.operations, ["Ann", "Bob", "Listen"]);
  assert.deepEqual(speaking.operations, ["LogIn", "FindBob", "Say"]);

  const first = await graphiql("first-conversation");
  await paste(first, listening.block);
  for (const name of ["Ann", "Bob"]) {
    await run(first, name);
    await shows(first, `"displayName": "${name}"`);
  }
  await run(first, "Listen");
  await until("the subscription is sent", () => first.book.sent.some(({ type }) => type === "subscribe"));

  const second = await secondTab(first);
  await paste(second, speaking.block);
  await run(second, "LogIn");
  await shows(second, /"displayName": "Ann"/);
  await run(second, "FindBob");
  const [, id] = await shows(second, /"id": "([^"]+)"/);
  await paste(second, speaking.block.replace("…", id));
  await run(second, "Say");
  await shows(second, /"seq": 1/);
  await shows(first, /"body": "Hello, Bob"/);
  assert.match(await result(first), /"displayName": "Ann"/);
  await picture(first, "first-conversation");
  await picture(second, "first-conversation-second-tab");
});
