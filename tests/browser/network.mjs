// The network breaks and comes back: everything arrives, in order and once.

import { accessible, base, picture, scenario } from "./browser.mjs";
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
    ann.book.excused = true;
    network[how]();
    // A link that went silent is noticed by its missing pong.
    await ann.getByText("No connection. Trying again…").waitFor();

    const missed = [1, 2, 3].map((number) => `Bob: ${number}, ${how}`);
    const waiting = [1, 2].map((number) => `Ann: ${number}, ${how}`);
    for (const text of missed) await write(bob, text);
    for (const text of waiting) await write(ann, text);
    await ann.getByText("Waits for the connection").nth(1).waitFor();
    await shows(ann, [...said, ...waiting]);
    await picture(ann, `network-${how}`);
    await accessible(ann, "without a network");

    // Whoever asks for it waits for nothing, as does a page that hears that the network is back.
    await ann.getByRole("button", { name: "Try now" }).click();
    network.mend();
    await ann.evaluate(() => dispatchEvent(new Event("online")));
    await online(ann);
    said.push(...missed, ...waiting);
    await shows(bob, said);
    await shows(ann, said);
    ann.book.excused = false;
  }

  // Whoever wants to leave is told that nobody answers; what was searched for meanwhile is found afterwards.
  ann.book.excused = true;
  network.cut();
  await ann.getByText("No connection. Trying again…").waitFor();
  await ann.getByRole("button", { name: "Log out" }).click();
  await ann.getByText("The server does not answer.").waitFor();
  await ann.getByRole("searchbox").fill("nobody of this name");
  await ann.getByText("The search waits for the connection.").waitFor();
  await picture(ann, "network-search");
  network.mend();
  await online(ann);
  await ann.getByText("The server does not answer.").waitFor({ state: "hidden" });
  await ann.getByText(/^(Nobody is called that|Nothing was found)\.$/).waitFor();
  await ann.getByRole("searchbox").fill("");

  // A message arrived and its answer was lost: sending it again does not make a second.
  network.cut();
  await ann.getByText("No connection. Trying again…").waitFor();
  await ann.route("**/graphql", async (route) => {
    await route.fetch({ url: `${base}/graphql` });
    await route.abort();
  });
  await write(ann, "Ann: unanswered");
  said.push("Ann: unanswered");
  await shows(bob, said);
  await ann.unroute("**/graphql");
  network.mend();
  await online(ann);
  await ann.getByText("Waits for the connection").waitFor({ state: "hidden" });
  await shows(ann, said);
  await shows(bob, said);

  // What was not sent outlives a reload.
  await ann.route("**/graphql", (route) => route.abort());
  await Promise.all([ann.waitForEvent("requestfailed"), write(ann, "Ann: kept")]);
  await ann.unroute("**/graphql");
  await ann.reload();
  ann.book.excused = false;
  said.push("Ann: kept");
  await shows(bob, said);
  await shows(ann, said);

  // What is sent once more after a reload shows once, also while the answer is on its way.
  let answer;
  const answered = new Promise((resolve) => { answer = resolve; });
  await ann.route("**/graphql", async (route) => {
    const response = await route.fetch();
    if (route.request().postData().includes("mutation Send")) await answered;
    await route.fulfill({ response }).catch(() => {}); // The page that asked may be gone.
  });
  await write(ann, "Ann: on its way");
  said.push("Ann: on its way");
  await shows(bob, said);
  await ann.reload();
  await online(ann);
  await shows(ann, said);
  answer();
  await ann.unroute("**/graphql");
  await write(ann, "Ann: the last word");
  said.push("Ann: the last word");
  await shows(ann, said);
  await shows(bob, said);
});
network.close();
