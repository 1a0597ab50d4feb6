// Events come through in order and once, also when some are lost on the way, and when the page was away.

import assert from "node:assert/strict";
import { api, scenario, until, visitor } from "./browser.mjs";
import { link } from "./link.mjs";
import { account, logIn, online, open, row, shows } from "./people.mjs";

const create = "mutation($input: CreateGroupInput!) { createGroup(input: $input) { id } }";
const send = "mutation($input: SendMessageInput!) { sendMessage(input: $input) { id } }";
const edit = "mutation($id: ID!, $body: String!) { editMessage(messageId: $id, body: $body) { id } }";
const react = "mutation($id: ID!) { addReaction(messageId: $id, emoji: \"🎉\") { id } }";
const erase = "mutation($id: ID!) { deleteMessage(messageId: $id) { id } }";
const rename = "mutation($id: ID!, $title: String!) { renameGroup(conversationId: $id, title: $title) { id } }";
const remove = "mutation($id: ID!, $userId: ID!) { removeMember(conversationId: $id, userId: $userId) { id } }";

const network = await link();
await scenario(async () => {
  const [ann, bob] = [await account("Ann"), await account("Bob")];
  const made = async (title) => (await api(create, { input: { title, userIds: [ann.id] } }, bob.token)).createGroup.id;
  const old = await made("Oldest");
  const early = await made("Group 1");
  for (let number = 2; number <= 50; number++) await made(`Group ${number}`);
  const [group, other] = [await made("Chess"), await made("Tennis")];
  const say = async (body) => (
    await api(send, { input: { to: { conversationId: group }, body } }, bob.token)
  ).sendMessage.id;
  const ids = [await say("one"), await say("two"), await say("three")];

  const page = await visitor("Ann", { origin: network.origin });
  await logIn(page, "ann");

  // A proxy on the way drops an event: the next one tells, and both come.
  let dropped = 0;
  await page.routeWebSocket("**/graphql", (socket) => {
    const server = socket.connectToServer();
    socket.onMessage((message) => server.send(message));
    server.onMessage((message) => {
      if (!dropped && message.includes("to be lost")) dropped++;
      else socket.send(message);
    });
  });
  await page.reload();
  await online(page);
  await open(page, "Chess");
  await shows(page, ["one", "two", "three"]);
  ids.push(await say("to be lost"), await say("four"));
  await shows(page, ["one", "two", "three", "to be lost", "four"]);
  assert.equal(dropped, 1);
  await online(page);

  // Whatever happens while the page is away shows when it is back.
  page.book.excused = true;
  network.cut();
  await page.locator("#chat[data-link=waiting]").waitFor();
  await api(edit, { id: ids[0], body: "one, edited" }, bob.token);
  await api(react, { id: ids[1] }, bob.token);
  await api(erase, { id: ids[2] }, bob.token);
  await api(rename, { id: group, title: "Chess club" }, bob.token);
  await api(remove, { id: other, userId: ann.id }, bob.token);
  await say("five");
  network.mend();
  await online(page);
  await shows(page, ["one, edited", "two", "This message was deleted.", "to be lost", "four", "five"]);
  await page.getByRole("heading", { name: "Chess club", level: 1 }).waitFor();
  await page.locator(".reaction", { hasText: "🎉 1" }).waitFor();
  await page.getByText("You are not in Tennis any more.").waitFor();
  await row(page, "Tennis").waitFor({ state: "detached" });
  page.book.excused = false;

  // So does a message in a chat that is further down the list than was loaded, and it is heard.
  assert.equal(await row(page, "Oldest").count(), 0);
  await api(send, { input: { to: { conversationId: old }, body: "Anybody?" } }, bob.token);
  await row(page, "Oldest").getByText("1 unread").waitFor();
  await page.locator("#announcer", { hasText: "Bob in Oldest: Anybody?" }).waitFor({ state: "attached" });
  await open(page, "Oldest");
  await shows(page, ["Anybody?"]);
  await open(page, "Chess");

  // What is told while a history is on its way counts more than the history.
  await page.reload();
  let answer;
  const held = new Promise((resolve) => { answer = resolve; });
  await page.route("**/graphql", async (route) => {
    const response = await route.fetch();
    if (route.request().postData().includes("query History")) await held;
    await route.fulfill({ response });
  });
  const asked = page.waitForRequest((request) => request.postData()?.includes("query History"));
  await page.reload();
  await asked;
  await online(page);
  await api(edit, { id: ids[4], body: "four, edited" }, bob.token);
  await api(edit, { id: ids[4], body: "four, edited twice" }, bob.token);
  const told = () => page.book.received.some(({ payload }) => JSON.stringify(payload ?? {}).includes("edited twice"));
  await until("the page is told", told);
  answer();
  await shows(page, ["one, edited", "two", "This message was deleted.", "to be lost", "four, edited twice", "five"]);
  await page.unroute("**/graphql");

  // So does what is told while more of the list is on its way.
  const more = new Promise((resolve) => { answer = resolve; });
  let listed = false;
  await page.route("**/graphql", async (route) => {
    const response = await route.fetch();
    if (route.request().postData().includes("query MoreConversations")) {
      listed = true;
      await more;
    }
    await route.fulfill({ response });
  });
  await page.getByRole("button", { name: "Show more chats" }).click();
  await until("the list is read", () => listed);
  await api(rename, { id: early, title: "The first group" }, bob.token);
  await row(page, "The first group").waitFor();
  answer();
  await page.locator("#conversations > li").nth(51).waitFor();
  await row(page, "The first group").waitFor();
});
network.close();
