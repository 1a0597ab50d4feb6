// Addresses in messages are links, and everything else stays text.

import assert from "node:assert/strict";
import { accessible, picture, scenario, visitor } from "./browser.mjs";
import { account, logIn, open, shows } from "./people.mjs";

/** What is said, and what of it is a link. */
const SAID = [
  ["See https://example.org/a?b=c&d=%20#e for more", "https://example.org/a?b=c&d=%20#e"],
  ["http://localhost:8080", "http://localhost:8080"],
  ["Have you read HTTPS://Example.org/Path?", "HTTPS://Example.org/Path"],
  ["It is at https://example.org/end.", "https://example.org/end"],
  ["Really: “https://example.org/quoted”…", "https://example.org/quoted"],
  ["(see https://example.org/wiki/Rust_(language)).", "https://example.org/wiki/Rust_(language)"],
  ["[this](https://example.org/marked) and so on", "https://example.org/marked"],
  ["https://bücher.example/straße?größe=1, sagte sie", "https://bücher.example/straße?größe=1"],
  ["看看https://例え.テスト/道。", "https://例え.テスト/道"],
  ["two: http://a.example/ and\nhttps://b.example/!", "http://a.example/", "https://b.example/"],
  ["http://[::1]:4000/", "http://[::1]:4000/"],
  ["http:// alone, https://. and http://)"],
  ["javascript:alert(1) data:text/html,<b>x</b> ftp://example.org file:///etc/passwd"],
  ["javascript:https://example.org/%0aalert(1)", "https://example.org/%0aalert(1)"],
  ["view-source+https://example.org mailto:a@example.org www.example.org"],
  ["<b>bold</b> <a href=\"javascript:alert(1)\">x</a> &lt;"],
  ["<a href=\"https://example.org/x\">", "https://example.org/x"],
  ["http://exa mple.org:port", "http://exa"],
];

await scenario(async () => {
  const [ann, bob] = [await account("Ann"), await account("Bob")];
  for (const [body] of SAID) await bob.send(ann.id, body);
  const page = await visitor("Ann");
  await logIn(page, "ann");
  await open(page, "Bob");
  await shows(page, SAID.map(([body]) => body));
  await page.locator("#history").evaluate((element) => { element.scrollTop = 0; });
  await picture(page, "links");

  const found = await page.locator("#messages .body").evaluateAll((bodies) => bodies.map((body) => [
    body.textContent,
    ...[...body.querySelectorAll("*")].map((element) => element.textContent),
  ]));
  assert.deepEqual(found, SAID);
  const links = await page.locator("#messages .body *").evaluateAll((elements) => elements.map(
    ({ tagName, protocol, target, rel }) => `${tagName} ${protocol} ${target} ${rel}`,
  ));
  for (const link of links) assert.match(link, /^A https?: _blank noopener noreferrer nofollow$/);
  const address = (text) => page.getByRole("link", { name: text, exact: true }).evaluate(({ href }) => href);
  assert.equal(await address("https://例え.テスト/道"), "https://xn--r8jz45g.xn--zckzah/%E9%81%93");
  assert.equal(await address("HTTPS://Example.org/Path"), "https://example.org/Path");
  await accessible(page, "links");

  // The Tab key stops at the links of one message only.
  const stops = page.locator("#messages a:not([tabindex='-1'])");
  assert.deepEqual(await stops.allTextContents(), SAID.at(-1).slice(1));
  await page.locator("#messages > li", { hasText: "two: " }).getByRole("link").first().focus();
  await page.keyboard.press("Tab");
  await page.locator("#messages a:focus", { hasText: "https://b.example/" }).waitFor();
  assert.equal(await stops.count(), 2);

  // What is selected stays so when something else changes.
  const selected = () => page.evaluate(() => getSelection().toString());
  await page.evaluate(() => getSelection().selectAllChildren(document.querySelector("#messages .body")));
  assert.equal(await selected(), SAID[0][0]);
  await bob.send(ann.id, "One more");
  await shows(page, [...SAID.map(([body]) => body), "One more"]);
  assert.equal(await selected(), SAID[0][0]);
});
