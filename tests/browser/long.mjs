// Long messages, names and titles find room: nothing is wider than its place, and all that can be done is in sight.

import assert from "node:assert/strict";
import { accessible, api, picture, scenario, visitor } from "./browser.mjs";
import { account, actions, logIn, open, shows, write } from "./people.mjs";

const NAME = "W".repeat(64);
const TITLE = "M".repeat(100);
const LONG = "The quick brown fox jumps over the lazy dog and goes on. ".repeat(4).trim();
const create = "mutation($input: CreateGroupInput!) { createGroup(input: $input) { id } }";
const remove = "mutation($id: ID!, $userId: ID!) { removeMember(conversationId: $id, userId: $userId) { id } }";
const type = "mutation($id: ID!) { setTyping(in: { conversationId: $id }) }";

await scenario(async () => {
  const [ann, bob] = [await account("Ann"), await account("Bob", { displayName: NAME })];
  await account("Carl", { displayName: `${NAME.slice(1)}C` });
  await account("Dora");
  await bob.send(ann.id, LONG);
  for (const [name, options] of [["desktop", {}], ["phone", { phone: true, scheme: "dark" }]]) {
    const page = await visitor(name, options);
    if (options.phone) await page.setViewportSize({ width: 360, height: 640 });
    await logIn(page, "ann");
    await open(page, NAME);

    // Letters twice as large leave room to read with whom one talks.
    await page.evaluate(() => { document.documentElement.style.fontSize = "200%"; });
    await fits(page, `long-large-${name}`);
    const letters = await page.locator("#title").evaluate((title) => (
      title.clientWidth / parseFloat(getComputedStyle(title).fontSize)
    ));
    assert.ok(letters > 4, `there is room for ${letters} large letters`);
    await page.evaluate(() => { document.documentElement.style.fontSize = ""; });

    const said = await page.locator("#messages .body").allTextContents();

    // What can be done to a long message.
    const dialog = await actions(page, LONG);
    await fits(page, `long-actions-${name}`);
    await within(dialog, "button:visible");
    await dialog.getByRole("button", { name: "Reply" }).click();
    await fits(page, `long-reply-${name}`);

    // A short reply that quotes it.
    await write(page, `Short, ${name}`);
    await shows(page, [...said, `Short, ${name}`]);
    await fits(page, `long-quote-${name}`);
    await within(page.locator("#history"), "#messages > li:last-child .bubble");

    // Why nothing can be written to somebody, and what to do about it.
    await page.getByRole("button", { name: "About" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Block" }).click();
    await fits(page, `long-person-${name}`);
    await page.keyboard.press("Escape");
    await page.getByRole("button", { name: "Unblock" }).waitFor();
    await fits(page, `long-blocked-${name}`);
    await page.getByRole("button", { name: "Unblock" }).click();
    await page.locator("#body:focus").waitFor();

    // Somebody to whom nothing was said, and a group that is lost.
    const turnTo = async (title) => {
      if (options.phone) await page.getByRole("link", { name: "Back to all chats" }).click();
      await open(page, title);
    };
    await turnTo(`${NAME.slice(1)}C`);
    await page.getByText("Say hello to").waitFor();
    await fits(page, `long-hello-${name}`);

    // Who has written what is long is said whole.
    await turnTo("Dora");
    await write(page, `${LONG} ${name}`);
    const own = await actions(page, `${LONG} ${name}`);
    const { cut, about } = await own.locator(".about").evaluate((place) => (
      { cut: place.scrollWidth > place.clientWidth, about: place.textContent }
    ));
    assert.deepEqual({ cut, about }, { cut: false, about: "You:" });
    await page.keyboard.press("Escape");

    const { createGroup: { id } } = await api(create, { input: { title: TITLE, userIds: [ann.id] } }, bob.token);
    await turnTo(TITLE);
    await api(type, { id }, bob.token);
    await page.getByText("is typing…").waitFor();
    await fits(page, `long-group-${name}`);
    await api(remove, { id, userId: ann.id }, bob.token);
    await page.getByText("You are not in").waitFor();
    await fits(page, `long-removed-${name}`);
    await within(page.locator("html"), "#bar *:visible");
    await page.close();
  }
});

/** Nothing has to be scrolled sideways. */
async function fits(page, name) {
  await picture(page, name);
  await accessible(page, name);
  const places = page.locator("html, #bar, #sidebar, #lists, #somebody, #history, #shut, dialog");
  const wide = await places.evaluateAll((all) => (
    all.filter((place) => place.scrollWidth > place.clientWidth).map(({ id, localName }) => id || localName)
  ));
  assert.deepEqual(wide, [], `too wide in ${name}`);
}

/** All of these elements are inside another, sideways. */
async function within(place, selector) {
  const outer = await place.boundingBox();
  for (const element of await place.locator(selector).all()) {
    const inner = await element.boundingBox();
    const inside = inner.x >= outer.x && inner.x + inner.width <= outer.x + outer.width;
    assert.ok(inside, `${await element.textContent()} is at ${inner.x}, ${inner.width} wide`);
  }
}
