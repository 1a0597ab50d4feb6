// Pictures come from the hosts that the server names; everyone else has initials, and their hosts hear of nobody.

import assert from "node:assert/strict";
import { base, picture, scenario, until, visitor } from "./browser.mjs";
import { account, logIn, row } from "./people.mjs";

const HOSTS = "pics.example.org *.example.net:8443 plain.example.org:8080";
const SHOWN = {
  Own: `${base}/assets/chat/icon.svg`,
  Exact: "https://pics.example.org/a.svg",
  Plain: "http://pics.example.org/a.svg",
  Capitals: "https://PICS.example.org/capitals/a.svg",
  Below: "http://a.b.example.net:8443/a.svg",
  Port: "http://plain.example.org:8080/a.svg",
};
const NOT_SHOWN = {
  Elsewhere: "https://example.com/a.svg",
  Ending: "https://evilpics.example.org/a.svg",
  Beginning: "https://pics.example.org.example.com/a.svg",
  Named: "https://pics.example.org@example.com/a.svg",
  Apex: "https://example.net:8443/a.svg",
  Default: "https://a.example.net/a.svg",
  Secure: "https://a.example.net:8443/a.svg",
  Other: "https://pics.example.org:8443/a.svg",
};

await scenario(async () => {
  const people = { ...SHOWN, ...NOT_SHOWN };
  await account("Ann");
  for (const [name, avatarUrl] of Object.entries(people)) await account(name, { avatarUrl });
  const page = await visitor("Ann");
  /** Who is shown with a picture, and with which initials otherwise. */
  const faces = () => page.locator("#people li").evaluateAll((rows) => rows.map((row) => [
    row.querySelector(".name").textContent,
    row.querySelector("img")?.complete && row.querySelector("img").naturalWidth > 0
      ? "picture"
      : row.querySelector(".avatar").textContent,
  ]).toSorted());
  const expected = (shown) => Object.keys(people).map((name) => [name, name in shown ? "picture" : name[0]]).toSorted();
  const show = (shown) => until("the pictures", async () => {
    return JSON.stringify(await faces()) === JSON.stringify(expected(shown));
  }).catch(async () => assert.deepEqual(await faces(), expected(shown)));

  // The server names no hosts of itself. That nothing is asked for, or complained of, is seen at the end.
  await logIn(page, "ann");
  await row(page, "Elsewhere").waitFor();
  await show({ Own: SHOWN.Own });
  assert.deepEqual(page.book.foreign, []);
  await picture(page, "initials");

  // The page of a server that names some.
  await page.route(`${base}/`, async (route) => {
    const response = await route.fetch();
    const body = (await response.text()).replace('"avatar-hosts" content=""', `"avatar-hosts" content="${HOSTS}"`);
    const headers = response.headers();
    headers["content-security-policy"] = headers["content-security-policy"].replace("img-src 'self'", `$& ${HOSTS}`);
    await route.fulfill({ response, body, headers });
  });
  const image = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>';
  await page.route(/a\.svg$/, (route) => route.fulfill({ contentType: "image/svg+xml", body: image }));
  await page.reload();
  await row(page, "Elsewhere").waitFor();
  await show(SHOWN);
  const { Own, ...foreign } = SHOWN;
  assert.deepEqual(page.book.foreign.toSorted(), Object.values(foreign).map((url) => new URL(url).href).toSorted());
  page.book.foreign.length = 0;
});
