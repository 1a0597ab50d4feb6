// Forms and buttons that ask something of the server, and say what it refused where it was asked.

import { $, say } from "./dom.js";

/** Whoever pauses for so long has written what they meant to, in milliseconds. */
const PAUSE = 200;

/** Does something with what is in a field once nobody goes on writing there. What it gives calls that off. */
export function onPause(field, act) {
  let pause;
  field.addEventListener("input", () => {
    clearTimeout(pause);
    pause = setTimeout(() => act(field.value).catch(() => {}), PAUSE);
  });
  return () => clearTimeout(pause);
}

/** Does what a form is for when it is submitted, once at a time. */
export function onSubmit(form, act) {
  let busy = false;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (busy) return;
    busy = true;
    blame(form);
    try {
      await act();
    } catch (error) {
      blame(form, ...faults(error));
    } finally {
      busy = false;
    }
  });
}

/** Says what is wrong, and with which fields. */
export function blame(form, ...faults) {
  // `field` is the argument's path, such as "input.username".
  const blamed = faults.map(({ field }) => form.elements[field?.split(".").at(-1)]);
  for (const input of form.querySelectorAll("input, textarea")) {
    if (blamed.includes(input)) input.setAttribute("aria-invalid", "true");
    else input.removeAttribute("aria-invalid");
  }
  say($("[role=alert]", form), faults.map(({ message }) => message).join(" "));
  blamed.find(Boolean)?.focus();
}

/** Does something, and says at a place when it fails. Gives whether it was done. */
export async function attempt(place, act) {
  say(place, "");
  try {
    await act();
    return true;
  } catch (error) {
    say(place, sentence(error));
    return false;
  }
}

/** What went wrong, for a person. */
export function sentence(error) {
  return faults(error).map(({ message }) => message).join(" ");
}

function faults(error) {
  return error.code ? [error, ...error.others] : [{ message: "The server does not answer." }];
}
