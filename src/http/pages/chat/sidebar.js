// The list of chats and people.

import { findMessages, goTo, loadMore, search } from "./actions.js";
import { showAvatar } from "./avatar.js";
import { $, each, say, sayName, sayWritten, shortly } from "./dom.js";
import { attempt, onPause } from "./form.js";
import { events, excerpt, handleOf, state, unread, whose } from "./state.js";
import { stopAtOne } from "./stops.js";
import { logOut } from "./sync.js";

const byName = new Intl.Collator().compare;

/** The row at which the Tab key stops, if it is not the first. */
let stop = null;

const callOff = onPause($("#search"), search);
$("#search").addEventListener("input", () => stopAt(null));
$("#lists").addEventListener("click", ({ target }) => target.closest("a") && clearSearch());
$("#lists").addEventListener("focusin", ({ target }) => target.closest("a") && stopAt(target));
$("#sidebar").addEventListener("keydown", (event) => {
  const stops = [$("#search"), ...rows()];
  const at = stops.indexOf(document.activeElement);
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (at < 0 || event.isComposing || !step && event.key !== "Escape") return;
  event.preventDefault();
  if (step) return stops[at + step]?.focus();
  clearSearch();
  $("#search").focus();
});

function rows() {
  return [...document.querySelectorAll("#lists a")];
}

function stopAt(row) {
  stop = row;
  stopAtOne(rows(), stop);
}

function clearSearch() {
  callOff();
  $("#search").value = "";
  search("");
}

for (const list of ["conversations", "people"]) {
  $(`#more-${list}`).addEventListener("click", () => loadMore(list).catch(() => {}));
}
$("#more-messages").addEventListener("click", () => findMessages(state.search));
$("#logout").addEventListener("click", () => attempt($("#logout-problem"), logOut));
events.addEventListener("synced", () => say($("#logout-problem"), ""));

export function showSidebar() {
  const { me, ready, found } = state;
  sayName($("#my-name"), me?.displayName ?? "", handleOf(me));
  showAvatar($("#account .avatar"), me?.displayName ?? "", me?.avatarUrl);
  if (!me && $("#search").value) clearSearch();

  const listed = [...state.chats.values()].filter(({ key }) => !found || found.has(key));
  const waiting = new Map(state.outbox.map((entry) => [entry.key, entry]));
  const activeAt = (chat) => waiting.get(chat.key)?.sentAt ?? chat.activeAt;
  const begun = ({ key, id }) => id || waiting.has(key);
  const gone = (chat) => chat.peer?.deletedAt && chat !== state.open;
  const started = listed.filter(begun).sort((a, b) => (activeAt(a) < activeAt(b) ? 1 : -1));
  const others = listed.filter((chat) => !begun(chat) && !gone(chat)).sort((a, b) => byName(a.title, b.title));
  showList("conversations", started, waiting);
  showList("people", others, waiting);

  const messages = foundMessages();
  showFoundMessages(messages);
  stopAt(stop);

  const searchable = state.features.has("search");
  $("#search").placeholder = searchable ? "Find people and messages" : "Find people";
  $("#search").setAttribute("aria-label", $("#search").placeholder);
  const nothing = searchable ? "Nothing was found." : "Nobody is called that.";
  const any = listed.length || messages.length;
  const hint = any ? "" : found ? nothing : "Nobody else is here yet.";
  const waits = state.search && state.link === "waiting";
  say($("#lists-hint"), !ready ? "Loading…" : waits ? "The search waits for the connection." : hint);
  const count = [...state.chats.values()].reduce((sum, chat) => sum + unread(chat), 0);
  document.title = count ? `(${count}) chinwag` : "chinwag";
}

function showList(name, chats, waiting) {
  $(`#${name}-title`).hidden = !chats.length;
  $(`#more-${name}`).hidden = !state.more[name] || Boolean(state.found);
  each($(`#${name}`), chats, $("#row"), ({ key }) => key, (row, chat) => showRow(row, chat, waiting.get(chat.key)));
}

/** Shows a chat by what waits to be sent there, or else by its newest message. */
function showRow(row, chat, waits) {
  const { key, title, peer, typing } = chat;
  const last = waits ?? chat.last;
  const link = $("a", row);
  link.href = `#${key}`;
  if (chat === state.open) link.setAttribute("aria-current", "page");
  else link.removeAttribute("aria-current");
  const online = peer && state.online.has(peer.id);
  const who = last && !typing.size && (!peer || last.sender.id === state.me.id) ? `${whose(last)}:` : "";
  const about = last ? excerpt(last) : peer?.username ? `@${peer.username}` : "";
  const count = unread(chat);
  showAvatar($(".avatar", row), title, peer?.avatarUrl, online);
  sayName($(".name", row), title, last ? handleOf(peer) : "");
  say($("time", row), last ? shortly(last.sentAt) : "");
  sayWritten($(".preview", row), who, typing.size ? "typing…" : about);
  say($(".unread", row), count ? String(count) : "");
  say($(".spoken", row), [online && "online", count && `${count} unread`].filter(Boolean).join(", "));
  row.classList.toggle("has-unread", count > 0);
}

/** The messages found, as they are now. */
function foundMessages() {
  const { items, changes } = state.foundMessages;
  const newest = items.map(({ message, chat }) => ({ message: changes.get(message.id) ?? message, chat }));
  return newest.filter(({ message }) => !message.deletedAt);
}

function showFoundMessages(items) {
  $("#messages-title").hidden = !items.length;
  $("#more-messages").hidden = !state.foundMessages.after;
  each($("#found-messages"), items, $("#found-message"), ({ message }) => message.id, (row, { message, chat }) => {
    const link = $("a", row);
    link.href = `#${chat.key}`;
    link.onclick = (event) => {
      event.preventDefault();
      goTo(chat, message);
    };
    sayName($(".name", row), chat.title, handleOf(chat.peer));
    say($("time", row), shortly(message.sentAt));
    sayWritten($(".preview", row), `${whose(message)}:`, around(message.body, state.search));
  });
}

/** A long text from a little before the first word that was searched for. */
function around(body, text) {
  const sought = text.match(WORD)?.map(fold) ?? [];
  const last = sought.at(-1);
  const isSought = (word) => sought.includes(word) || word.startsWith(last);
  const at = [...body.matchAll(WORD)].find(([word]) => isSought(fold(word)))?.index ?? 0;
  return at > 40 ? `…${body.slice(body.indexOf(" ", at - 30) + 1)}` : body;
}

/** Words as the server compares them, more or less. */
const WORD = /[\p{L}\p{N}\p{M}]+/gu;
const fold = (word) => word.normalize("NFKD").replace(/\p{M}/gu, "").toUpperCase().toLowerCase();
