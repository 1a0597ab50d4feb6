// A search finds messages, too, where the server can, and leads to them.

import assert from "node:assert/strict";
import { accessible, api, picture, scenario, until } from "./browser.mjs";
import { account, createGroup, message, messages, newcomer, row, write } from "./people.mjs";

const { features } = (await api("{ server { features } }")).server;

await scenario(async () => {
  const bob = await account("Bob");
  const page = await newcomer("Ann");
  const phone = await newcomer("Carl", { phone: true, scheme: "dark" });
  const field = page.getByRole("searchbox");
  if (!features.includes("search")) {
    await field.and(page.getByLabel("Find people", { exact: true })).waitFor();
    return;
  }
  const { id } = await page.evaluate(async () => (await import("/assets/chat/state.js")).state.me);
  await bob.send(id, "Much was said of the weather and of the road before the Crème brûlée came");
  const { sendMessage: first } = await bob.send(id, "The kingfisher sits on the third branch");
  for (let number = 1; number <= 90; number++) await bob.send(id, `Nothing to see, ${number}`);
  await createGroup(page, "Birds", ["Carl"]);
  await write(page, "Did anybody see the Kingfisher?");
  await page.getByText("Sent", { exact: true }).waitFor();

  // Every chat's messages, newest first, with who said it, where and when.
  const found = page.getByRole("list", { name: "Messages" }).getByRole("link");
  const search = async (text) => {
    await field.fill("");
    await field.fill(text);
  };
  // A new message is found a moment later; typing on would put the search off.
  const isAnswer = (response) => response.request().postData()?.includes("searchMessages");
  await until("both are found", async () => {
    const answered = page.waitForResponse(isAnswer);
    await search("kingf");
    const { data } = await (await answered).json();
    return data.searchMessages.nodes.length === 2;
  });
  await found.nth(0).and(page.getByRole("link", { name: "Birds" })).getByText("You: Did anybody").waitFor();
  await found.nth(1).and(page.getByRole("link", { name: "Bob" })).getByText("Bob: The kingfisher").waitFor();
  await picture(page, "found");
  await accessible(page, "found messages");

  // Of a long text the part is shown that was searched for, however that is written there.
  await search("brulee creme");
  await found.getByText(/^Bob: ….*Crème brûlée came$/).waitFor();
  await search("kingf");
  await found.nth(1).getByText("Bob: The kingfisher").waitFor();

  // A choice leads to it, by keyboard too, however far back it is, and the search has done its work.
  await field.press("ArrowDown");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Bob", level: 1 }).waitFor();
  const original = message(page, "The kingfisher sits on the third branch");
  await original.and(page.locator(":focus")).waitFor();
  assert.equal((await messages(page)).length, 92);
  const { y } = await original.boundingBox();
  assert.ok(y > 50 && y < 700, `it is at ${y}`);
  assert.equal(await field.inputValue(), "");
  await picture(page, "found-and-reached");

  // What was found changes with the message, and goes with it.
  await search("kingfisher");
  await found.nth(1).waitFor();
  const edit = "mutation($id: ID!, $body: String!) { editMessage(messageId: $id, body: $body) { id } }";
  await api(edit, { id: first.id, body: "The kingfisher has left the branch" }, bob.token);
  await found.getByText("Bob: The kingfisher has left").waitFor();
  await api("mutation($id: ID!) { deleteMessage(messageId: $id) { id } }", { id: first.id }, bob.token);
  await found.nth(1).waitFor({ state: "detached" });
  assert.match(await found.textContent(), /Did anybody see the Kingfisher/);

  // In pages; and what cannot be found is said.
  await search("nothing see");
  await found.nth(19).waitFor();
  await page.getByRole("button", { name: "Show more messages" }).click();
  await found.nth(39).waitFor();
  await search("flamingo");
  await page.getByRole("navigation").getByText("Nothing was found.").waitFor();
  await search("!?");
  await page.getByRole("navigation").getByText("Nothing was found.").waitFor();

  // On a phone the list gives way to the message.
  await row(phone, "Birds").waitFor();
  await phone.getByRole("searchbox").fill("kingfisher");
  const only = phone.getByRole("list", { name: "Messages" }).getByRole("link");
  await only.waitFor();
  await picture(phone, "found-phone");
  await accessible(phone, "found messages on a phone");
  await only.click();
  await message(phone, "Did anybody see the Kingfisher?").and(phone.locator(":focus")).waitFor();
});
