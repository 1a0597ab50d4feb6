// The viewer's account: profile, password, sessions, blocked people, and its end.

import assert from "node:assert/strict";
import { accessible, api, base, picture, scenario, visitor } from "./browser.mjs";
import { PASSWORD, account as absent, logIn, newcomer, online, open, row, shows, write } from "./people.mjs";

const login = "mutation($input: LoginInput!) { login(input: $input) { token } }";
const me = "{ me { displayName } }";
const NEW = "another horse battery";
const pictures = (page, name) => Promise.all([picture(page, name), accessible(page, name)]);

await scenario(async () => {
  const ann = await newcomer("Ann");
  const bob = await newcomer("Bob", { phone: true, scheme: "dark" });
  await open(ann, "Bob");
  await write(ann, "Hello");
  await open(bob, "Ann");
  await shows(bob, ["Hello"]);
  // What one tab changes, the other shows.
  const tab = await ann.context().newPage();
  await tab.goto(ann.url());
  await online(tab);
  const account = async (page, part) => {
    await page.getByRole("button", { name: "Your account" }).click();
    const dialog = page.getByRole("dialog", { name: "Your account" });
    if (part) await dialog.getByText(part, { exact: true }).and(page.locator("summary")).click();
    return dialog;
  };
  const closed = (page) => page.getByRole("dialog").waitFor({ state: "detached" });

  // The profile: what is wrong is said at its field; others see what is new.
  let dialog = await account(ann);
  await dialog.getByLabel("Display name").fill(" ");
  await dialog.getByLabel("Picture").fill("ftp://example.org/ann.png");
  ann.book.excused = true;
  await dialog.getByRole("button", { name: "Save" }).click();
  await dialog.getByRole("alert").waitFor();
  await dialog.locator("[aria-invalid]:focus").waitFor();
  await pictures(ann, "profile-refused");
  await dialog.getByLabel("Display name").fill("Ann Miller");
  await dialog.getByLabel("Picture").fill(`${base}/assets/chat/icon.svg`);
  await dialog.getByRole("button", { name: "Save" }).click();
  await dialog.getByText("Saved.").waitFor();
  for (const page of [ann, tab]) await page.locator("#my-name", { hasText: "Ann Miller" }).waitFor();
  await ann.locator("#account img").waitFor();
  await pictures(ann, "profile");
  await ann.keyboard.press("Escape");
  await ann.getByRole("button", { name: "Your account" }).and(ann.locator(":focus")).waitFor();
  await bob.reload();
  await bob.getByRole("heading", { name: "Ann Miller", level: 1 }).waitFor();

  // The password: the session goes on, all others end.
  const input = { username: "ann", password: PASSWORD };
  const { token } = (await api(login, { input })).login;
  dialog = await account(ann, "Password");
  await dialog.getByLabel("Current password").fill("not this one");
  await dialog.getByLabel("New password").fill(NEW);
  await dialog.getByRole("button", { name: "Change password" }).click();
  await dialog.locator("[name=currentPassword][aria-invalid]:focus").waitFor();
  await pictures(ann, "password-refused");
  await dialog.getByLabel("Current password").fill(PASSWORD);
  await dialog.getByRole("button", { name: "Change password" }).click();
  await dialog.getByText("Changed. All other sessions have ended.").waitFor();
  assert.equal(await dialog.getByLabel("New password").inputValue(), "");
  ann.book.excused = false;
  await online(ann);
  assert.equal((await api(me, {}, token)).me, null);
  await ann.keyboard.press("Escape");
  await closed(ann);
  await write(bob, "Still there?");
  await shows(ann, ["Hello", "Still there?"]);
  await shows(tab, ["Hello", "Still there?"]);
  await ann.reload();
  await shows(ann, ["Hello", "Still there?"]);

  // Sessions: each is told, and another one ends at once.
  const other = await visitor("other");
  await logIn(other, "ann", NEW);
  dialog = await account(ann, "Sessions");
  const sessions = dialog.getByRole("list", { name: "Sessions" }).getByRole("listitem");
  await sessions.nth(1).waitFor();
  assert.equal(await sessions.count(), 2);
  await sessions.filter({ hasText: "This session" }).getByText("Chrome on").waitFor();
  assert.equal(await dialog.getByRole("button", { name: "End" }).count(), 1);
  await pictures(ann, "sessions");
  await dialog.getByRole("button", { name: /^End Chrome on .*: Logged in today at/ }).click();
  await other.getByText("Your session has ended.").waitFor();
  await sessions.nth(1).waitFor({ state: "detached" });
  await dialog.locator(":focus").waitFor();
  await ann.keyboard.press("Escape");
  await closed(ann);

  // Blocking: neither sees the other online, nor writes. It is taken back from the chat, or from the account.
  const block = async () => {
    await ann.getByRole("button", { name: "About Bob" }).click();
    const about = ann.getByRole("dialog", { name: "Bob" });
    await about.getByRole("button", { name: "Block" }).click();
    await about.getByRole("button", { name: "Unblock" }).waitFor();
    return about;
  };
  await ann.locator("#subtitle", { hasText: "Online" }).waitFor();
  await block();
  await pictures(ann, "blocked-person");
  await ann.keyboard.press("Escape");
  for (const page of [ann, tab]) {
    await page.locator("#closed").getByText("You have blocked Bob.").waitFor();
    await page.getByRole("textbox", { name: "Message" }).waitFor({ state: "hidden" });
  }
  await row(ann, "Bob").getByText("online").waitFor({ state: "hidden" });
  await pictures(ann, "blocked");
  await bob.locator("#subtitle", { hasText: "Online" }).waitFor({ state: "hidden" });
  bob.book.excused = true;
  await write(bob, "Why?");
  await bob.getByText("Not sent:").waitFor();
  await pictures(bob, "blocked-phone-dark");
  await ann.reload();
  await ann.getByRole("button", { name: "Unblock" }).click();
  await ann.locator("#body:focus").waitFor();
  await ann.locator("#subtitle", { hasText: "Online" }).waitFor();
  await tab.getByRole("textbox", { name: "Message" }).waitFor();
  await tab.close();
  await bob.getByRole("button", { name: "Send" }).click();
  await shows(ann, ["Hello", "Still there?", "Why?"]);
  await block();
  await ann.keyboard.press("Escape");
  await closed(ann);
  dialog = await account(ann, "Blocked people");
  await pictures(ann, "blocked-people");
  await dialog.getByRole("button", { name: "Unblock Bob" }).click();
  await dialog.getByText("You have blocked nobody.").waitFor();
  await dialog.locator(":focus").waitFor();
  await ann.keyboard.press("Escape");
  await closed(ann);

  // The end: with the password, for good. What was said stays.
  await bob.getByRole("link", { name: "Back to all chats" }).click();
  dialog = await account(bob, "Delete account");
  await dialog.getByLabel("Password", { exact: true }).last().fill("not this one");
  const end = async () => {
    await dialog.getByRole("button", { name: "Delete account" }).click();
    await bob.getByRole("dialog", { name: "for good" }).getByRole("button", { name: "Delete account" }).click();
  };
  await end();
  await dialog.getByRole("alert").waitFor();
  await pictures(bob, "end-refused-phone");
  await dialog.getByLabel("Password", { exact: true }).last().fill(PASSWORD);
  await end();
  await bob.getByText("Your account was deleted.").waitFor();
  await picture(bob, "account-deleted");
  await ann.reload();
  await ann.getByRole("heading", { name: "Deleted account", level: 1 }).waitFor();
  await shows(ann, ["Hello", "Still there?", "Why?"]);
  await ann.locator("#closed").getByText("This account was deleted.").waitFor();
  await ann.getByRole("textbox", { name: "Message" }).waitFor({ state: "hidden" });
  await pictures(ann, "deleted-person");

  // Of somebody who was away, one learns it with the next message to them.
  const carl = await absent("Carl");
  const { id } = await ann.evaluate(async () => (await import("/assets/chat/state.js")).state.me);
  await carl.send(id, "I am leaving");
  await open(ann, "Carl");
  await shows(ann, ["I am leaving"]);
  await api("mutation($password: String!) { deleteAccount(password: $password) }", { password: PASSWORD }, carl.token);
  ann.book.excused = true;
  await write(ann, "Good-bye");
  await ann.locator("#closed").getByText("This account was deleted.").waitFor();
  await ann.getByRole("heading", { name: "Deleted account", level: 1 }).waitFor();
});
