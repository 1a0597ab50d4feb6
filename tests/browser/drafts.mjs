// What is written and not sent is not lost, and nobody else's.

import assert from "node:assert/strict";
import { base, scenario, until, visitor } from "./browser.mjs";
import { account, logIn, logOut, online, open, shows, write } from "./people.mjs";

await scenario(async () => {
  await Promise.all(["Ann", "Bob", "Carl"].map((name) => account(name)));
  const page = await visitor("Ann");
  await logIn(page, "ann");
  const field = page.getByRole("textbox", { name: "Message" });
  const holds = async (name, text) => {
    await open(page, name);
    assert.equal(await field.inputValue(), text, `to ${name}`);
  };

  // Each chat has its own; a reload keeps them.
  await open(page, "Bob");
  await field.fill("To Bob, in\ntwo lines");
  await holds("Carl", "");
  await field.fill("To Carl");
  await holds("Bob", "To Bob, in\ntwo lines");
  await page.reload();
  await online(page);
  await holds("Bob", "To Bob, in\ntwo lines");
  await holds("Carl", "To Carl");

  // What was sent, or deleted, is gone.
  await page.getByRole("button", { name: "Send" }).click();
  await shows(page, ["To Carl"]);
  await page.getByText("Sent", { exact: true }).waitFor();
  await page.reload();
  await online(page);
  await holds("Carl", "");

  // A session that ends from elsewhere takes nothing along; the next person sees nothing of it.
  const end = async () => {
    await page.request.post(`${base}/graphql`, { data: { query: "mutation { logout }" } });
    await page.getByText("Your session has ended.").waitFor();
  };
  await end();
  assert.equal(await page.locator("#body").inputValue(), "");
  await logIn(page, "bob");
  await holds("Carl", "");
  await field.fill("From Bob to Carl");
  await end();
  await logIn(page, "ann");
  await holds("Carl", "");
  await holds("Bob", "To Bob, in\ntwo lines");

  // Neither does a session that ends while something waits to be sent.
  page.book.excused = true;
  await page.route("**/graphql", (route) => route.abort());
  await Promise.all([page.waitForEvent("requestfailed"), write(page, "Waits for Ann")]);
  await page.unroute("**/graphql");
  await end();
  page.book.excused = false;

  // Whoever logs out by choice leaves nothing behind, in no tab; what is another's stays.
  await logIn(page, "ann");
  await open(page, "Bob");
  await shows(page, ["Waits for Ann"]);
  await field.fill("Another one to Bob");
  const tab = await page.context().newPage();
  await tab.goto(page.url());
  await online(tab);
  await tab.getByRole("textbox", { name: "Message" }).fill("And another one");
  await logOut(tab);
  await page.getByText("Your session has ended.").waitFor();
  for (const each of [page, tab]) {
    const kept = () => each.evaluate(() => Object.values(sessionStorage).join());
    await until("both tabs forget", async () => !(await kept()).includes("nother one"));
  }
  await logIn(page, "ann");
  await holds("Bob", "");
  await logOut(page);
  await logIn(page, "bob");
  await holds("Carl", "From Bob to Carl");
});
