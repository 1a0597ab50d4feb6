// What one reads stays in its place, however the page's size and the form below it change.

import assert from "node:assert/strict";
import { picture, scenario, until, visitor } from "./browser.mjs";
import { account, logIn, message, open, write } from "./people.mjs";

await scenario(async () => {
  const [ann, bob] = [await account("Ann"), await account("Bob")];
  for (let number = 1; number <= 60; number++) {
    await ann.send(bob.id, `Message ${number}, ${"lorem ipsum ".repeat(number % 12)}`);
  }
  const page = await visitor("Ann", { phone: true });
  const field = page.getByRole("textbox", { name: "Message" });
  await logIn(page, "ann");
  await open(page, "Bob");
  await message(page, `Message 60,`).waitFor();

  /** How far below the upper edge of the history something is, and how far the history is from its end. */
  const below = (message) => message.evaluate((element) => (
    element.getBoundingClientRect().top - document.querySelector("#history").getBoundingClientRect().top
  ));
  const toEnd = () => page.locator("#history").evaluate((element) => (
    element.scrollHeight - element.scrollTop - element.clientHeight
  ));
  /** Once the page has been drawn, it has done all that it does about its size. */
  const drawn = () => page.evaluate(() => new Promise((done) => {
    requestAnimationFrame(() => requestAnimationFrame(done));
  }));
  const atEnd = async (what) => {
    await drawn();
    await until(`the end is in sight ${what}`, async () => (await toEnd()) < 2);
  };

  // The end stays in sight: as what one writes grows, is refused, and goes; what comes then is seen, too.
  await atEnd("at first");
  await field.fill("one\ntwo\nthree\nfour\nfive\nsix");
  await atEnd("above a long draft");
  page.book.excused = true;
  await write(page, "y ".repeat(2_100));
  await page.getByText("Not sent:").waitFor();
  await atEnd("above what was refused");
  await field.fill("");
  await atEnd("when the draft is gone");
  await bob.send(ann.id, "Is anybody there?");
  await message(page, "Is anybody there?").waitFor();
  await atEnd("with a new message");
  for (const height of [340, 780]) {
    await page.setViewportSize({ width: 390, height });
    await atEnd(`at a height of ${height}`);
  }

  // So does whatever is at the top, further back.
  const read = page.locator("#messages .bubble").nth(12);
  await read.evaluate((element) => element.scrollIntoView({ block: "start" }));
  await drawn();
  const place = await below(read);
  const stays = (what) => until(`${what} moves nothing`, async () => {
    await drawn();
    return Math.abs((await below(read)) - place) < 2;
  });
  await page.setViewportSize({ width: 780, height: 390 });
  await stays("turning the phone");
  await page.setViewportSize({ width: 390, height: 780 });
  await stays("turning it back");
  await field.fill("one\ntwo\nthree\nfour\nfive\nsix");
  await stays("a long draft");

  // What leads to the newest message hides nothing that one writes.
  await bob.send(ann.id, "And now?");
  const newest = page.getByRole("button", { name: "New messages" });
  await newest.waitFor();
  await picture(page, "newest-above-a-draft");
  const [button, form] = [await newest.boundingBox(), await page.locator("#composer").boundingBox()];
  const end = button.y + button.height;
  assert.ok(end < form.y, `the button ends at ${end}, the form begins at ${form.y}`);
  await stays("the button");
  await newest.click();
  await atEnd("by choice");

  // However long the history is, the page around it is not.
  await page.locator("#history").evaluate((element) => { element.scrollTop = 0; });
  const [inner, outer] = await page.evaluate(() => [document.documentElement.scrollHeight, innerHeight]);
  assert.equal(inner, outer, "the page can be scrolled");
});
