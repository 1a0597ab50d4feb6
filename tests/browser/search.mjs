// The search field, by keyboard and by mouse.

import assert from "node:assert/strict";
import { accessible, api, scenario, until } from "./browser.mjs";
import { account, newcomer, open, row } from "./people.mjs";

await scenario(async () => {
  const [bea] = await Promise.all(["Bea", "Ben", "Bert", "Carl"].map((name) => account(name)));
  const page = await newcomer("Ann");
  const field = page.getByRole("searchbox");
  const names = () => page.locator("#lists a .name").allTextContents();
  const lists = (expected) => until(`${expected} in the list`, async () => `${await names()}` === `${expected}`);
  const press = async (...keys) => { for (const key of keys) await page.keyboard.press(key); };
  const focused = async (name) => {
    const row = page.locator("#lists a:focus", { hasText: name });
    await row.waitFor();
  };
  const all = ["Bea", "Ben", "Bert", "Carl"];
  await lists(all);

  // Down into the list, within it, and back up; it ends where it ends.
  await field.fill("be");
  await lists(["Bea", "Ben", "Bert"]);
  await press("ArrowDown");
  await focused("Bea");
  await press("ArrowDown", "ArrowDown", "ArrowDown");
  await focused("Bert");
  await press("ArrowUp", "ArrowUp");
  await focused("Bea");
  await press("ArrowUp");
  await page.locator("#search:focus").waitFor();
  await press("ArrowUp");
  await page.locator("#search:focus").waitFor();
  await accessible(page, "a search");

  // Enter chooses, and the search has done its work; so has it after a click.
  await press("ArrowDown", "ArrowDown", "Enter");
  await page.getByRole("heading", { name: "Ben", level: 1 }).waitFor();
  await page.locator("#body:focus").waitFor();
  assert.equal(await field.inputValue(), "");
  await lists(all);
  await field.fill("car");
  await lists(["Carl"]);
  await open(page, "Carl");
  assert.equal(await field.inputValue(), "");
  await lists(all);

  // Escape clears, from the field and from the list.
  for (const keys of [[], ["ArrowDown"]]) {
    await field.fill("bert");
    await lists(["Bert"]);
    await press(...keys, "Escape");
    await page.locator("#search:focus").waitFor();
    assert.equal(await field.inputValue(), "");
    await lists(all);
  }

  // A search that is on its way when one has chosen changes nothing any more.
  let answer;
  const held = new Promise((resolve) => { answer = resolve; });
  await page.route("**/graphql", async (route) => {
    if (route.request().postData().includes("query Search")) await held;
    await route.continue();
  });
  const asked = page.waitForRequest((request) => request.postData()?.includes("query Search"));
  const answered = page.waitForResponse((response) => response.request().postData()?.includes("query Search"));
  await field.fill("ben");
  await asked;
  await row(page, "Bea").click();
  answer();
  await (await answered).finished();
  // By then the page has done with the answer whatever it does with one.
  await page.evaluate(() => new Promise((done) => setTimeout(() => requestAnimationFrame(() => requestAnimationFrame(done)))));
  await page.getByRole("heading", { name: "Bea", level: 1 }).waitFor();
  await lists(all);
  await page.unroute("**/graphql");

  // However long the list is, the Tab key passes it at once.
  const { id } = await page.evaluate(async () => (await import("/assets/chat/state.js")).state.me);
  const create = "mutation($input: CreateGroupInput!) { createGroup(input: $input) { id } }";
  const send = "mutation($input: SendMessageInput!) { sendMessage(input: $input) { id } }";
  const made = (title) => api(create, { input: { title, userIds: [id] } }, bea.token);
  const { createGroup: apollo } = await made("Project Apollo");
  await api(send, { input: { to: { conversationId: apollo.id }, body: "We have lift-off" } }, bea.token);
  for (let number = 1; number <= 50; number++) await made(`Group ${number}`);
  await page.reload();
  await page.getByRole("button", { name: "Show more chats" }).waitFor();
  await page.locator("#details").focus();
  await press("Shift+Tab", "Shift+Tab");
  await page.locator("#conversations > li:first-child a:focus").waitFor();
  await press("Shift+Tab");
  await page.locator("#search:focus").waitFor();
  await press("Tab", "ArrowDown", "Shift+Tab");
  await page.locator("#search:focus").waitFor();
  await press("Tab");
  await page.locator("#conversations > li:nth-child(2) a:focus").waitFor();
  for (let steps = 0; !(await page.locator("#details:focus").count()); steps++) {
    assert.ok(steps < 5, "no way past the list");
    await press("Tab");
  }

  // Groups are found by the beginnings of their titles' words, also those that are further down than the list goes.
  assert.equal(await row(page, "Project Apollo").count(), 0);
  for (const text of ["project apollo", "apollo PROJ", "ｐｒｏｊｅｃｔ"]) {
    await field.fill(text);
    await lists(["Project Apollo"]);
    await field.fill("");
    await page.locator("#people a").first().waitFor();
  }
  await until("its unread message counts", async () => (await page.title()) === "(1) chinwag");
  await field.fill("pollo");
  await page.getByText("Nothing was found.").or(page.getByText("Nobody is called that.")).waitFor();
});
