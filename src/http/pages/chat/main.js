// Starts here: finds out who is logged in, follows the address, and shows the state when it changes.

import { openChat } from "./actions.js";
import { request } from "./api.js";
import { showConversation } from "./conversation.js";
import * as documents from "./documents.js";
import { $, say } from "./dom.js";
import { showLogin } from "./login.js";
import { showSidebar } from "./sidebar.js";
import { events, state } from "./state.js";
import { checkLink, ended, start, stop } from "./sync.js";

const LINK = { connecting: "Connecting…", waiting: "No connection. Trying again…", online: "" };
const ENTER_AGAIN = 2_000;

let notice = "";

/** Shows the chats of whoever is logged in, or else the form to log in. All tabs of a browser share one cookie, so this
 * is looked at again whenever one turns to the page. */
async function enter() {
  const before = state.me;
  const nothingShown = $("#chat").hidden && $("#login").hidden;
  const { me } = await request(documents.ME).catch(() => ({}));
  if (me === undefined && nothingShown) setTimeout(enter, ENTER_AGAIN);
  if (me === null && $("#login").hidden) ended("");
  if (!me || me.id === state.me?.id) return;
  if (before) {
    stop();
    notice = `You are ${me.displayName} now, in all tabs of this browser. ` +
      "To be two people at once, use another browser or a private window.";
  }
  $("#login").hidden = true;
  $("#chat").hidden = false;
  start(me);
  follow();
}

/** Opens the chat that the address names. Each has one, so that links, reloads and the back button work. */
function follow() {
  const before = state.key;
  openChat(location.hash.slice(1));
  show();
  // On a phone a keyboard would cover what was opened.
  const narrow = matchMedia("(max-width: 45rem)").matches;
  const row = document.querySelector(`#sidebar a[href="#${CSS.escape(before)}"]`);
  if (state.open) (narrow ? $("#title") : $("#body")).focus();
  else if (row || !narrow) (row ?? $("#search")).focus();
}

let planned = false;
events.addEventListener("change", () => {
  if (!planned) queueMicrotask(show);
  planned = true;
});

function show() {
  planned = false;
  if (!state.me) return;
  $("#chat").dataset.pane = state.open ? "conversation" : "sidebar";
  $("#chat").dataset.link = state.link;
  say($("#link"), LINK[state.link] || notice);
  $("#connect").hidden = state.link !== "waiting";
  $("#dismiss").hidden = !notice || state.link !== "online";
  showSidebar();
  showConversation();
}

$("#connect").addEventListener("click", checkLink);
$("#dismiss").addEventListener("click", () => { notice = ""; show(); });
addEventListener("hashchange", () => state.me && follow());
for (const doubt of ["online", "offline"]) addEventListener(doubt, checkLink);
document.addEventListener("visibilitychange", () => document.hidden || checkLink());
events.addEventListener("ended", ({ detail }) => showLogin(detail));

addEventListener("focus", enter);
document.addEventListener("loggedin", enter);

enter();
