// What is written while there is no connection: where it shows, what it passes when it is sent, and what is refused.

import assert from "node:assert/strict";
import { accessible, api, picture, scenario, until, visitor } from "./browser.mjs";
import { link } from "./link.mjs";
import { account, logIn, online, open, row, shows, write } from "./people.mjs";

const network = await link();
await scenario(async () => {
  const [ann, bob, , dora] = await Promise.all(["Ann", "Bob", "Carl", "Dora"].map((name) => account(name)));
  const page = await visitor("Ann", { origin: network.origin });
  await logIn(page, "ann");
  const field = page.getByRole("textbox", { name: "Message" });
  const bar = page.locator("#link");
  await open(page, "Bob");
  await write(page, "before");
  await page.getByText("Sent", { exact: true }).waitFor();

  const cut = async () => {
    page.book.excused = true;
    network.cut();
    await page.getByText("No connection. Trying again…").waitFor();
  };
  const mend = async () => {
    network.mend();
    await page.evaluate(() => dispatchEvent(new Event("online")));
    await online(page);
    page.book.excused = false;
  };

  // What waits shows in the list, also where it begins a conversation.
  await cut();
  await write(page, "Ann: one");
  await write(page, "Ann: two");
  await row(page, "Bob").getByText("You: Ann: two").waitFor();
  await open(page, "Carl");
  await write(page, "Ann to Carl");
  await page.locator("#conversations").getByRole("link", { name: "Carl" }).getByText("You: Ann to Carl").waitFor();
  assert.ok(await page.getByText("Say hello to Carl.").isHidden());
  await picture(page, "outage-waiting");
  await accessible(page, "while messages wait");

  // It is sent unasked, so that what was missed stays unread until it is seen.
  for (let number = 1; number <= 30; number++) await bob.send(ann.id, `Bob: ${number}`);
  await mend();
  await page.getByText("Sent", { exact: true }).waitFor();
  await row(page, "Bob").getByText("30 unread").waitFor();
  await until("the title counts it", async () => (await page.title()) === "(30) chinwag");
  await open(page, "Bob");
  const missed = Array.from({ length: 30 }, (_, index) => `Bob: ${index + 1}`);
  await shows(page, ["before", ...missed, "Ann: one", "Ann: two"]);
  const line = page.getByRole("heading", { name: "Unread from here" });
  assert.equal(await page.locator("#messages li", { has: line }).locator(".body").textContent(), "Bob: 1");
  assert.ok(await page.getByText("Bob: 30", { exact: true }).evaluate((element) => (
    element.getBoundingClientRect().bottom > document.querySelector("#history").getBoundingClientRect().bottom
  )), "what was not seen yet is not passed");
  await picture(page, "outage-unread");
  await page.getByRole("button", { name: "New messages ↓" }).click();
  await until("all is read", async () => (await page.title()) === "chinwag");

  // What is refused comes back in its order, and is told of wherever one is.
  await open(page, "Dora");
  await cut();
  for (const text of ["first", "second", "third"]) await write(page, text);
  await open(page, "Bob");
  await api("mutation($id: ID!) { blockUser(userId: $id) { id } }", { id: ann.id }, dora.token);
  page.book.excused = true;
  network.mend();
  await page.evaluate(() => dispatchEvent(new Event("online")));
  await bar.getByText("Not sent to Dora:").waitFor();
  await picture(page, "outage-refused");
  await open(page, "Dora");
  assert.equal(await field.inputValue(), "first\nsecond\nthird");
  await page.getByRole("button", { name: "OK", exact: true }).click();
  await until("it was read", async () => (await bar.textContent()) === "");
  page.book.excused = false;

  // Whoever was blocked on another device can be unblocked on this one.
  const carl = (await api("{ sidebarUsers { nodes { id username } } }", {}, ann.token)).sidebarUsers.nodes
    .find(({ username }) => username === "carl");
  await api("mutation($id: ID!) { blockUser(userId: $id) { id } }", { id: carl.id }, ann.token);
  await open(page, "Carl");
  page.book.excused = true;
  await write(page, "to one who is blocked");
  await page.getByText("You have blocked Carl. Not sent: “to one who is blocked”").waitFor();
  await page.getByRole("button", { name: "Unblock" }).click();
  await until("it can be written again", async () => (await field.inputValue()) === "to one who is blocked");
});
network.close();
