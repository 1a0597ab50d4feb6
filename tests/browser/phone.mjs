// The page on a phone: one pane at a time.

import assert from "node:assert/strict";
import { accessible, picture, scenario, visitor } from "./browser.mjs";
import { newcomer, open, row, shows, write } from "./people.mjs";

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
    await bob.close();
    await ann.close();
  }
});

/** Nothing reaches beyond the screen's edge. */
async function fits(page, name) {
  await picture(page, name);
  const [inner, outer] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  assert.equal(inner, outer, `${name} is too wide`);
  await accessible(page, name);
}
