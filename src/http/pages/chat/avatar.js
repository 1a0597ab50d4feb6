// People's pictures, from the hosts that the server's setting AVATAR_HOSTS allows; initials otherwise.

import { $ } from "./dom.js";

/** As the page's Content-Security-Policy has them. The server writes them into the page, so that nothing is asked for
 * that the policy would refuse. */
const HOSTS = $("meta[name=avatar-hosts]").content.toLowerCase().split(/\s+/).filter(Boolean);
const PORTS = { "http:": "80", "https:": "443" };

/** Shows someone's picture, or initials where there is none. */
export function showAvatar(element, name, picture, online) {
  element.classList.toggle("is-online", Boolean(online));
  const face = `${name} ${picture}`;
  if (element.dataset.face === face) return;
  element.dataset.face = face;
  element.textContent = name.split(/\s+/, 2).map(([first]) => first ?? "").join("").toUpperCase();
  element.style.setProperty("--hue", [...name].reduce((hue, letter) => (hue * 31 + letter.codePointAt(0)) % 360, 7));
  if (!picture || !isAllowed(picture)) return;
  const image = Object.assign(new Image(), { alt: "", referrerPolicy: "no-referrer" });
  image.addEventListener("error", () => image.remove());
  image.src = picture;
  element.append(image);
}

/** Whether a picture may be shown. */
export function isAllowed(picture) {
  const url = URL.canParse(picture) ? new URL(picture) : null;
  const safe = url?.protocol === "https:" || url?.protocol === "http:" && location.protocol === "http:";
  return safe && (url.origin === location.origin || HOSTS.some((source) => covers(source, url)));
}

/** Whether a picture's address is meant by `*`, `host`, `host:port`, or `*.suffix` (with a port or not). */
function covers(source, { protocol, hostname, port }) {
  if (source === "*") return true;
  const [host, wanted] = source.split(":");
  // A host without a port allows https on a page that came by http; with one, not all browsers think so.
  const reached = wanted ? wanted === (port || PORTS[protocol]) && protocol === location.protocol : !port;
  return reached && (host.startsWith("*.") ? hostname.endsWith(host.slice(1)) : hostname === host);
}
