// Dialogs, each made from a template when it is opened and gone when it is closed: nothing of it is left for the next
// person. The browser keeps the focus inside, closes it with Escape, and gives the focus back.

import { $ } from "./dom.js";
import { events, state } from "./state.js";
import { goOn, isFocusLost } from "./stops.js";

/** Opens a dialog, and shows in it what it is to show, again whenever the state changes. */
export function openDialog(name, show = () => {}) {
  const dialog = $(`#${name}-dialog`).content.firstElementChild.cloneNode(true);
  const update = () => {
    if (!state.me) dialog.close();
    if (!dialog.open) return gone();
    show(dialog);
    // What had the focus may be gone.
    if (dialog === topmost() && isFocusLost(dialog)) $("h2", dialog).focus();
  };
  const gone = () => {
    events.removeEventListener("change", update);
    moveAnnouncer();
    dialog.remove();
  };
  events.addEventListener("change", update);
  dialog.addEventListener("close", () => {
    gone();
    // So may what had it before.
    if (isFocusLost(document.body)) goOn();
  });
  if (dialog.matches(".menu")) closeBeside(dialog);
  for (const button of dialog.querySelectorAll(".close")) button.addEventListener("click", () => dialog.close());
  document.body.append(dialog);
  show(dialog);
  dialog.showModal();
  moveAnnouncer();
  return dialog;
}

/** Puts the place of announcements where they are heard: all else is inert while a dialog is open. */
function moveAnnouncer() {
  (topmost() ?? document.body).append($("#announcer"));
}

/** Beside a menu is as good as Escape. In other dialogs something may have been written. */
function closeBeside(dialog) {
  let began = false;
  dialog.addEventListener("pointerdown", (event) => { began = isBeside(dialog, event); });
  // Not before the press has ended, which would hit the page beneath, and not when it has only selected text.
  dialog.addEventListener("click", (event) => {
    if (began && isBeside(dialog, event)) dialog.close();
  });
}

/** Whether a dialog's backdrop was hit. */
function isBeside(dialog, { target, clientX, clientY }) {
  const { left, right, top, bottom } = dialog.getBoundingClientRect();
  return target === dialog && (clientX < left || clientX > right || clientY < top || clientY > bottom);
}

function topmost() {
  return [...document.querySelectorAll("dialog[open]")].at(-1);
}

/** Asks before something that cannot be taken back, and gives whether it is wanted. */
export function confirmed(question, action) {
  const dialog = openDialog("confirm");
  $("h2", dialog).textContent = question;
  $(".yes", dialog).textContent = action;
  return new Promise((resolve) => {
    $(".yes", dialog).addEventListener("click", () => dialog.close("yes"));
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"));
  });
}
