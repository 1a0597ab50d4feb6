// The network breaks and comes back: everything arrives, in order and once.

import { picture, scenario } from "./browser.mjs";
import { link } from "./link.mjs";
import { newcomer, online, open, shows, write } from "./people.mjs";

const network = await link();
await scenario(async () => {
  const bob = await newcomer("Bob");
  const ann = await newcomer("Ann", { origin: network.origin });
  await open(ann, "Bob");
  await open(bob, "Ann");
  const said = ["Ann: before"];
  await write(ann, said[0]);
  await shows(bob, said);

  for (const how of ["cut", "silence"]) {
    ann.book.offline = true;
    network[how]();
    // A link that went silent is noticed by its missing pong.
    await ann.locator("#chat[data-link=waiting]").waitFor();
    network.cut();
    await ann.getByText("No connection. Trying again…").waitFor();

    const missed = [1, 2, 3].map((number) => `Bob: ${number}, ${how}`);
    const waiting = [1, 2].map((number) => `Ann: ${number}, ${how}`);
    for (const text of missed) await write(bob, text);
    for (const text of waiting) await write(ann, text);
    await ann.getByText("Waits for the connection").nth(1).waitFor();
    await shows(ann, [...said, ...waiting]);
    await picture(ann, `network-${how}`);

    network.mend();
    await ann.getByRole("button", { name: "Try now" }).click();
    await online(ann);
    said.push(...missed, ...waiting);
    await shows(bob, said);
    await shows(ann, said);
    await ann.locator("#chat[data-link=online]").waitFor();
    ann.book.offline = false;
  }

  // What was not sent outlives a reload.
  ann.book.offline = true;
  const held = ann.route("**/graphql", (route) => route.abort());
  await held;
  await write(ann, "Ann: kept");
  await ann.unroute("**/graphql");
  await ann.reload();
  ann.book.offline = false;
  said.push("Ann: kept");
  await shows(bob, said);
  await shows(ann, said);
});
network.close();
