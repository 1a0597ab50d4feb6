// The line before what was not read, and what counts as read.

import assert from "node:assert/strict";
import { accessible, api, picture, scenario, until, visitor } from "./browser.mjs";
import { account, logIn, messages, open, row, shows, write } from "./people.mjs";

const counts = "{ conversations(first: 10) { nodes { unreadCount members { user { username } } } } }";

await scenario(async () => {
  const [ann, bob, carl] = await Promise.all(["Ann", "Bob", "Carl"].map((name) => account(name)));
  const say = async (first, last) => {
    for (let number = first; number <= last; number++) await carl.send(ann.id, `Carl's ${number}`);
  };
  await say(1, 80);
  await bob.send(ann.id, "Hello from Bob");
  const page = await visitor("Ann");
  await logIn(page, "ann");

  const line = page.getByRole("heading", { name: "Unread from here" });
  const history = page.locator("#history");
  /** What the server says is unread. */
  const unread = async (username = "carl") => {
    const { nodes } = (await api(counts, {}, ann.token)).conversations;
    return nodes.find(({ members }) => members.some(({ user }) => user.username === username)).unreadCount;
  };
  /** The messages of which all is in sight. */
  const inSight = () => page.locator("#messages li").evaluateAll((items) => {
    const { top, bottom } = document.querySelector("#history").getBoundingClientRect();
    const whole = items.map((item) => item.querySelector(".bubble")).filter((bubble) => {
      const box = bubble.getBoundingClientRect();
      return box.top >= top && box.bottom <= bottom;
    });
    return whole.map((bubble) => Number(bubble.querySelector(".body").textContent.split(" ").at(-1)));
  });
  const sawExactly = (last) => until(`${last} is the last one that was read`, async () => {
    const count = await unread();
    assert.ok(count >= 80 - last, `only ${count} are unread, though ${last} is the last one that could be seen`);
    return count === 80 - last;
  });

  // The history begins with what is new, however much that is; what is further down is not read.
  await open(page, "Carl");
  await shows(page, Array.from({ length: 80 }, (_, index) => `Carl's ${index + 1}`));
  await line.waitFor();
  const first = await inSight();
  assert.equal(first[0], 1);
  assert.ok(first.at(-1) < 40, `${first} are in sight`);
  await sawExactly(first.at(-1));
  await row(page, "Carl").getByText(`${80 - first.at(-1)} unread`).waitFor();
  await picture(page, "unread");
  await accessible(page, "the line before what is unread");

  // As one reads on, it is read, and the line stays; opened again, it begins after that.
  await history.evaluate((element) => { element.scrollTop += 400; });
  const second = await inSight();
  await sawExactly(second.at(-1));
  const afterLine = () => page.locator("#messages li", { has: line }).locator(".body").textContent();
  assert.equal(await afterLine(), "Carl's 1");
  await open(page, "Bob");
  await open(page, "Carl");
  await line.waitFor();
  assert.equal(await afterLine(), `Carl's ${second.at(-1) + 1}`);
  assert.ok((await inSight()).includes(second.at(-1) + 1));

  // After a reload as much is loaded as is needed for the line, and what was read stands above it.
  await sawExactly((await inSight()).at(-1));
  await page.reload();
  await line.waitFor();
  const next = Number((await afterLine()).split(" ").at(-1));
  assert.ok((await inSight()).includes(next));
  assert.ok((await messages(page)).includes(`Carl's ${next - 1}`));

  // To the end by choice: all is read, and whoever writes needs no line any more.
  await page.getByRole("button", { name: "New messages" }).click();
  await sawExactly(80);
  await line.waitFor({ state: "attached" });
  await write(page, "Thank you");
  await line.waitFor({ state: "detached" });
  await page.getByText("Sent", { exact: true }).waitFor();

  // Nobody reads in a page that is not looked at, and what comes meanwhile does not run away.
  const look = (looking) => page.evaluate((looking) => {
    document.hasFocus = () => looking;
    dispatchEvent(new Event(looking ? "focus" : "blur"));
  }, looking);
  await look(false);
  for (let number = 81; number <= 110; number++) await carl.send(ann.id, `Carl's ${number}`);
  await page.locator("#messages").getByText("Carl's 110").waitFor({ state: "attached" });
  await row(page, "Carl").getByText("30 unread").waitFor();
  assert.equal(await unread(), 30);
  assert.ok((await inSight()).includes(81));
  const last = (await inSight()).at(-1);
  assert.ok(last < 110);
  await look(true);
  await until("what is in sight is read", async () => (await unread()) === 110 - last);
  await row(page, "Carl").getByText(`${110 - last} unread`).waitFor();
  await history.evaluate((element) => { element.scrollTop = element.scrollHeight; });
  await until("all is read", async () => (await unread()) === 0);

  // Whoever looks on sees what comes, as it comes.
  await carl.send(ann.id, "Carl's 111");
  await page.locator("#messages").getByText("Carl's 111").waitFor();
  await until("it is read", async () => (await unread()) === 0);
});
