// Talks to the server: queries and mutations by fetch, subscriptions over a WebSocket in the graphql-transport-ws
// protocol. Knows nothing of chats. The browser adds the session's cookie to both.

/** What the server said instead of data. `code`, `field` and `retryAfterMs` are the error's extensions; what is wrong
 * besides is in `others`. */
export class ApiError extends Error {
  constructor([{ message, extensions }, ...others]) {
    super(message);
    Object.assign(this, extensions);
    this.others = others.map((error) => new ApiError([error]));
  }
}

/** No answer came. Whether the server did what it was asked to is not known. */
export class NoAnswer extends Error {}

/**
 * Runs a query or mutation and gives its data, or throws one of the errors above.
 *
 * `viewer` is the id of whoever is believed to be logged in. All tabs of a browser send its newest cookie: when that
 * is somebody else's by now, nothing is done, and the error's code is VIEWER_CHANGED.
 */
export async function request(query, variables, viewer) {
  const response = fetch("/graphql", {
    method: "POST",
    headers: {
      accept: "application/graphql-response+json",
      "content-type": "application/json",
      ...(viewer && { viewer }),
    },
    body: JSON.stringify({ query, variables }),
    signal: AbortSignal.timeout(15_000),
  });
  const answer = await response
    .then((response) => response.json())
    .catch((error) => { throw new NoAnswer(error.message); });
  if (answer.errors) throw new ApiError(answer.errors);
  return answer.data;
}

/** How often a link is looked after, and how long it may take to be made and to answer. */
const HEARTBEAT = 10_000;
const CONNECTS_WITHIN = 10_000;
const ANSWERS_WITHIN = 5_000;
/** The longest pause before another try to connect. */
const LONGEST_PAUSE = 15_000;
/** The server closes a socket with this code when its session has ended, or is not the viewer's. */
const FORBIDDEN = 4403;

/**
 * A WebSocket that is opened again whenever it breaks.
 *
 * Subscriptions live as long as the connection they were made on: make them in `connected`, which is called each time
 * the server has greeted us. The link counts as "online" once that is done. (Clients that repeat a subscription with
 * its first variables send `resume: <last cursor>` in connection_init's payload instead.)
 */
export class Live {
  #viewer;
  #handlers;
  #socket = null;
  #operations = new Map();
  #lastId = 0;
  #failures = 0;
  #timer;
  #silence;

  /** For a viewer, as with `request`. `connected()` subscribes, and may be async; `link(state)` hears "connecting",
   * "online", or "waiting" from a failure until the link is back; `ended(reason)` hears that the session is over, or
   * that it is not the viewer's (VIEWER_CHANGED). */
  constructor(viewer, handlers) {
    this.#viewer = viewer;
    this.#handlers = handlers;
  }

  /** Connects, at once. What was connected before is given up. */
  open() {
    this.close();
    if (!this.#failures) this.#handlers.link("connecting");
    const socket = new WebSocket(new URL("/graphql", location.href).href.replace("http", "ws"), "graphql-transport-ws");
    this.#socket = socket;
    socket.onopen = () => this.#send({ type: "connection_init", payload: { viewer: this.#viewer } });
    socket.onmessage = ({ data }) => this.#receive(JSON.parse(data));
    socket.onclose = ({ code, reason }) => this.#broken(code, reason);
    this.#expect(CONNECTS_WITHIN);
    this.#timer = setInterval(() => this.check(), HEARTBEAT);
  }

  /** Closes the link for good. */
  close() {
    // Also ends an interval.
    clearTimeout(this.#timer);
    this.#heard();
    if (this.#socket) {
      this.#socket.onopen = this.#socket.onmessage = this.#socket.onclose = null;
      this.#socket.close();
      this.#socket = null;
    }
    const cut = [...this.#operations.values()];
    this.#operations.clear();
    for (const operation of cut) operation.failed(new NoAnswer("The link broke."));
  }

  /** Breaks off and connects again after a pause, longer with each failure in a row. */
  restart() {
    this.close();
    this.#handlers.link("waiting");
    const pause = Math.min(500 * 2 ** this.#failures++, LONGEST_PAUSE);
    // Not all at the same moment, when a server comes back.
    this.#timer = setTimeout(() => this.open(), pause * (0.5 + Math.random() / 2));
  }

  /** Pings, and gives up a link that does not answer. A dead link does not say so by itself, so this is also called
   * when there is reason to doubt it. */
  check() {
    if (this.#socket?.readyState !== WebSocket.OPEN) return;
    this.#send({ type: "ping" });
    this.#expect(ANSWERS_WITHIN);
  }

  /** Subscribes on this connection. A subscription that ends with an error is not started again. */
  subscribe(query, variables, next, failed) {
    const id = String(++this.#lastId);
    this.#operations.set(id, { next, failed });
    this.#send({ type: "subscribe", id, payload: { query, variables } });
  }

  /** A query on this connection. By the time of its answer all subscriptions made before it are live. */
  ask(query, variables) {
    return new Promise((resolve, reject) => this.subscribe(query, variables, resolve, reject));
  }

  #send(message) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  /** Gives up the link when it stays silent, however often it is asked meanwhile. */
  #expect(within) {
    this.#silence ??= setTimeout(() => this.restart(), within);
  }

  #heard() {
    clearTimeout(this.#silence);
    this.#silence = null;
  }

  #receive({ type, id, payload }) {
    this.#heard();
    const operation = this.#operations.get(id);
    if (type === "connection_ack") this.#greeted();
    else if (type === "ping") this.#send({ type: "pong" });
    else if (type === "complete") this.#operations.delete(id);
    else if (type === "next" && payload.errors) operation?.failed(new ApiError(payload.errors));
    else if (type === "next") operation?.next(payload.data);
    else if (type === "error") {
      this.#operations.delete(id);
      operation?.failed(new ApiError(payload));
    }
  }

  async #greeted() {
    const socket = this.#socket;
    try {
      await this.#handlers.connected();
      if (socket !== this.#socket) return;
      this.#failures = 0;
      this.#handlers.link("online");
    } catch {
      if (socket === this.#socket) this.restart();
    }
  }

  #broken(code, reason) {
    if (code === FORBIDDEN) {
      this.close();
      this.#handlers.ended(reason);
    } else {
      this.restart();
    }
  }
}
