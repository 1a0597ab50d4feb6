// Two people meet on the page and talk.

import assert from "node:assert/strict";
import { base, picture, scenario, until } from "./browser.mjs";
import { account, messages, newcomer, online, open, row, shows, write } from "./people.mjs";

await scenario(async () => {
  const ann = await newcomer("Ann");
  await ann.getByText("Nobody else is here yet.").waitFor();
  const carl = await account("Carl", { avatarUrl: `${base}/assets/chat/icon.svg` });
  const bob = await newcomer("Bob", { scheme: "dark" });

  // Someone who signs up shows up; who is not in the list is found.
  await row(ann, "Bob").getByText("online").waitFor();
  await ann.getByRole("searchbox").fill("car");
  await row(ann, "Carl").waitFor();
  await row(ann, "Bob").waitFor({ state: "hidden" });
  const shown = () => row(ann, "Carl").locator("img").evaluate((image) => image.complete && image.naturalWidth > 0);
  await until("Carl's picture", shown);
  await ann.getByRole("searchbox").fill("zzz");
  await ann.getByText(/^(Nobody is called that|Nothing was found)\.$/).waitFor();
  await ann.getByRole("searchbox").fill("");
  await picture(ann, "sidebar-light");

  // The first message starts the conversation, and is unread until it is opened.
  await open(ann, "Bob");
  await ann.getByText("Say hello to Bob.").waitFor();
  await write(ann, "Hello Bob!");
  await ann.getByText("Sent", { exact: true }).waitFor();
  await row(bob, "Ann").getByText("1 unread").waitFor();
  await row(bob, "Ann").getByText("Hello Bob!").waitFor();
  assert.equal(await bob.title(), "(1) chinwag");
  await picture(bob, "sidebar-dark");
  await open(bob, "Ann");
  await shows(bob, ["Hello Bob!"]);
  await ann.getByText("Seen", { exact: true }).waitFor();
  await until("nothing is unread", async () => (await bob.title()) === "chinwag");

  // Typing shows and goes with the message; a message is announced to those who cannot see it.
  await bob.getByRole("textbox", { name: "Message" }).pressSequentially("Hi An");
  await ann.getByText("Bob is typing…").waitFor();
  await bob.keyboard.type("n!");
  await bob.keyboard.press("Enter");
  await shows(ann, ["Hello Bob!", "Hi Ann!"]);
  await ann.getByText("Bob is typing…").waitFor({ state: "hidden" });
  assert.equal(await ann.locator("#announcer").textContent(), "Bob: Hi Ann!");

  // What people write stays text.
  const markup = "<img src=x onerror=alert(1)> <b>bold</b>\nand a second line";
  await write(bob, markup);
  await shows(ann, ["Hello Bob!", "Hi Ann!", markup]);
  await picture(ann, "conversation-light");
  await picture(bob, "conversation-dark");

  // What the server refuses goes back to where it was written.
  const long = "far too long ".repeat(400);
  await write(bob, long);
  await bob.getByText("Not sent:").waitFor();
  assert.equal(await bob.getByRole("textbox", { name: "Message" }).inputValue(), long.trim());
  await write(bob, "Shorter.");
  await bob.getByText("Not sent:").waitFor({ state: "hidden" });
  await shows(ann, ["Hello Bob!", "Hi Ann!", markup, "Shorter."]);

  // Another tab of the same person has everything too.
  const again = await ann.context().newPage();
  await again.goto(ann.url());
  await shows(again, ["Hello Bob!", "Hi Ann!", markup, "Shorter."]);
  await write(ann, "From the first tab");
  await shows(again, ["Hello Bob!", "Hi Ann!", markup, "Shorter.", "From the first tab"]);
  await again.close();

  // The history comes as one scrolls back, and stays where it was.
  const annId = new URL(bob.url()).hash.slice(1);
  const said = Array.from({ length: 75 }, (_, index) => `Carl's ${index + 1}`);
  for (const body of said) await carl.send(annId, body);
  await row(ann, "Carl").getByText("75 unread").waitFor();
  await open(ann, "Carl");
  await shows(ann, said);
  const told = ann.waitForResponse(async (response) => {
    const { data } = response.request().method() === "POST" ? await response.json() : {};
    return data?.markRead?.members.some(({ lastRead }) => lastRead?.seq === said.length);
  });
  await ann.getByRole("button", { name: "New messages" }).click();
  await row(ann, "Carl").getByText("unread").waitFor({ state: "hidden" });
  // The page shows at once as read what it has yet to tell the server.
  await told;
  await ann.reload();
  await shows(ann, said.slice(-30));
  await ann.locator("#history").focus();
  while ((await messages(ann)).length < said.length) {
    const first = (await messages(ann))[0];
    await ann.keyboard.press("Home");
    await until("earlier messages", async () => (await messages(ann))[0] !== first);
    const kept = await ann.getByText(first, { exact: true }).boundingBox();
    assert.ok(kept.y > 0 && kept.y < 400, `${first} has moved away to ${kept.y}`);
  }
  assert.deepEqual(await messages(ann), said);
  // Whoever reads up there is not torn away by what arrives.
  const at = await ann.locator("#history").evaluate((element) => element.scrollTop);
  await carl.send(annId, "The latest");
  await ann.getByRole("button", { name: "New messages" }).waitFor();
  await picture(ann, "scrolled-back");
  assert.equal(await ann.locator("#history").evaluate((element) => element.scrollTop), at);
  await ann.getByRole("button", { name: "New messages" }).click();
  await ann.getByRole("button", { name: "New messages" }).waitFor({ state: "hidden" });
  const live = Array.from({ length: 25 }, (_, index) => `Live ${index + 1}`);
  for (const body of live) await carl.send(annId, body);
  await shows(ann, [...said, "The latest", ...live]);

  // Who leaves is seen to have left.
  await open(ann, "Bob");
  await ann.locator("#subtitle", { hasText: "Online" }).waitFor();
  await bob.close();
  await ann.locator("#subtitle", { hasText: "Last seen today" }).waitFor();
  // Days later, too: for whoever turns to a page that was left open, and when midnight passes in sight.
  const longAgo = ann.locator("#subtitle", { hasText: /^Last seen [A-Z][a-z]+ \d/ });
  await ann.clock.setFixedTime(Date.now() + 3 * 24 * 60 * 60 * 1_000);
  await ann.evaluate(() => dispatchEvent(new Event("focus")));
  await longAgo.waitFor();
  await ann.clock.setSystemTime(Date.now());
  await ann.reload();
  await online(ann);
  await ann.locator("#subtitle", { hasText: "Last seen today" }).waitFor();
  await ann.clock.fastForward("24:00:00");
  await longAgo.waitFor();
});
