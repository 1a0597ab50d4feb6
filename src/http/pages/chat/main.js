// Starts here: finds out who is logged in, follows the address, and shows the state when it changes.

import "./account.js";
import { openChat } from "./actions.js";
import { showConversation } from "./conversation.js";
import * as documents from "./documents.js";
import { $, say } from "./dom.js";
import { offerSignup, showLogin } from "./login.js";
import { showSidebar } from "./sidebar.js";
import { changed, events, state } from "./state.js";
import { goOn, isFocusLost, isNarrow } from "./stops.js";
import { ask, askAboutMe, checkLink, ended, lostLink, start, stop, tabs } from "./sync.js";
import { giveUp } from "./writing.js";

const LINK = { connecting: "Connecting…", waiting: "No connection. Trying again…", online: "" };
const LOOK_AGAIN = 2_000;

/** What is to be read once, with the key of the chat that is gone where it tells of one. */
let notices = [];
/** The last one who was logged in here, and whether somebody else has come in their place. */
let former = null;
let replaced = false;
/** Whether the address names a chat that has to be asked for first. */
let awaited = false;
/** The day on which the page was shown last. */
let today = new Date().toDateString();

/** Looks who is logged in. All tabs of a browser share one cookie, so this is done again whenever one turns to the
 * page, and when the server says that it is somebody else by now. */
async function look() {
  const before = state.me;
  const answer = await ask(documents.ME).catch(() => null);
  if (answer) offerSignup(answer.server.signupOpen);
  if (!answer) {
    if ($("#chat").hidden && $("#login").hidden) setTimeout(look, LOOK_AGAIN);
  } else if (state.me !== before) {
    // Somebody has come in meanwhile.
  } else if (answer.me && answer.me.id === before?.id) {
    askAboutMe().catch(() => {}); // It is asked again when one turns to the page.
  } else if (answer.me) {
    enter(answer.me);
  } else if ($("#login").hidden) {
    ended("");
  }
}

/** Shows the chats of whoever is logged in. */
function enter(me) {
  if (me.id === state.me?.id) return;
  if (replaced) {
    notify(`You are ${me.displayName} now, in all tabs of this browser. ` +
      "To be two people at once, use another browser or a private window.");
  }
  // The address names a chat of theirs.
  if (former && former !== me.id) history.replaceState(null, "", location.pathname);
  former = me.id;
  replaced = false;
  $("#login").hidden = true;
  // Nothing of one person is left for the next.
  stop();
  show();
  start(me);
  follow();
}

/** Opens the chat that the address names. Each has one, so that links, reloads and the back button work. */
function follow() {
  const before = state.key;
  openChat(location.hash.slice(1));
  show();
  const row = document.querySelector(`#sidebar a[href="#${CSS.escape(before)}"]`);
  awaited = Boolean(state.key && !state.open);
  if (state.open) enterChat();
  else if (row) row.focus();
  else if (before || !isNarrow()) goOn();
}

/** On a phone a keyboard would cover what was opened. */
function enterChat() {
  (isNarrow() ? $("#title") : $("#body")).focus();
}

function notify(text, gone) {
  notices.push({ text, gone });
}

let planned = false;
events.addEventListener("change", () => {
  if (!planned) queueMicrotask(show);
  planned = true;
});

function show() {
  planned = false;
  $("#chat").hidden = !state.me;
  $("#chat").dataset.pane = state.open ? "conversation" : "sidebar";
  $("#chat").dataset.link = state.link;
  // Who was put out may be in again.
  notices = notices.filter(({ gone }) => !state.chats.has(gone));
  say($("#link"), LINK[state.link] || notices.map(({ text }) => text).join("\n"));
  $("#connect").hidden = state.link !== "waiting";
  $("#dismiss").hidden = !notices.length || state.link !== "online";
  showSidebar();
  showConversation();
  today = new Date().toDateString();
  if (awaited && state.open) arrive();
}

/** What was asked for has come. Whoever has begun something else meanwhile goes on with that. */
function arrive() {
  awaited = false;
  const search = $("#search");
  if (isFocusLost(document.body) || document.activeElement === search && !search.value) enterChat();
}

/** "Today" is yesterday from midnight on. A page that sleeps then is shown again when one turns to it. */
function turnDay() {
  if (today !== new Date().toDateString()) changed();
}

function awaitMidnight() {
  turnDay();
  setTimeout(awaitMidnight, new Date().setHours(24, 0, 0, 0) - Date.now());
}

$("#connect").addEventListener("click", checkLink);
$("#dismiss").addEventListener("click", () => { notices = []; show(); goOn(); });
addEventListener("hashchange", () => state.me && follow());
addEventListener("online", checkLink);
addEventListener("offline", lostLink);
document.addEventListener("visibilitychange", () => document.hidden || checkLink());
document.addEventListener("visibilitychange", turnDay);
addEventListener("focus", look);
addEventListener("focus", turnDay);
tabs.addEventListener("message", look);
document.addEventListener("loggedin", ({ detail }) => enter(detail));
events.addEventListener("unsent", ({ detail }) => notify(detail));
events.addEventListener("left", ({ detail: chat }) => {
  const unsent = giveUp(chat);
  notify(`You are not in ${chat.title} any more.${unsent ? ` Not sent: “${unsent}”` : ""}`, chat.key);
  if (state.key !== chat.key) return;
  history.replaceState(null, "", location.pathname);
  follow();
});
events.addEventListener("replaced", () => { replaced = true; look(); });
events.addEventListener("ended", ({ detail }) => { notices = []; showLogin(detail); });

awaitMidnight();
look();
