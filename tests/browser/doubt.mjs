// The page is told that its link may be gone, or back, and acts on it at once. Its clock stands still, so that nothing
// here happens by itself.

import assert from "node:assert/strict";
import { scenario, until, visitor } from "./browser.mjs";
import { link } from "./link.mjs";
import { account, logIn, online, open, shows } from "./people.mjs";

const network = await link();
await scenario(async () => {
  const [ann, bob] = await Promise.all(["Ann", "Bob"].map((name) => account(name)));
  const page = await visitor("Ann", { origin: network.origin });
  await page.clock.install();
  await page.reload();
  await logIn(page, "ann");
  await open(page, "Bob");
  await page.clock.pauseAt(Date.now() + 60_000);
  await online(page);
  const bar = page.getByText("No connection. Trying again…");

  // The browser says that the network is gone, before the page could notice, and that it is back.
  page.book.excused = true;
  await page.context().setOffline(true);
  await bar.waitFor();
  await bob.send(ann.id, "Missed");
  await page.context().setOffline(false);
  await bar.waitFor({ state: "hidden" });
  await online(page);
  await shows(page, ["Missed"]);

  // Whoever turns to the page has its link looked after; one that does not answer is given up soon.
  const pings = () => page.book.sent.filter(({ type }) => type === "ping").length;
  const turnTo = () => page.evaluate(() => document.dispatchEvent(new Event("visibilitychange")));
  const pongs = () => page.book.received.filter(({ type }) => type === "pong").length;
  const [before, answered] = [pings(), pongs()];
  await turnTo();
  await until("a ping", () => pings() === before + 1);
  await until("its answer, which would else speak for the next", () => pongs() === answered + 1);
  network.silence();
  await turnTo();
  await until("another ping", () => pings() === before + 2);
  assert.equal(await bar.isVisible(), false);
  await page.clock.runFor(6_000);
  await bar.waitFor();

  // Turned to while there is no link, the page tries at once.
  network.mend();
  await turnTo();
  await online(page);
});
network.close();
