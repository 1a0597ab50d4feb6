// What people do on the chat page.

import { api, until, visitor } from "./browser.mjs";

export const PASSWORD = "correct horse battery";

/** Signs somebody up through the page. */
export async function newcomer(name, { displayName = name, ...options } = {}) {
  const page = await visitor(name, options);
  await page.getByRole("button", { name: "Sign up" }).click();
  await page.getByLabel("Username").fill(name.toLowerCase());
  await page.getByLabel("Your name").fill(displayName);
  await page.getByLabel("Password").fill(PASSWORD);
  await page.getByRole("button", { name: "Sign up" }).click();
  await online(page);
  return page;
}

/** Logs somebody in. */
export async function logIn(page, username, password = PASSWORD) {
  await page.getByLabel("Username").fill(username);
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Log in" }).click();
  await online(page);
}

export async function logOut(page) {
  await page.getByRole("button", { name: "Log out" }).click();
  await page.getByRole("button", { name: "Log in" }).waitFor();
}

/** Waits until a page is logged in and its link is up. */
export async function online(page) {
  await page.locator("#chat[data-link=online]").waitFor();
}

/** Opens the chat with somebody who is in the sidebar. */
export async function open(page, name) {
  await row(page, name).click();
  await page.getByRole("heading", { name, level: 1 }).waitFor();
}

/** Somebody's row in the sidebar. */
export function row(page, name) {
  return page.getByRole("navigation").getByRole("link", { name });
}

export async function write(page, text) {
  await page.getByRole("textbox", { name: "Message" }).fill(text);
  await page.getByRole("button", { name: "Send" }).click();
}

/** A message of the open chat, by its text. */
export function message(page, text) {
  return page.locator("#messages > li", { has: page.locator(".body").getByText(text, { exact: true }) });
}

/** Opens what can be done to a message. */
export async function actions(page, text) {
  await message(page, text).hover();
  await message(page, text).getByRole("button", { name: "Message actions" }).click();
  return page.getByRole("dialog");
}

/** Answers what a page asks before something that cannot be taken back. */
export async function confirm(page, question, answer) {
  await page.getByRole("dialog", { name: question }).getByRole("button", { name: answer }).click();
}

/** Makes a group through the page. */
export async function createGroup(page, title, names) {
  await page.getByRole("button", { name: "New group" }).click();
  const dialog = page.getByRole("dialog", { name: "New group" });
  await dialog.getByLabel("Title").fill(title);
  await pick(dialog, names);
  await dialog.getByRole("button", { name: "Create group" }).click();
  await page.getByRole("heading", { name: title, level: 1 }).waitFor();
}

/** Picks people in a dialog. */
export async function pick(dialog, names) {
  for (const name of names) {
    await dialog.getByRole("searchbox").fill(name);
    await dialog.getByRole("checkbox", { name }).check();
  }
}

/** The messages of the open chat, as they are on the page. */
export function messages(page) {
  return page.locator("#messages .body").allTextContents();
}

/** Waits until the open chat shows exactly these messages. */
export async function shows(page, expected) {
  let found;
  const same = async () => JSON.stringify((found = await messages(page))) === JSON.stringify(expected);
  await until("the messages on the page", same).catch((error) => {
    throw new Error(`${error.message}; expected ${expected}, found ${found}`);
  });
}

/** Somebody without a browser. */
export async function account(name, profile = {}) {
  const query = "mutation($input: SignupInput!) { signup(input: $input) { token user { id } } }";
  const input = { username: name.toLowerCase(), displayName: name, password: PASSWORD, ...profile };
  const { token, user } = (await api(query, { input })).signup;
  const send = (userId, body) => api(
    "mutation($input: SendMessageInput!) { sendMessage(input: $input) { id } }",
    { input: { to: { userId }, body } },
    token,
  );
  return { id: user.id, token, send };
}
