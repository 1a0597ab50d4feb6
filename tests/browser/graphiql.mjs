// GraphiQL runs a query, a mutation and a live subscription.

import assert from "node:assert/strict";
import { picture, scenario, until } from "./browser.mjs";
import { graphiql, paste, result, shows } from "./on-graphiql.mjs";
import { PASSWORD, account } from "./people.mjs";

await scenario(async () => {
  const bob = await account("Bob");
  for (const scheme of ["light", "dark"]) {
    const page = await graphiql(`Ada-${scheme}`, { scheme });
    assert.equal(await page.title(), "GraphiQL · chinwag");
    const scrolls = () => document.documentElement.scrollHeight > window.innerHeight;
    assert.equal(await page.evaluate(scrolls), false, "the page is as high as the window");
    const run = async (text, expected) => {
      await paste(page, text);
      await page.keyboard.press("Control+Enter");
      return shows(page, expected);
    };

    const input = `{ username: "ada-${scheme}", password: "${PASSWORD}" }`;
    await run(`mutation { signup(input: ${input}) { user { username } } }`, `"username": "ada-${scheme}"`);
    const [, id] = await run("query { me { id } }", /"id": "([^"]+)"/);
    await picture(page, `graphiql-${scheme}`);

    await paste(page, "subscription { newMessage { message { body } } }");
    await page.keyboard.press("Control+Enter");
    await until("the subscription is sent", () => page.book.sent.some(({ type }) => type === "subscribe"));
    await until("an event arrives", async () => {
      await bob.send(id, "Live from Bob");
      return (await result(page)).includes("Live from Bob");
    });
    await picture(page, `graphiql-subscription-${scheme}`);
    await page.locator(".graphiql-execute-button").click();
    await until("it is stopped", () => page.book.sent.some(({ type }) => type === "complete"));

    // With the token in the header editor it is Bob who asks, over both ways.
    await page.getByRole("button", { name: "Headers" }).click();
    await page.locator(".graphiql-editor-tool .graphiql-editor:not(.hidden) .monaco-editor").first().click();
    await page.keyboard.press("Control+A");
    await page.keyboard.insertText(JSON.stringify({ Authorization: `Bearer ${bob.token}` }));
    await run("query { me { displayName } }", /"displayName": "Bob"/);
    await page.close();
  }
});
