// Opens Chromium and keeps book of all that must not happen in it.

import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

/** Where the server is, and where pictures go. */
export const base = process.env.SERVER;
const pictures = process.env.PICTURES;
mkdirSync(pictures, { recursive: true });

/** How long anything may take that is waited for. */
export const PATIENCE = 90_000;

const PHONE = { width: 390, height: 780 };
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  // A page that a test answers for counts as one from the internet, which may not speak to this machine.
  "--disable-features=LocalNetworkAccessChecks,LocalNetworkAccessChecksWebSockets",
];

/** How long a whole scenario may take. */
const LIMIT = 240_000;

let browser;
const books = [];

/** Runs a scenario with a browser of its own, and then looks whether anything happened that must not. */
export async function scenario(run) {
  setTimeout(() => { throw new Error("the scenario takes too long"); }, LIMIT).unref();
  browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: FLAGS });
  try {
    await run();
    for (const { name, foreign, errors } of books) {
      assert.deepEqual(foreign, [], `${name}'s page asked other hosts`);
      assert.deepEqual(errors, [], `${name}'s page has errors`);
    }
  } catch (error) {
    await Promise.all(books.map(({ page, name }) => picture(page, `failed-${name}`).catch(() => {})));
    for (const { name, errors } of books) console.error(name, errors);
    throw error;
  } finally {
    await browser.close();
  }
}

/** A page in a browser of somebody's own: no cookie, no storage. */
export async function visitor(name, { path = "/", scheme = "light", phone = false, origin = base } = {}) {
  const context = await browser.newContext({
    colorScheme: scheme,
    viewport: phone ? PHONE : { width: 1100, height: 720 },
    hasTouch: phone,
    isMobile: phone,
    reducedMotion: "reduce",
  });
  context.setDefaultTimeout(PATIENCE);
  const page = await context.newPage();
  const book = { name, page, foreign: [], errors: [], sent: [], received: [], excused: false };
  books.push(book);
  const note = (url) => {
    if (!/^(data|blob):/.test(url) && new URL(url).host !== new URL(origin).host) book.foreign.push(url);
  };
  const wrong = (text) => book.excused || book.errors.push(text);
  context.on("request", (request) => note(request.url()));
  context.on("response", (response) => response.status() >= 400 && wrong(`${response.status()} ${response.url()}`));
  context.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) wrong(`${message.type()}: ${message.text()}`);
  });
  page.on("pageerror", (error) => book.errors.push(`exception: ${error.stack}`));
  page.on("websocket", (socket) => {
    note(socket.url());
    socket.on("framesent", ({ payload }) => book.sent.push(JSON.parse(payload)));
    socket.on("framereceived", ({ payload }) => book.received.push(JSON.parse(payload)));
  });
  await page.goto(new URL(path, origin).href);
  return Object.assign(page, { book });
}

/** Keeps a picture of a page. */
export async function picture(page, name) {
  await page.screenshot({ path: `${pictures}/${name}.png` });
}

/** Checks a page's accessibility: nothing that axe finds may be serious or critical. */
export async function accessible(page, what) {
  // As a debugger does it, around the page's policy: what is checked is the page as it is served.
  const session = await page.context().newCDPSession(page);
  await session.send("Runtime.evaluate", { expression: AXE });
  const { violations } = await page.evaluate(() => globalThis.axe.run({ resultTypes: ["violations"] }));
  const grave = violations.filter(({ impact }) => ["serious", "critical"].includes(impact));
  const told = grave.flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => ({ id, html, failureSummary })));
  assert.deepEqual(told, [], what);
  return violations.map(({ id, impact }) => `${impact}: ${id}`);
}

/** Waits until a test gives something true, and gives that. */
export async function until(what, test) {
  for (const end = Date.now() + PATIENCE; ;) {
    const value = await test();
    if (value) return value;
    if (Date.now() > end) throw new Error(`waited in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** An operation of somebody without a browser. */
export async function api(query, variables, token) {
  const response = await fetch(`${base}/graphql`, {
    method: "POST",
    headers: { "content-type": "application/json", ...(token && { authorization: `Bearer ${token}` }) },
    body: JSON.stringify({ query, variables }),
  });
  const answer = await response.json();
  assert.equal(answer.errors, undefined, query);
  return answer.data;
}
