// The page on a phone: one pane at a time.

import assert from "node:assert/strict";
import { accessible, picture, scenario, visitor } from "./browser.mjs";
import { actions, confirm, createGroup, newcomer, open, row, write } from "./people.mjs";

await scenario(async () => {
  for (const scheme of ["light", "dark"]) {
    const login = await visitor(`login-${scheme}`, { phone: true, scheme });
    await fits(login, `phone-login-${scheme}`);
    await login.close();

    const [name, peer] = [`Ann-${scheme}`, `Bob-${scheme}`];
    const bob = await newcomer(peer);
    const ann = await newcomer(name, { phone: true, scheme });
    await row(ann, peer).getByText("online").waitFor();
    await ann.getByRole("heading", { level: 1 }).waitFor({ state: "hidden" });
    await fits(ann, `phone-list-${scheme}`);

    await open(ann, peer);
    await ann.getByRole("navigation").waitFor({ state: "hidden" });
    await write(ann, "Hello from the tram! ".repeat(5).trim());
    // It moves Ann's row, which would be no place to click meanwhile.
    await row(bob, name).getByText("Hello from the tram!").waitFor();
    await open(bob, name);
    await write(bob, "A word that is rather long: " + "o".repeat(200));
    await ann.locator("#messages").getByText("A word that is rather long").waitFor();
    await fits(ann, `phone-conversation-${scheme}`);

    // Enter makes a new line on a phone.
    await ann.getByRole("textbox", { name: "Message" }).fill("one");
    await ann.keyboard.press("Enter");
    await ann.keyboard.type("two");
    await ann.getByRole("button", { name: "Send" }).click();
    await bob.locator("#messages").getByText("one\ntwo").waitFor();

    // Both ways back lead to the list.
    await ann.getByRole("link", { name: "Back to all chats" }).click();
    await ann.getByRole("navigation").waitFor();
    await open(ann, peer);
    await ann.goBack();
    await ann.getByRole("navigation").waitFor();

    await write(bob, `Look at https://example.org/${"far/".repeat(40)}`);
    await row(ann, peer).getByText("1 unread").waitFor();
    await open(ann, peer);
    await ann.getByRole("heading", { name: "Unread from here" }).waitFor();
    await fits(ann, `phone-unread-${scheme}`);

    // So do the dialogs, each of which can be left.
    await (await actions(ann, "one\ntwo")).getByRole("button", { name: "Reply" }).click();
    await fits(ann, `phone-reply-${scheme}`);
    await ann.getByRole("button", { name: "Do not reply" }).click();
    await actions(ann, "one\ntwo");
    await fits(ann, `phone-actions-${scheme}`);
    await ann.getByRole("button", { name: "Close" }).click();
    // What lies beneath is not pressed by the tap that closes a menu, and selecting text closes none.
    const menu = await actions(ann, "one\ntwo");
    const back = await ann.locator("#back").boundingBox();
    const beneath = [back.x + back.width / 2, back.y + back.height / 2];
    const emoji = await menu.getByLabel("Another emoji").boundingBox();
    await ann.mouse.move(emoji.x + 5, emoji.y + 5);
    await ann.mouse.down();
    await ann.mouse.move(...beneath);
    await ann.mouse.up();
    assert.ok(await menu.isVisible());
    await ann.touchscreen.tap(...beneath);
    await menu.waitFor({ state: "detached" });
    await ann.locator("#messages .act:focus").waitFor();
    await ann.getByRole("link", { name: "Back to all chats" }).click();
    await ann.getByRole("button", { name: "Your account" }).click();
    for (const part of await ann.locator("dialog summary").all()) await part.click();
    await fits(ann, `phone-account-${scheme}`);
    await ann.getByRole("button", { name: "Close" }).click();
    await createGroup(ann, "All who like a rather long title", [peer]);
    await ann.getByRole("button", { name: "About" }).click();
    await fits(ann, `phone-group-${scheme}`);
    await ann.getByRole("button", { name: "Add people" }).click();
    await fits(ann, `phone-picker-${scheme}`);
    await ann.getByRole("button", { name: "Cancel" }).click();

    // Whoever leaves a group, or is removed from one while writing there, goes on in the list.
    const first = ann.locator("#lists li:first-child a:focus");
    await ann.getByRole("button", { name: "Leave group" }).click();
    await confirm(ann, "Leave All who like", "Leave");
    await first.waitFor();
    await ann.getByRole("button", { name: "OK" }).click();
    await first.waitFor();
    await createGroup(bob, "Short-lived", [name]);
    await open(ann, "Short-lived");
    await ann.getByRole("textbox", { name: "Message" }).focus();
    await bob.getByRole("button", { name: "About" }).click();
    await bob.getByRole("button", { name: `Remove ${name}` }).click();
    await confirm(bob, "Remove", "Remove");
    await ann.getByText("You are not in Short-lived any more.").waitFor();
    await first.waitFor();
    await bob.close();
    await ann.close();
  }
});

/** Nothing reaches beyond the screen's edge, also of a small one. */
async function fits(page, name) {
  await picture(page, name);
  await accessible(page, name);
  const size = page.viewportSize();
  for (const small of [size, { width: 320, height: 568 }]) {
    await page.setViewportSize(small);
    const [inner, outer] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
    assert.equal(inner, outer, `${name} is too wide for ${small.width} pixels`);
    const beyond = await page.locator("dialog[open]").evaluateAll((dialogs) => dialogs.filter((dialog) => {
      const { left, right, top, bottom } = dialog.getBoundingClientRect();
      if (left < 0 || right > innerWidth || top < 0 || bottom > innerHeight) return true;
      return dialog.scrollWidth > dialog.clientWidth;
    }).length);
    assert.equal(beyond, 0, `a dialog of ${name} is too large for ${small.width} pixels`);
  }
  await picture(page, `${name}-small`);
  await page.setViewportSize(size);
}
