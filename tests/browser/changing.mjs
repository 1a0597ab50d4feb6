// Messages that were sent are edited, deleted, reacted to and replied to, and everybody sees it at once.

import assert from "node:assert/strict";
import { accessible, api, picture, scenario, until } from "./browser.mjs";
import { account, actions, confirm, message, newcomer, online, open, row, shows, write } from "./people.mjs";

await scenario(async () => {
  const ann = await newcomer("Ann");
  const bob = await newcomer("Bob", { phone: true, scheme: "dark" });
  await open(ann, "Bob");
  await write(ann, "Hello Bob, how aer you?");
  await row(bob, "Ann").getByText("1 unread").waitFor();
  await open(bob, "Ann");
  await write(bob, "Fine");
  await shows(ann, ["Hello Bob, how aer you?", "Fine"]);

  // Editing is for one's own, and shows everywhere; what the server refuses is said there.
  let dialog = await actions(ann, "Hello Bob, how aer you?");
  await picture(ann, "actions");
  await accessible(ann, "actions");
  await dialog.getByRole("button", { name: "Edit" }).click();
  dialog = ann.getByRole("dialog", { name: "Edit" });
  const field = dialog.getByRole("textbox", { name: "New text" });
  await field.and(ann.locator(":focus")).waitFor();
  assert.equal(await field.inputValue(), "Hello Bob, how aer you?");
  await field.fill("long ".repeat(1_000));
  ann.book.excused = true;
  await dialog.getByRole("button", { name: "Save" }).click();
  await dialog.getByRole("alert").waitFor();
  await picture(ann, "edit-refused");
  await accessible(ann, "a refused edit");
  await field.fill("Hello Bob, how are you?");
  await dialog.getByRole("button", { name: "Save" }).click();
  for (const page of [ann, bob]) {
    await shows(page, ["Hello Bob, how are you?", "Fine"]);
    await message(page, "Hello Bob, how are you?").getByText("edited").waitFor();
  }
  await dialog.waitFor({ state: "detached" });
  await ann.getByRole("button", { name: "Message actions" }).and(ann.locator(":focus")).waitFor();
  dialog = await actions(ann, "Fine");
  assert.equal(await dialog.getByRole("button", { name: "Edit" }).isVisible(), false);
  assert.equal(await dialog.getByRole("button", { name: "Delete" }).isVisible(), false);

  // A reaction is put by the picker and toggled by a click; one sees whose it is.
  await dialog.getByRole("button", { name: "🎉" }).click();
  await dialog.waitFor({ state: "detached" });
  const reaction = (page, emoji) => message(page, "Fine").locator(".reaction", { hasText: emoji });
  await until("Bob sees Ann's reaction", async () => await reaction(bob, "🎉").getAttribute("title") === "Ann");
  await reaction(bob, "🎉").click();
  await reaction(ann, "🎉 2").waitFor();
  assert.equal(await reaction(ann, "🎉").getAttribute("title"), "You, Bob");
  assert.equal(await reaction(ann, "🎉").getAttribute("aria-label"), "🎉 2: You, Bob");
  assert.equal(await reaction(ann, "🎉").getAttribute("aria-pressed"), "true");
  await reaction(ann, "🎉").click();
  await reaction(bob, "🎉 1").waitFor();
  assert.equal(await reaction(bob, "🎉").getAttribute("title"), "You");
  // Any one emoji can be typed; what is none is refused.
  dialog = await actions(bob, "Fine");
  await picture(bob, "actions-phone");
  await dialog.getByLabel("Another emoji").fill("word");
  bob.book.excused = true;
  await dialog.getByRole("button", { name: "React", exact: true }).click();
  await dialog.getByRole("alert").waitFor();
  await accessible(bob, "a refused emoji");
  await dialog.getByLabel("Another emoji").fill("🦀");
  await dialog.getByRole("button", { name: "React", exact: true }).click();
  await reaction(ann, "🦀 1").waitFor();

  // A reply quotes what it answers.
  await (await actions(bob, "Hello Bob, how are you?")).getByRole("button", { name: "Reply" }).click();
  await bob.getByText("Reply to Ann: Hello Bob, how are you?").waitFor();
  await bob.locator("#body:focus").waitFor();
  await bob.getByRole("button", { name: "Do not reply" }).click();
  await bob.getByText("Reply to Ann:").waitFor({ state: "hidden" });
  await (await actions(bob, "Hello Bob, how are you?")).getByRole("button", { name: "Reply" }).click();
  await picture(bob, "reply-phone");
  await write(bob, "Very well");
  const quote = (page, text) => message(page, text).getByRole("button", { name: "In reply to" });
  await quote(ann, "Very well").getByText("Hello Bob, how are you?").waitFor();
  await picture(ann, "changed-light");
  await picture(bob, "changed-dark-phone");
  await accessible(ann, "edits, reactions and replies");
  await accessible(bob, "edits, reactions and replies, dark");

  // The quote leads to the original, also when that was not loaded yet, and shows its newest state.
  for (let number = 1; number <= 80; number++) await write(ann, `Ann's ${number}`);
  await message(bob, "Ann's 80").waitFor({ state: "attached" });
  await ann.locator("#history").evaluate((element) => { element.scrollTop = 0; });
  await (await actions(ann, "Fine")).getByRole("button", { name: "Reply" }).click();
  await write(ann, "That was long ago");
  await quote(bob, "That was long ago").waitFor({ state: "attached" });
  await bob.reload();
  await online(bob);
  await message(bob, "That was long ago").waitFor();
  assert.equal(await message(bob, "Fine").count(), 0);
  await quote(bob, "That was long ago").click();
  await message(bob, "Fine").and(bob.locator(":focus")).waitFor();
  const box = await message(bob, "Fine").boundingBox();
  assert.ok(box.y > 50 && box.y < 700, `the original is at ${box.y}`);
  await picture(bob, "reached");

  // Deleting leaves a tombstone, in quotes, too, and asks before.
  await (await actions(bob, "Fine")).getByRole("button", { name: "Delete" }).click();
  await accessible(bob, "a question");
  await picture(bob, "confirm-phone");
  await confirm(bob, "Delete this message", "Cancel");
  await (await actions(bob, "Fine")).getByRole("button", { name: "Delete" }).click();
  await confirm(bob, "Delete this message", "Delete");
  for (const page of [ann, bob]) {
    await page.locator("#messages .body", { hasText: "This message was deleted." }).waitFor({ state: "attached" });
    await quote(page, "That was long ago").getByText("This message was deleted.").waitFor({ state: "attached" });
    assert.equal(await page.getByText("🦀").count(), 0);
  }
  await bob.locator("#messages .deleted").scrollIntoViewIfNeeded();
  await picture(bob, "tombstone");
  await accessible(bob, "a tombstone");

  // A reply that is being written answers the message as it is now, and none that was deleted.
  const carl = await account("Carl");
  const { id } = await ann.evaluate(async () => (await import("/assets/chat/state.js")).state.me);
  const tell = async (body) => (await carl.send(id, body)).sendMessage.id;
  const edit = "mutation($id: ID!, $body: String!) { editMessage(messageId: $id, body: $body) { id } }";
  const erase = (id) => api("mutation($id: ID!) { deleteMessage(messageId: $id) { id } }", { id }, carl.token);
  const ids = [await tell("A first secret")];
  await open(ann, "Carl");
  const answering = ann.locator("#reply-to");
  await (await actions(ann, "A first secret")).getByRole("button", { name: "Reply" }).click();
  await api(edit, { id: ids[0], body: "A first question" }, carl.token);
  await answering.and(ann.getByText("Reply to Carl: A first question")).waitFor();
  await ann.reload();
  await online(ann);
  await answering.and(ann.getByText("Reply to Carl: A first question")).waitFor();
  await erase(ids[0]);
  await answering.waitFor({ state: "hidden" });
  await write(ann, "No answer");
  await shows(ann, ["This message was deleted.", "No answer"]);
  // Neither is it when the server says so first.
  ids.push(await tell("A second question"));
  await (await actions(ann, "A second question")).getByRole("button", { name: "Reply" }).click();
  await ann.route("**/graphql", async (route) => {
    if (route.request().postData().includes("mutation Send")) await erase(ids[1]);
    await route.continue();
  });
  await write(ann, "A late answer");
  await ann.getByText("Not sent:").waitFor();
  await ann.unroute("**/graphql");
  await answering.waitFor({ state: "hidden" });
  await ann.getByRole("button", { name: "Send" }).click();
  await shows(ann, ["This message was deleted.", "No answer", "This message was deleted.", "A late answer"]);
  await open(ann, "Bob");

  // The newest message shows in the list as it is now.
  await (await actions(ann, "That was long ago")).getByRole("button", { name: "Edit" }).click();
  await ann.getByRole("textbox", { name: "New text" }).fill("That was yesterday");
  await ann.keyboard.press("Control+Enter");
  await row(ann, "Bob").getByText("You: That was yesterday").waitFor();
});
