// A server that lets nobody sign up offers no such thing.

import { accessible, picture, scenario, visitor } from "./browser.mjs";

await scenario(async () => {
  const page = await visitor("Ann");
  await page.getByRole("button", { name: "Log in" }).waitFor();
  await page.getByRole("button", { name: "Sign up" }).waitFor({ state: "hidden" });
  await picture(page, "signup-closed");
  await accessible(page, "no sign-up");
});
