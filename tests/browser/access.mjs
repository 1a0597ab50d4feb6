// The page without a mouse, and without eyes.

import assert from "node:assert/strict";
import { accessible, picture, scenario, visitor } from "./browser.mjs";
import { PASSWORD, account, newcomer, online, shows } from "./people.mjs";

await scenario(async () => {
  const bob = await account("Bob");
  for (const scheme of ["light", "dark"]) {
    const login = await visitor(`login-${scheme}`, { scheme });
    await login.getByLabel("Username").waitFor();
    await picture(login, `login-${scheme}`);
    await accessible(login, `login, ${scheme}`);
    await login.getByRole("button", { name: "Sign up" }).click();
    await accessible(login, `sign up, ${scheme}`);
    await login.close();

    const ann = await newcomer(`Ann-${scheme}`, { scheme });
    await accessible(ann, `list, ${scheme}`);
    const { id } = await ann.evaluate(async () => (await import("/assets/chat/state.js")).state.me);
    await bob.send(id, "Hello Ann");
    await ann.getByText("1 unread").waitFor();
    await accessible(ann, `unread, ${scheme}`);
    await ann.close();
  }

  // All by keyboard.
  const page = await visitor("Dora");
  const keys = async (...names) => { for (const name of names) await page.keyboard.press(name); };
  const focused = (selector) => page.locator(`${selector}:focus`).waitFor();
  await focused("#username");
  await keys("Tab", "Tab", "Tab", "Enter");
  await focused("#username");
  await page.keyboard.type("dora");
  await keys("Tab");
  await page.keyboard.type("Dora");
  await keys("Tab");
  await page.keyboard.type(PASSWORD);
  await keys("Enter");
  await online(page);
  await focused("#search");
  await page.keyboard.type("bob");
  await page.getByRole("heading", { name: "People" }).waitFor();
  await page.getByRole("navigation").getByRole("link").nth(1).waitFor({ state: "detached" });
  await keys("Tab", "Enter");
  await focused("#body");
  await page.keyboard.type("By keyboard");
  await keys("Shift+Enter");
  await page.keyboard.type("in two lines");
  await keys("Enter");
  await shows(page, ["By keyboard\nin two lines"]);
  await focused("#body");
  await accessible(page, "conversation");
  // Whoever comes back to a chat writes there.
  await page.reload();
  await shows(page, ["By keyboard\nin two lines"]);
  await focused("#body");
  const { id } = await page.evaluate(async () => (await import("/assets/chat/state.js")).state.me);
  await bob.send(id, "Heard?");
  const announced = (text, within = page) => within.getByRole("status").getByText(text).waitFor();
  await announced("Bob: Heard?");
  // Also beside a dialog, which makes all else inert. Places of announcements are there before these come.
  await page.getByRole("button", { name: "About Bob" }).click();
  await bob.send(id, "And now?");
  await announced("Bob: And now?", page.getByRole("dialog"));
  await keys("Escape");
  await bob.send(id, "And then?");
  await page.locator("body > #announcer", { hasText: "Bob: And then?" }).waitFor();
  for (const place of ["#link", "#lists-hint"]) {
    await page.locator(place).and(page.locator(":empty")).and(page.getByRole("status")).waitFor({ state: "attached" });
  }

  // So is a group: made, looked at and left, and a message in it reacted to and replied to.
  const tabTo = async (selector, key = "Tab") => {
    for (let steps = 0; !(await page.locator(`${selector}:focus`).count()); steps++) {
      assert.ok(steps < 30, `no way to ${selector}`);
      await keys(key);
    }
  };
  await tabTo("#new-group", "Shift+Tab");
  await keys("Enter");
  await focused("dialog [name=title]");
  await page.keyboard.type("Keys");
  await keys("Tab");
  await page.keyboard.type("bob");
  await page.getByRole("checkbox", { name: "Bob" }).waitFor();
  await page.getByRole("checkbox").nth(1).waitFor({ state: "detached" });
  await keys("Enter");
  await tabTo("dialog [type=checkbox]");
  await keys("Space");
  await page.getByText("Picked: Bob").waitFor();
  await tabTo("dialog [type=submit]");
  await keys("Enter");
  await page.getByRole("heading", { name: "Keys", level: 1 }).waitFor();
  await focused("#body");
  await page.keyboard.type("Typed");
  await keys("Enter");
  await page.getByText("Sent", { exact: true }).waitFor();
  await tabTo("#messages .act", "Shift+Tab");
  await keys("Enter");
  await page.getByRole("dialog", { name: "You: Typed" }).waitFor();
  await tabTo("dialog .emoji");
  await keys("Tab");
  await focused("dialog [name=emoji]");
  await keys("Shift+Tab", "ArrowDown", "ArrowRight");
  await page.locator(".emoji:focus", { hasText: "🔥" }).waitFor();
  await keys("Tab", "Shift+Tab", "ArrowUp", "ArrowLeft");
  await page.locator(".emoji:focus", { hasText: "👍" }).waitFor();
  await keys("Enter");
  await page.locator(".reaction", { hasText: "👍 1" }).waitFor();
  await focused("#messages .act");
  await keys("Tab");
  await focused("#messages .reaction");
  await keys("Enter");
  await page.locator(".reaction").waitFor({ state: "detached" });
  await tabTo("#messages .act", "Shift+Tab");
  await keys("Enter");
  await tabTo("dialog .reply");
  await keys("Enter");
  await focused("#body");
  await keys("Escape");
  await page.getByText("Reply to You").waitFor({ state: "hidden" });
  await tabTo("#messages .act", "Shift+Tab");
  await keys("Enter");
  await tabTo("dialog .reply");
  await keys("Enter");
  await focused("#body");
  await page.keyboard.type("Answered");
  await keys("Enter");
  await page.locator("#messages .quote", { hasText: "Typed" }).waitFor();
  await tabTo("#messages .act", "Shift+Tab");
  await keys("ArrowDown", "Tab");
  // One sees where one is, also inside one's own bubble.
  const [outline, bubble] = await page.locator("#messages .quote:focus").evaluate((quote) => (
    [getComputedStyle(quote).outlineColor, getComputedStyle(quote.closest(".bubble")).backgroundColor]
  ));
  assert.notEqual(outline, bubble);
  await tabTo("#details", "Shift+Tab");
  await keys("Enter");
  await page.getByRole("dialog", { name: "Keys" }).waitFor();
  await tabTo("dialog .leave");
  await keys("Enter");
  await tabTo("dialog .yes");
  await keys("Enter");
  await page.getByText("You are not in Keys any more.").waitFor();
  await focused("#search");
  await tabTo("#dismiss", "Shift+Tab");
  await keys("Enter");
  await page.locator("#dismiss").waitFor({ state: "hidden" });
  await focused("#search");
});
