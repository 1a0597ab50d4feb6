// Groups: made, renamed, joined, left, and taken away.

import assert from "node:assert/strict";
import { accessible, api, picture, scenario, until, visitor } from "./browser.mjs";
import {
  account, actions, confirm, createGroup, logIn, message, newcomer, open, pick, row, shows, write,
} from "./people.mjs";

const create = "mutation($input: CreateGroupInput!) { createGroup(input: $input) { id } }";
/** More than the page asks for at once. */
const CROWD = 52;
const pictures = (page, name) => Promise.all([picture(page, name), accessible(page, name)]);

await scenario(async () => {
  const ann = await newcomer("Ann");
  const bob = await newcomer("Bob", { phone: true });
  const carl = await newcomer("Carl", { scheme: "dark" });
  const dora = await newcomer("Dora");

  // A group needs a title, which the server asks for.
  await ann.getByRole("button", { name: "New group" }).click();
  const making = ann.getByRole("dialog", { name: "New group" });
  await making.locator("[name=title]:focus").waitFor();
  await pick(making, ["Bob"]);
  await making.getByLabel("Title").fill(" ");
  ann.book.excused = true;
  await making.getByRole("button", { name: "Create group" }).click();
  await making.getByRole("alert").waitFor();
  await making.locator("[name=title][aria-invalid]:focus").waitFor();
  await making.getByText("Picked: Bob").waitFor();
  await pictures(ann, "group-refused");
  await ann.keyboard.press("Escape");
  await making.waitFor({ state: "detached" });
  await ann.getByRole("button", { name: "New group" }).and(ann.locator(":focus")).waitFor();
  ann.book.excused = false;

  // All who are in it have it at once, and all talk.
  await createGroup(ann, "Hiking", ["Bob", "Carl"]);
  await ann.locator("#subtitle", { hasText: "You, Bob, Carl" }).waitFor();
  for (const page of [bob, carl]) await open(page, "Hiking");
  await write(ann, "Who comes along?");
  await write(bob, "I do");
  await shows(carl, ["Who comes along?", "I do"]);
  await message(carl, "I do").getByText("Bob", { exact: true }).waitFor();
  await carl.locator("#announcer", { hasText: "Bob in Hiking: I do" }).waitFor({ state: "attached" });
  await row(ann, "Hiking").getByText("Bob: I do").waitFor();
  await message(ann, "Who comes along?").getByText("Seen by 2").waitFor();
  assert.equal(await row(dora, "Hiking").count(), 0);
  await pictures(carl, "group-dark");
  await pictures(bob, "group-phone");

  // Everyone sees who is in it; its owner renames it, and adds people, who read what was said.
  const about = async (page, title) => {
    await page.getByRole("button", { name: `About ${title}` }).click();
    return page.getByRole("dialog", { name: title });
  };
  let dialog = await about(carl, "Hiking");
  await dialog.getByRole("listitem").filter({ hasText: "Ann" }).getByText("Owner").waitFor();
  for (const name of ["Rename", "Add people", "Remove Ann"]) {
    assert.equal(await dialog.getByRole("button", { name }).count(), 0, name);
  }
  await pictures(carl, "members-dark");
  const owners = await about(ann, "Hiking");
  await owners.getByLabel("Title").fill("Hiking & cake");
  await owners.getByRole("button", { name: "Rename" }).click();
  const renamed = ann.getByRole("dialog", { name: "Hiking & cake" });
  await renamed.getByText("Renamed.").waitFor();
  for (const page of [bob, carl]) await page.locator("#title", { hasText: "Hiking & cake" }).waitFor();
  await renamed.getByRole("button", { name: "Add people" }).click();
  const adding = ann.getByRole("dialog", { name: "Add people to Hiking & cake" });
  await adding.getByRole("checkbox", { name: "Dora" }).waitFor();
  assert.equal(await adding.getByRole("checkbox", { name: "Bob" }).count(), 0);
  await adding.locator("[name=search]:focus").waitFor();
  await pick(adding, ["Dora"]);
  await pictures(ann, "adding");
  await adding.getByRole("button", { name: "Add", exact: true }).click();
  await renamed.getByRole("heading", { name: "Members (4)" }).waitFor();
  await pictures(ann, "members");
  await open(dora, "Hiking & cake");
  await shows(dora, ["Who comes along?", "I do"]);
  assert.equal(await dora.title(), "chinwag");

  // Whoever is removed is told, wherever they are, and has it no more; the focus stays in the dialog. What they were
  // about to send is told, too.
  carl.book.excused = true;
  await carl.keyboard.press("Escape");
  await carl.route("**/graphql", (route) => route.abort());
  await Promise.all([carl.waitForEvent("requestfailed"), write(carl, "Wait for me!")]);
  await about(carl, "Hiking & cake");
  await renamed.getByRole("button", { name: "Remove Carl" }).click();
  await confirm(ann, "Remove Carl from", "Remove");
  await renamed.getByRole("heading", { name: "Members (3)" }).waitFor();
  await renamed.locator(":focus").waitFor();
  await carl.getByText("You are not in Hiking & cake any more. Not sent: “Wait for me!”").waitFor();
  await carl.unroute("**/graphql");
  await carl.getByRole("heading", { name: "Whom do you want to talk to?" }).waitFor();
  await row(carl, "Hiking").waitFor({ state: "detached" });
  await pictures(carl, "removed-dark");
  await carl.getByRole("button", { name: "OK" }).click();
  await ann.keyboard.press("Escape");

  // What others write is deleted by the owner, and by nobody else.
  assert.equal(await (await actions(dora, "I do")).getByRole("button", { name: "Delete" }).count(), 0);
  await dora.keyboard.press("Escape");
  await (await actions(ann, "I do")).getByRole("button", { name: "Delete" }).click();
  await confirm(ann, "Delete this message", "Delete");
  await shows(dora, ["Who comes along?", "This message was deleted."]);
  await row(dora, "Hiking").getByText("Bob: This message was deleted.").waitFor();

  // The owner leaves: the next one owns it. Who comes back reads all of it.
  dialog = await about(ann, "Hiking & cake");
  await dialog.getByRole("button", { name: "Leave group" }).click();
  await confirm(ann, "Leave Hiking", "Leave");
  await ann.getByText("You are not in Hiking & cake any more.").waitFor();
  await until("nothing is open", async () => (await ann.getByRole("dialog").count()) === 0);
  const inherited = await about(bob, "Hiking & cake");
  await inherited.getByRole("listitem").filter({ hasText: "You" }).getByText("Owner").waitFor();
  await pictures(bob, "members-phone");
  await inherited.getByRole("button", { name: "Add people" }).click();
  const again = bob.getByRole("dialog", { name: "Add people to" });
  await pick(again, ["Carl"]);
  await pictures(bob, "adding-phone");
  await again.getByRole("button", { name: "Add", exact: true }).click();
  await bob.keyboard.press("Escape");
  await open(carl, "Hiking & cake");
  await shows(carl, ["Who comes along?", "This message was deleted."]);
  assert.equal(await carl.getByRole("textbox", { name: "Message" }).inputValue(), "Wait for me!");
  await write(carl, "I am back");
  await shows(bob, ["Who comes along?", "This message was deleted.", "I am back"]);

  // People are found behind as many as are in the group, and behind as many as are shown at first.
  const crowd = [];
  for (let number = 1; number <= CROWD; number++) crowd.push(await account(`Aaron${number}`));
  const userIds = crowd.slice(1).map(({ id }) => id);
  await api(create, { input: { title: "Crowd", userIds } }, crowd[0].token);
  const aaron = await visitor("Aaron1");
  await logIn(aaron, "aaron1");
  await open(aaron, "Crowd");
  await (await about(aaron, "Crowd")).getByRole("button", { name: "Add people" }).click();
  const others = aaron.getByRole("dialog", { name: "Add people to Crowd" });
  await others.getByRole("checkbox", { name: "Dora" }).waitFor();
  assert.equal(await others.getByRole("checkbox").count(), 4);
  await others.getByRole("button", { name: "Show more people" }).waitFor({ state: "hidden" });
  await others.getByRole("button", { name: "Cancel" }).click();
  await aaron.keyboard.press("Escape");
  await aaron.getByRole("button", { name: "New group" }).click();
  const anybody = aaron.getByRole("dialog", { name: "New group" });
  await anybody.getByRole("checkbox", { name: "Aaron2", exact: true }).waitFor();
  assert.equal(await anybody.getByRole("checkbox", { name: "Dora" }).count(), 0);
  await pictures(aaron, "picker-crowd");
  await anybody.getByRole("button", { name: "Show more people" }).click();
  await anybody.getByRole("checkbox", { name: "Dora" }).waitFor();
  await anybody.getByRole("heading", { name: "New group" }).and(aaron.locator(":focus")).waitFor();
});
