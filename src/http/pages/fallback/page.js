// Runs what is in the form against /graphql: queries and mutations over HTTP, subscriptions over a WebSocket
// in the graphql-transport-ws protocol.

/** How many answers of a subscription stay on the page. */
const RESULTS_KEPT = 200;

const EXAMPLE = `query Me {
  me { id username displayName }
}

mutation SignUp {
  signup(input: { username: "ada", password: "correct horse battery" }) {
    user { id displayName }
  }
}

query People {
  sidebarUsers { nodes { id displayName online } }
}

mutation Say($to: ID!) {
  sendMessage(input: { to: { userId: $to }, body: "Hello!" }) {
    id seq sentAt
  }
}

subscription Listen {
  newMessage { cursor message { body sender { displayName } } }
}
`;

const names = ["request", "query", "variables", "token", "stop", "result", "state"];
const [form, query, variables, token, stop, result, state] = names.map((id) => document.getElementById(id));

/** Ends what is under way, if anything is. */
let cancel = () => {};

query.value = EXAMPLE;
query.setSelectionRange(0, 0);
stop.addEventListener("click", () => cancel());
form.addEventListener("submit", (event) => {
  event.preventDefault();
  run();
});
form.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    form.requestSubmit();
  }
});

function run() {
  cancel();
  result.replaceChildren();
  const operation = operationAt(query.value, query.selectionStart);
  const request = { query: query.value, operationName: operation?.name };
  try {
    if (variables.value.trim()) request.variables = JSON.parse(variables.value);
  } catch (error) {
    return tell("bad", `The variables are not JSON: ${error.message}`);
  }
  const authorization = token.value.trim() && `Bearer ${token.value.trim()}`;
  stop.disabled = false;
  if (operation?.type === "subscription") subscribe(request, authorization);
  else ask(request, authorization);
}

async function ask(request, authorization) {
  const abort = new AbortController();
  cancel = () => {
    abort.abort();
    end("idle", "Stopped");
  };
  tell("busy", "Waiting for the answer…");
  try {
    const response = await fetch("/graphql", {
      method: "POST",
      headers: {
        accept: "application/graphql-response+json, application/json;q=0.9",
        "content-type": "application/json",
        ...(authorization && { authorization }),
      },
      body: JSON.stringify(request),
      signal: abort.signal,
    });
    const answer = parsed(await response.text());
    show(answer);
    const errors = answer?.errors ? ", with errors" : "";
    end(response.ok && !errors ? "good" : "bad", `HTTP ${response.status}${errors}`);
  } catch (error) {
    if (!abort.signal.aborted) end("bad", `No answer: ${error.message}`);
  }
}

function subscribe(payload, authorization) {
  const url = new URL("/graphql", location.href);
  url.protocol = url.protocol.replace("http", "ws");
  const socket = new WebSocket(url, "graphql-transport-ws");
  const send = (message) => socket.send(JSON.stringify(message));
  const close = (tone, text) => {
    socket.onmessage = socket.onclose = null;
    socket.close(1000);
    end(tone, text);
  };
  cancel = () => {
    if (socket.readyState === WebSocket.OPEN) send({ id: "1", type: "complete" });
    close("idle", "Stopped");
  };
  tell("busy", "Connecting…");
  socket.onopen = () => send({ type: "connection_init", payload: authorization ? { authorization } : {} });
  socket.onclose = ({ code, reason }) => end("bad", `Socket closed: ${code} ${reason}`.trim());
  let events = 0;
  socket.onmessage = ({ data }) => {
    const message = JSON.parse(data);
    if (message.type === "connection_ack") {
      send({ id: "1", type: "subscribe", payload });
      tell("good", "Subscribed, waiting for the first event");
    } else if (message.type === "ping") {
      send({ type: "pong", payload: message.payload });
    } else if (message.type === "next") {
      show(message.payload);
      tell("good", `Subscribed, ${++events} received`);
    } else if (message.type === "error") {
      show({ errors: message.payload });
      close("bad", "Ended by an error");
    } else if (message.type === "complete") {
      close("idle", `Completed, ${events} received`);
    }
  };
}

function end(tone, text) {
  cancel = () => {};
  stop.disabled = true;
  tell(tone, text);
}

function tell(tone, text) {
  state.dataset.tone = tone;
  state.textContent = text;
}

function show(answer) {
  const block = document.createElement("pre");
  block.textContent = typeof answer === "string" ? answer : JSON.stringify(answer, null, 2);
  result.prepend(block);
  while (result.children.length > RESULTS_KEPT) result.lastChild.remove();
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** Type and name of the operation that the cursor is in or behind, or else of the first. */
function operationAt(document, cursor) {
  // Comments and strings become blanks of the same length: they may hold braces and keywords.
  const code = document.replace(/"""(?:\\"""|[^])*?"""|"(?:\\.|[^"\\\n])*"|#.*/g, (text) => " ".repeat(text.length));
  const operations = [];
  let depth = 0;
  for (const { 0: text, index } of code.matchAll(/[{(]|[)}]|\w+/g)) {
    if (depth === 0 && ["query", "mutation", "subscription"].includes(text)) {
      const name = code.slice(index).match(/^\w+\s+([A-Za-z_]\w*)/)?.[1];
      operations.push({ type: text, name, index });
    }
    if ("{(".includes(text)) depth += 1;
    if (")}".includes(text)) depth -= 1;
  }
  return operations.findLast(({ index }) => index <= cursor) ?? operations[0];
}
