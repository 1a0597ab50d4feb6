// Too much was missed to be replayed: the page loads its histories anew. The server replays three messages here.

import { api, scenario } from "./browser.mjs";
import { link } from "./link.mjs";
import { account, newcomer, online, open, row, shows } from "./people.mjs";

const create = "mutation($input: CreateGroupInput!) { createGroup(input: $input) { id } }";
const edit = "mutation($id: ID!, $body: String!) { editMessage(messageId: $id, body: $body) { id } }";
const erase = "mutation($id: ID!) { deleteMessage(messageId: $id) { id } }";
const remove = "mutation($id: ID!, $userId: ID!) { removeMember(conversationId: $id, userId: $userId) { id } }";

const network = await link();
await scenario(async () => {
  const [carl, dora, emil, fay] = await Promise.all(["Carl", "Dora", "Emil", "Fay"].map((name) => account(name)));
  const ann = await newcomer("Ann", { origin: network.origin });
  await open(ann, "Carl");
  const id = await ann.evaluate(async () => (await import("/assets/chat/state.js")).state.me.id);
  await carl.send(id, "before");
  await dora.send(id, "before, too");
  const [secret, slip] = [await emil.send(id, "a secret"), await fay.send(id, "a slip")];
  const made = async (title) => (await api(create, { input: { title, userIds: [id] } }, carl.token)).createGroup.id;
  const group = await made("Chess");
  await made("Tennis");
  await row(ann, "Tennis").waitFor();
  await shows(ann, ["before"]);
  await open(ann, "Dora");
  await shows(ann, ["before, too"]);

  ann.book.excused = true;
  network.cut();
  await ann.locator("#chat[data-link=waiting]").waitFor();
  const missed = Array.from({ length: 40 }, (_, index) => `missed ${index + 1}`);
  for (const text of missed) await carl.send(id, text);
  await dora.send(id, "after");
  await api(erase, { id: secret.sendMessage.id }, emil.token);
  await api(edit, { id: slip.sendMessage.id, body: "no slip" }, fay.token);
  await api(remove, { id: group, userId: id }, carl.token);
  network.mend();
  await online(ann);
  await shows(ann, ["before, too", "after"]);
  await row(ann, "Carl").getByText("40 unread").waitFor();
  await row(ann, "Emil").getByText("This message was deleted.").waitFor();
  await row(ann, "Fay").getByText("no slip").waitFor();
  await row(ann, "Tennis").waitFor();
  await row(ann, "Chess").waitFor({ state: "detached" });
  await open(ann, "Carl");
  await shows(ann, ["before", ...missed]);
  await carl.send(id, "live again");
  await shows(ann, ["before", ...missed, "live again"]);
});
network.close();
