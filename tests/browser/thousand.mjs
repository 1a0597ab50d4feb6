// A long history: it comes in pages as one scrolls back, stays where it is, and costs no time to speak of.

import assert from "node:assert/strict";
import { accessible, api, picture, scenario, until, visitor } from "./browser.mjs";
import { account, logIn, messages, open, row } from "./people.mjs";

const MESSAGES = 1_000;
const react = "mutation($id: ID!) { addReaction(messageId: $id, emoji: \"🎉\") { id } }";
/** What a new message may cost the page: layouts, and seconds of the processor's own time. */
const LAYOUTS = 6;
const SECONDS = 0.05;

await scenario(async () => {
  const [ann, bob] = [await account("Ann"), await account("Bob")];
  const ids = [];
  for (let number = 1; number <= MESSAGES; number++) {
    ids.push((await ann.send(bob.id, `Message ${number}`)).sendMessage.id);
  }
  const page = await visitor("Ann");
  await logIn(page, "ann");
  await open(page, "Bob");
  await until("the newest", async () => (await messages(page)).length === 30);

  // Back to the beginning: what is read stays where it is when more comes in above.
  const history = page.locator("#history");
  await history.hover();
  for (let count = 30; count < MESSAGES; count = (await messages(page)).length) {
    const first = page.locator("#messages > li").first();
    const name = await first.locator(".body").textContent();
    await page.mouse.wheel(0, -100_000);
    await until("earlier messages", async () => (await messages(page)).length > count);
    const kept = await page.locator("#messages .body").getByText(name, { exact: true }).boundingBox();
    assert.ok(kept.y > 0 && kept.y < 400, `${name} has moved away to ${kept.y}`);
  }
  assert.deepEqual(await messages(page), Array.from({ length: MESSAGES }, (_, index) => `Message ${index + 1}`));
  await accessible(page, "a thousand messages");

  // It stays there, too, when something changes above.
  const middle = page.locator("#messages > li").nth(500);
  await middle.scrollIntoViewIfNeeded();
  const y = async () => (await middle.boundingBox()).y;
  const at = await y();
  await api(react, { id: ids[400] }, bob.token);
  await page.locator(".reaction").waitFor({ state: "attached" });
  assert.ok(Math.abs((await y()) - at) < 2, `it has moved from ${at} to ${await y()}`);

  // What happens then, somewhere, costs little.
  const session = await page.context().newCDPSession(page);
  await session.send("Performance.enable", { timeDomain: "threadTicks" });
  const spent = async () => {
    const { metrics } = await session.send("Performance.getMetrics");
    const { LayoutCount, ...times } = Object.fromEntries(metrics.map(({ name, value }) => [name, value]));
    return { layouts: LayoutCount, time: times.ScriptDuration + times.LayoutDuration + times.RecalcStyleDuration };
  };
  const before = await spent();
  const NEWS = 20;
  for (let number = 1; number <= NEWS; number++) await bob.send(ann.id, `Answer ${number}`);
  await row(page, "Bob").getByText(`Answer ${NEWS}`).waitFor();
  const after = await spent();
  const [layouts, time] = [(after.layouts - before.layouts) / NEWS, (after.time - before.time) / NEWS];
  assert.ok(layouts < LAYOUTS && time < SECONDS, `a message costs ${layouts} layouts and ${time} s`);
  await page.getByRole("button", { name: "New messages" }).click();
  await page.locator("#messages .body").getByText("Answer 20").waitFor();
  await picture(page, "thousand");

  // The Tab key stops at one message only, and the arrow keys go on from it.
  const stops = () => page.locator("#messages [tabindex='0']").count();
  assert.equal(await stops(), (await page.locator("#messages > li").last().locator("button").count()) + 1);
  await page.locator("#body").focus();
  await page.keyboard.press("Shift+Tab");
  await page.locator("#messages .act:focus").waitFor();
  await page.keyboard.press("ArrowUp");
  await page.locator("#messages > li:focus", { hasText: "Answer 19" }).waitFor();
  await page.keyboard.press("ArrowUp");
  await page.locator("#messages > li:focus", { hasText: "Answer 18" }).waitFor();
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await page.getByRole("dialog", { name: "Bob: Answer 18" }).waitFor();
  await page.keyboard.press("Escape");
  await page.locator("#messages > li", { hasText: "Answer 18" }).locator(".act:focus").waitFor();
});
