// GraphiQL runs a query, a mutation and a live subscription.

import assert from "node:assert/strict";
import { picture, scenario, until, visitor } from "./browser.mjs";
import { PASSWORD, account } from "./people.mjs";

await scenario(async () => {
  const bob = await account("Bob");
  for (const scheme of ["light", "dark"]) {
    const page = await visitor(`Ada-${scheme}`, { path: "/graphql", scheme });
    assert.equal(await page.title(), "GraphiQL · chinwag");
    const result = () => page.evaluate(() => {
      const response = globalThis.__MONACO.editor.getModels().find(({ uri }) => uri.path.includes("response"));
      return response?.getValue() ?? "";
    });
    const editor = page.locator(".graphiql-query-editor .monaco-editor").first();
    const write = async (text) => {
      await editor.click();
      await page.keyboard.press("Control+A");
      await page.keyboard.insertText(text);
      // GraphiQL reads its editors with a delay; then the text is in its state, which it keeps.
      await until("GraphiQL has the text", () => page.evaluate(
        (text) => Object.values(localStorage).some((value) => value.includes(JSON.stringify(text).slice(1, -1))),
        text,
      ));
    };
    const run = async (text, expected) => {
      await write(text);
      await page.keyboard.press("Control+Enter");
      return until(`${expected} as the result of ${text}`, async () => (await result()).match(expected));
    };
    await editor.waitFor();
    await until("the schema", async () => (await page.locator(".graphiql-spinner").count()) === 0);

    const input = `{ username: "ada-${scheme}", password: "${PASSWORD}" }`;
    await run(`mutation { signup(input: ${input}) { user { username } } }`, `"username": "ada-${scheme}"`);
    const [, id] = await run("query { me { id } }", /"id": "([^"]+)"/);
    await picture(page, `graphiql-${scheme}`);

    await write("subscription { newMessage { message { body } } }");
    await page.keyboard.press("Control+Enter");
    await until("the subscription is sent", () => page.book.sent.some(({ type }) => type === "subscribe"));
    await until("an event arrives", async () => {
      await bob.send(id, "Live from Bob");
      return (await result()).includes("Live from Bob");
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
