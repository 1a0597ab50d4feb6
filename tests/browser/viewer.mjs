// All tabs of a browser send its newest cookie. A page never acts for another person than the one it shows.

import assert from "node:assert/strict";
import { api, picture, scenario, until, visitor } from "./browser.mjs";
import { PASSWORD, account, logIn, logOut, online, open, row, shows, write } from "./people.mjs";

const login = "mutation($input: LoginInput!) { login(input: $input) { user { id } } }";
/** What only these two may see. */
const SECRETS = { Bob: /secret for Bob|draft of Bob's/, Carla: /secret for Carla/ };
const said = "query($in: ConversationRef!) { messages(in: $in, last: 10) { nodes { body sender { displayName } } } }";

await scenario(async () => {
  const [ann, bob, carla] = await Promise.all(["Ann", "Bob", "Carla", "Dora"].map((name) => account(name)));
  await ann.send(carla.id, "A secret for Carla");
  await ann.send(bob.id, "A secret for Bob");

  /** What Ann and somebody have said to each other. */
  const talk = async ({ id }) => {
    const { messages } = await api(said, { in: { userId: id } }, ann.token);
    return messages.nodes.map(({ body, sender }) => `${sender.displayName}: ${body}`);
  };
  const becomes = async (page, name) => {
    await page.getByText(`You are ${name} now`).waitFor();
    await online(page);
    await page.locator("#my-name", { hasText: name }).waitFor();
    await row(page, "Ann").getByText(SECRETS[name]).waitFor();
  };

  // Two tabs at the login: Bob logs in in one, Carla in the other.
  const tab = await visitor("Bob");
  await tab.getByLabel("Username").waitFor();
  const other = await tab.context().newPage();
  await other.goto(tab.url());
  await logIn(tab, "bob");
  await watch(tab);
  await open(tab, "Ann");
  await shows(tab, ["A secret for Bob"]);
  await ann.send(bob.id, "Another secret for Bob");
  await tab.locator("#announcer", { hasText: "Another secret for Bob" }).waitFor({ state: "attached" });
  await logIn(other, "carla");

  // Bob's first word tells that he is not who the browser says: what he wrote stays his.
  tab.book.excused = true;
  await tab.getByRole("textbox", { name: "Message" }).fill("A draft of Bob's");
  await becomes(tab, "Carla");
  await picture(tab, "viewer-changed");
  assert.deepEqual(await talk(carla), ["Ann: A secret for Carla"]);

  // The same while he sends: Carla's tab becomes Bob's again, and loses him once more.
  await open(other, "Ann");
  await logOut(tab);
  await logIn(tab, "bob");
  await open(tab, "Ann");
  await shows(tab, ["A secret for Bob", "Another secret for Bob"]);
  assert.equal(await tab.getByRole("textbox", { name: "Message" }).inputValue(), "A draft of Bob's");
  // Just before it gets there, somebody logs in as in GraphiQL: by the page's own browser, and unknown to it.
  const overtake = (route) => signInBeside(tab, "carla").then(() => route.continue());
  await tab.route("**/graphql", overtake, { times: 1 });
  await tab.getByRole("button", { name: "Send" }).click();
  await becomes(tab, "Carla");
  assert.deepEqual(await talk(carla), ["Ann: A secret for Carla"]);
  assert.deepEqual(await talk(bob), ["Ann: A secret for Bob", "Ann: Another secret for Bob"]);

  // What he meant to say is said when he is back, by himself.
  await logOut(tab);
  await logIn(tab, "bob");
  await until("Bob's message arrives", async () => (await talk(bob)).at(-1) === "Bob: A draft of Bob's");
  assert.deepEqual(await talk(carla), ["Ann: A secret for Carla"]);

  // A link that is made anew says whose it is, too; and so does opening a chat, or logging out.
  for (const [name, { token }, use] of [
    ["Carla", carla, () => tab.evaluate(() => dispatchEvent(new Event("offline")))],
    ["Bob", bob, () => row(tab, "Dora").click()],
    ["Carla", carla, () => tab.getByRole("button", { name: "Log out" }).click()],
  ]) {
    const [cookie] = await tab.context().cookies();
    await tab.context().addCookies([{ ...cookie, value: token }]);
    await use();
    await becomes(tab, name);
  }
  assert.deepEqual(await tab.evaluate(() => globalThis.leaks), []);
});

/** Logs somebody in with a page's browser, as GraphiQL in another tab does. */
async function signInBeside(page, username) {
  const query = JSON.stringify({ query: login, variables: { input: { username, password: PASSWORD } } });
  const status = await page.evaluate(async (body) => {
    const response = await fetch("/graphql", { method: "POST", headers: { "content-type": "application/json" }, body });
    return response.status;
  }, query);
  assert.equal(status, 200);
}

/** Notes whatever of one person's is in the page, seen or not, while it does not bear their name. */
async function watch(page) {
  const secrets = Object.entries(SECRETS).map(([owner, secret]) => [owner, secret.source]);
  await page.evaluate((secrets) => {
    globalThis.leaks = [];
    const look = () => {
      const name = document.querySelector("#my-name").textContent;
      const written = [...document.querySelectorAll("input, textarea")].map(({ value }) => value);
      const all = [document.body.textContent, ...written].join("\n");
      for (const [owner, secret] of secrets) {
        if (name !== owner && new RegExp(secret).test(all)) globalThis.leaks.push(`${owner}'s as ${name}`);
      }
    };
    new MutationObserver(look).observe(document.body, { subtree: true, childList: true, characterData: true });
  }, secrets);
}
