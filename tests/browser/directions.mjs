// What is written from right to left is shown in its order, wherever it stands, and turns nothing beside it.

import assert from "node:assert/strict";
import { accessible, picture, scenario, visitor } from "./browser.mjs";
import { account, actions, logIn, open, row, shows, write } from "./people.mjs";

const GREETING = "שלום!";
const TWO = `${GREETING}\nHello!`;

await scenario(async () => {
  const [ann, sara] = [await account("Ann"), await account("Sara", { displayName: "שרה" })];
  await sara.send(ann.id, GREETING);
  await sara.send(ann.id, TWO);
  await sara.send(ann.id, "בוקר טוב, מה שלומך היום? ".repeat(12).trim());
  for (const [name, options] of [["desktop", {}], ["phone", { phone: true, scheme: "dark" }]]) {
    const page = await visitor(name, options);
    await logIn(page, "ann");
    await open(page, "שרה");
    await page.locator("#messages > li").nth(2).waitFor();
    const bodies = page.locator("#messages .body");
    await inOrder(bodies.nth(0), GREETING, "a message");
    await inOrder(bodies.nth(1), GREETING, "its first line");
    await inOrder(bodies.nth(1), "Hello!", "its second line");
    await picture(page, `directions-${name}`);

    // Where it is quoted, the sender's name stands before it.
    const dialog = await actions(page, GREETING);
    await inOrder(dialog.locator("h2"), GREETING, "the menu");
    await picture(page, `directions-actions-${name}`);
    await dialog.getByRole("button", { name: "Reply" }).click();
    await inOrder(page.locator("#reply-to"), GREETING, "the message that is replied to");
    await write(page, `${GREETING} ${name}`);
    await page.getByText("Sent", { exact: true }).waitFor();
    await inOrder(page.locator("#messages .excerpt").last(), GREETING, "a quote");
    await page.locator("#body:dir(ltr)").waitFor();
    await page.locator("#body").fill(GREETING);
    await page.locator("#body:dir(rtl)").waitFor();
    await picture(page, `directions-quote-${name}`);
    await accessible(page, `directions, ${name}`);
    if (options.phone) await page.getByRole("link", { name: "Back to all chats" }).click();
    await inOrder(row(page, "שרה").locator(".preview"), GREETING, "the list");
    await page.close();
  }
});

/** Of a text that is shown somewhere, the mark at its end stands where the text ends. */
async function inOrder(place, text, what) {
  const [first, mark] = await place.evaluate((element, text) => {
    const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
    for (let node; (node = walker.nextNode());) {
      const at = node.data.indexOf(text);
      if (at < 0) continue;
      const range = document.createRange();
      return [at, at + text.length - 1].map((index) => {
        range.setStart(node, index);
        range.setEnd(node, index + 1);
        return range.getBoundingClientRect().x;
      });
    }
  }, text);
  assert.equal(mark < first, text === GREETING, `${what}: it begins at ${first} and ends at ${mark}`);
}
