// People who are called the same are told apart by their usernames.

import assert from "node:assert/strict";
import { accessible, api, picture, scenario } from "./browser.mjs";
import { account, newcomer, online, open, row, shows, write } from "./people.mjs";

await scenario(async () => {
  const profile = (displayName) => ({ displayName });
  const real = await account("alex", profile("Alex Müller"));
  const other = await account("alex2", profile("alex  Müller"));
  await account("Dora");
  const page = await newcomer("Ann");
  const { id, displayName } = await page.evaluate(async () => (await import("/assets/chat/state.js")).state.me);
  assert.equal(displayName, "Ann");

  // As a title and in the list, where a row that was not started has it anyway; and only where it is needed.
  await row(page, "Dora").waitFor();
  const names = () => page.locator("#lists .name").allTextContents();
  assert.equal(await page.locator("#my-name").textContent(), "Ann");
  await row(page, "@alex2").click();
  await page.getByRole("heading", { name: "@alex2", level: 1 }).waitFor();
  await page.getByText("Say hello to alex Müller @alex2.").waitFor();
  await other.send(id, "I am the other one");
  await shows(page, ["I am the other one"]);
  await page.locator("#announcer", { hasText: "@alex2: I am the other one" }).waitFor({ state: "attached" });
  await real.send(id, "And I am Alex");
  await row(page, "And I am Alex").getByText("@alex", { exact: true }).waitFor();
  assert.deepEqual(await names(), ["Alex Müller @alex", "alex  Müller @alex2", "Dora"]);
  await open(page, "Dora");
  assert.equal(await page.locator("#title").textContent(), "Dora");

  // So are senders and those who type in a group.
  const [dora, ...writers] = [await account("dora2", profile("Dora Two")), real, other];
  const create = "mutation($input: CreateGroupInput!) { createGroup(input: $input) { id } }";
  const userIds = [id, ...writers.map((writer) => writer.id)];
  const group = (await api(create, { input: { title: "Everyone", userIds } }, dora.token)).createGroup.id;
  const send = "mutation($input: SendMessageInput!) { sendMessage(input: $input) { id } }";
  for (const [token, body] of [[dora.token, "dora"], [real.token, "alex"], [other.token, "alex2"]]) {
    await api(send, { input: { to: { conversationId: group }, body } }, token);
  }
  await open(page, "Everyone");
  await write(page, "ann");
  await shows(page, ["dora", "alex", "alex2", "ann"]);
  const type = "mutation($in: ConversationRef!) { setTyping(in: $in) }";
  await api(type, { in: { conversationId: group } }, real.token);
  await page.getByText("Alex Müller @alex is typing…").waitFor();
  const said = await page.locator("#messages .bubble").evaluateAll((bubbles) => bubbles.map((bubble) => {
    const [sender, body] = [".sender", ".body"].map((part) => bubble.querySelector(part).textContent);
    return `${sender}: ${body}`;
  }));
  assert.deepEqual(said.toSorted(), ["Alex Müller @alex: alex", "Dora Two: dora", "You: ann", "alex  Müller @alex2: alex2"]);

  // Someone who takes the viewer's name is seen as somebody else; so is the viewer.
  const double = await newcomer("ann2", { displayName: "Ann" });
  await row(page, "@ann2").waitFor();
  await page.locator("#my-name", { hasText: "@ann" }).waitFor();
  await row(double, "Ann").getByText("@ann", { exact: true }).waitFor();

  // However long the name is, the username stays in sight.
  const long = "Maximilian Alexander von und zu der langen Straße".slice(0, 50);
  for (const name of ["max", "moritz"]) {
    const person = await account(name, profile(long));
    await person.send(id, "What a name!");
  }
  await page.reload();
  await online(page);
  for (const username of ["@max", "@moritz"]) {
    const [handle, list] = [row(page, username).locator(".handle"), page.locator("#lists")];
    const [{ x, width }, edge] = [await handle.boundingBox(), await list.boundingBox()];
    assert.ok(width > 20 && x + width <= edge.x + edge.width, `${username} is out of sight`);
  }
  await picture(page, "namesakes");
  await accessible(page, "people of the same name");
});
