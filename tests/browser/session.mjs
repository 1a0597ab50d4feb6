// Sessions begin and end, here and elsewhere.

import assert from "node:assert/strict";
import { accessible, api, base, picture, scenario, visitor } from "./browser.mjs";
import { PASSWORD, logIn, logOut, newcomer, online, open, row, shows, write } from "./people.mjs";

const login = "mutation($input: LoginInput!) { login(input: $input) { token } }";

await scenario(async () => {
  const bob = await newcomer("Bob");
  const ann = await newcomer("Ann");

  // A taken name and a wrong password are told, all at once, at their field where they have one.
  const third = await visitor("third");
  await third.getByRole("button", { name: "Sign up" }).click();
  await third.getByLabel("Username").fill("bob");
  await third.getByLabel("Password").fill("short");
  await third.getByRole("button", { name: "Sign up" }).click();
  await third.getByRole("alert").waitFor();
  for (const field of ["Username", "Password"]) {
    assert.equal(await third.getByLabel(field).getAttribute("aria-invalid"), "true", field);
  }
  await third.locator("#username:focus").waitFor();
  await picture(third, "signup-refused");
  await accessible(third, "a refused sign-up");
  await third.getByRole("button", { name: "Log in" }).click();
  await third.getByLabel("Password").fill("not this one");
  await third.getByRole("button", { name: "Log in" }).click();
  await third.getByRole("alert").waitFor();
  await third.close();

  // A reload stays logged in and where it was.
  await open(ann, "Bob");
  await write(ann, "Hello");
  await ann.reload();
  await online(ann);
  await shows(ann, ["Hello"]);

  // Logging out ends it in all tabs of the browser, and is seen as going offline.
  const tab = await ann.context().newPage();
  await tab.goto(ann.url());
  await online(tab);
  await row(bob, "Ann").getByText("online").waitFor();
  await logOut(ann);
  await tab.getByText("Your session has ended.").waitFor();
  await row(bob, "Ann").getByText("online").waitFor({ state: "hidden" });
  await ann.reload();
  await ann.getByRole("button", { name: "Log in" }).waitFor();

  // One browser is one person: whoever logs in in one tab is logged in in the others, once one turns to them.
  const turnTo = (page) => page.evaluate(() => dispatchEvent(new Event("focus")));
  await logIn(ann, "ANN");
  await turnTo(tab);
  await online(tab);
  await tab.getByText("Ann", { exact: true }).waitFor();
  const input = { username: "bob", password: PASSWORD };
  // The server refuses what a page asks for another person than the browser's.
  ann.book.excused = true;
  await tab.request.post(`${base}/graphql`, { data: { query: login, variables: { input } } });
  await turnTo(tab);
  await tab.getByText("You are Bob now").waitFor();
  await online(tab);
  await picture(tab, "another-person");
  await tab.close();
  await turnTo(ann);
  await ann.getByText("You are Bob now").waitFor();
  ann.book.excused = false;
  await logOut(ann);
  await logIn(ann, "ann");
  await open(ann, "Bob");

  // The session is ended from elsewhere: the page says so at once, and takes the next one.
  const { token } = (await api(login, { input: { username: "ann", password: PASSWORD } })).login;
  await api("mutation { logout(everywhere: true) }", {}, token);
  await ann.getByText("Your session has ended.").waitFor();
  await picture(ann, "session-ended");
  await logIn(ann, "ann");
  await shows(ann, ["Hello"]);
});
