// The form to log in or sign up.

import { request } from "./api.js";
import * as documents from "./documents.js";
import { $, say } from "./dom.js";
import { blame, onSubmit } from "./form.js";

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

/** Offers to sign up, where the server lets people do so. */
export function offerSignup(open) {
  $("#login-other").hidden = !open;
}

function choose(signup) {
  signingUp = signup;
  $("#signup-only").hidden = !signup;
  password.autocomplete = signup ? "new-password" : "current-password";
  say($("#login-submit"), signup ? "Sign up" : "Log in");
  say($("#login-question"), signup ? "Been here before?" : "New here?");
  say($("#login-switch"), signup ? "Log in" : "Sign up");
  blame(form);
  username.focus();
}

$("#login-switch").addEventListener("click", () => choose(!signingUp));
onSubmit(form, async () => {
  const input = { username: username.value, password: password.value };
  if (signingUp) input.displayName = displayName.value.trim() || undefined;
  const { entered } = await request(signingUp ? documents.SIGNUP : documents.LOGIN, { input });
  form.reset();
  document.dispatchEvent(new CustomEvent("loggedin", { detail: entered.user }));
});
