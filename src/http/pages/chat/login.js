// The form to log in or sign up.

import { request } from "./api.js";
import * as documents from "./documents.js";
import { $, say } from "./dom.js";

const form = $("#login-form");
const { username, displayName, password } = form.elements;
let signingUp = false;

/** Shows the form, and why. */
export function showLogin(notice) {
  document.title = "chinwag";
  $("#chat").hidden = true;
  $("#login").hidden = false;
  say($("#login-notice"), notice);
  choose(false);
}

function choose(signup) {
  signingUp = signup;
  $("#signup-only").hidden = !signup;
  password.autocomplete = signup ? "new-password" : "current-password";
  say($("#login-submit"), signup ? "Sign up" : "Log in");
  say($("#login-question"), signup ? "Been here before?" : "New here?");
  say($("#login-switch"), signup ? "Log in" : "Sign up");
  blame();
  username.focus();
}

/** Says what is wrong, and with which fields. */
function blame(...faults) {
  // `field` is the argument's path, such as "input.username".
  const blamed = faults.map(({ field }) => form.elements[field?.split(".").at(-1)]);
  for (const input of [username, displayName, password]) {
    if (blamed.includes(input)) input.setAttribute("aria-invalid", "true");
    else input.removeAttribute("aria-invalid");
  }
  say($("#login-problem"), faults.map(({ message }) => message).join(" "));
  blamed.find(Boolean)?.focus();
}

$("#login-switch").addEventListener("click", () => choose(!signingUp));
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const input = { username: username.value, password: password.value };
  if (signingUp) input.displayName = displayName.value.trim() || undefined;
  $("#login-submit").disabled = true;
  try {
    const { entered } = await request(signingUp ? documents.SIGNUP : documents.LOGIN, { input });
    form.reset();
    document.dispatchEvent(new CustomEvent("loggedin", { detail: entered.user }));
  } catch (error) {
    if (error.code) blame(error, ...error.others);
    else blame({ message: "The server does not answer." });
  } finally {
    $("#login-submit").disabled = false;
  }
});
