// What people do in GraphiQL.

import { until, visitor } from "./browser.mjs";

/** Opens GraphiQL with somebody's browser and waits until it knows the schema. */
export async function graphiql(name, options) {
  return ready(await visitor(name, { path: "/graphql", ...options }));
}

/** Opens GraphiQL in another tab of the same browser. */
export async function secondTab(page) {
  const tab = await page.context().newPage();
  await tab.goto(page.url());
  return ready(tab);
}

async function ready(page) {
  await editor(page).waitFor();
  await until("the schema", async () => (await page.locator(".graphiql-spinner").count()) === 0);
  return page;
}

const editor = (page) => page.locator(".graphiql-query-editor .monaco-editor").first();

/** Puts a text in place of what the editor holds. */
export async function paste(page, text) {
  await editor(page).click();
  await page.keyboard.press("Control+A");
  // As a person does it: what is typed, the editor would complete and indent.
  await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  await page.evaluate((text) => navigator.clipboard.writeText(text), text);
  await page.keyboard.press("Control+V");
  // GraphiQL reads its editors with a delay; then the text is in its state, which it keeps.
  await until("GraphiQL has the text", () => page.evaluate(
    (text) => Object.values(localStorage).some((value) => value.includes(JSON.stringify(text).slice(1, -1))),
    text,
  ));
}

/** What stands in the pane for results. */
export function result(page) {
  return page.evaluate(() => {
    const response = globalThis.__MONACO.editor.getModels().find(({ uri }) => uri.path.includes("response"));
    return response?.getValue() ?? "";
  });
}

/** Waits until the result fits. */
export function shows(page, expected) {
  return until(`${expected} as the result`, async () => (await result(page)).match(expected));
}

/** Runs the operation with this name, of several. */
export async function run(page, operation) {
  await page.locator(".graphiql-execute-button").click();
  await page.getByRole("menuitem", { name: operation, exact: true }).click();
}
