// The server that is tested: someone signed in on it, and what it says.

const KINDS = {
  GRAPHQL_PARSE_FAILED: "syntax",
  GRAPHQL_VALIDATION_FAILED: "invalid",
  OPERATION_RESOLUTION_FAILURE: "operation",
  BAD_USER_INPUT: "variables",
  QUERY_TOO_COMPLEX: "limit",
  // A subscription that is fine, on a connection that is not for subscriptions.
  BAD_REQUEST: "valid",
};

/** What is said of a page of a size that there is not, before anything runs. */
const SIZE = /^(A page has 1 to \d+ items|Give first or last, not both)\.$/;

const SIGN_UP = "mutation($input: SignupInput!) { signup(input: $input) { token user { id } } }";
const SEND = `mutation($input: SendMessageInput!) {
  sendMessage(input: $input) { id conversation { id messages { pageInfo { endCursor } } } }
}`;

/** Signs people up who talk; gives a function that asks as one of them, and ids of what there is. */
export async function connected(endpoint) {
  const asker = (token) => async (request) => {
    const headers = { "content-type": "application/json", ...(token && { authorization: `Bearer ${token}` }) };
    try {
      const response = await fetch(endpoint, { method: "POST", headers, body: JSON.stringify(request) });
      return await response.json();
    } catch (error) {
      return { errors: [{ message: String(error.cause ?? error), extensions: { code: "no answer" } }] };
    }
  };
  const run = async (ask, query, variables) => {
    const { data, errors } = await ask({ query, variables });
    if (errors) throw new Error(JSON.stringify(errors));
    return data;
  };
  const people = [];
  for (const username of ["ada", "bob", "cyd"]) {
    const input = { username, password: "password1" };
    const { signup } = await run(asker(), SIGN_UP, { input });
    people.push({ id: signup.user.id, ask: asker(signup.token) });
  }
  const samples = { user: people.map(({ id }) => id), conversation: [], message: [], cursor: [] };
  const [ada, ...others] = people;
  const send = async (from, to) => {
    const input = { body: "hello", to: { userId: to.id } };
    const { sendMessage } = await run(from.ask, SEND, { input });
    samples.message.push(sendMessage.id);
    samples.conversation.push(sendMessage.conversation.id);
    samples.cursor.push(sendMessage.conversation.messages.pageInfo.endCursor);
  };
  for (const other of others) {
    await send(ada, other);
    await send(other, ada);
  }
  return { ask: ada.ask, samples };
}

/** What an answer says of its request, in the words of `verdict`. */
export function saidBy({ data, errors = [] }) {
  const [refusal] = errors.filter(({ path }) => path === undefined);
  if (!refusal) return data === undefined ? "neither data nor errors" : "valid";
  const kind = SIZE.test(refusal.message) ? "limit" : (KINDS[refusal.extensions?.code] ?? refusal.extensions?.code);
  return data === undefined ? kind : `${kind}, with data`;
}
