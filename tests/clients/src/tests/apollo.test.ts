import assert from 'node:assert/strict';
import { createHash, randomUUID } from 'node:crypto';
import { afterEach, mock, test } from 'node:test';

import { ApolloClient, CombinedGraphQLErrors, InMemoryCache } from '@apollo/client';
import { PersistedQueryLink } from '@apollo/client/link/persisted-queries';
import { relayStylePagination } from '@apollo/client/utilities';

import { graphql } from '../gql/index.js';
import { apolloClient } from '../snippets/apollo.js';
import type { Session } from '../snippets/session.js';
import { Greeting, GREETING } from '../support/Greeting.js';
import { Frontend } from '../support/frontend.js';
import { Person } from '../support/people.js';
import { endpoint } from '../support/server.js';

const SIGNUP = graphql(`
  mutation ApolloSignup($input: SignupInput!) {
    signup(input: $input) {
      token
      user {
        id
        username
        displayName
      }
    }
  }
`);

const ME = graphql(`
  query Me {
    me {
      id
      displayName
    }
  }
`);

const PAGE = graphql(`
  query Page($id: ID!) {
    conversation(id: $id) {
      id
      kind
      members {
        user {
          id
        }
      }
    }
    messages(in: { conversationId: $id }, last: 20) {
      nodes {
        ...MessageParts
      }
      pageInfo {
        hasPreviousPage
        startCursor
      }
    }
  }
`);

const frontends: Frontend[] = [];
afterEach(() => {
  for (const frontend of frontends.splice(0)) frontend.stop();
  mock.restoreAll();
});

async function frontend(who: string | Person): Promise<Frontend> {
  const frontend = new Frontend(typeof who === 'string' ? await Person.signUp(who) : who);
  frontends.push(frontend);
  await frontend.start();
  return frontend;
}

const same = (one: unknown, other: unknown) => JSON.stringify(one) === JSON.stringify(other);

test('someone signs up with Apollo alone and is signed in from then on', async () => {
  const session: Session = {};
  const client = apolloClient(endpoint, session);
  const nobody = await client.query({ query: ME });
  assert.equal(nobody.data?.me, null);
  const input = { username: `zoë-${randomUUID()}`.slice(0, 20), password: 'correct horse' };
  await assert.rejects(
    client.mutate({ mutation: SIGNUP, variables: { input } }),
    (error) =>
      CombinedGraphQLErrors.is(error) &&
      same(error.errors[0]?.extensions, { code: 'BAD_USER_INPUT', field: 'input.username' }),
  );
  input.username = input.username.replace('ë', 'e');
  const { data } = await client.mutate({ mutation: SIGNUP, variables: { input } });
  session.token = data!.signup.token;
  const me = await client.query({ query: ME, fetchPolicy: 'network-only' });
  assert.equal(me.data?.me?.displayName, input.username);
  client.stop();
});

test('documents in .tsx files are found and typed', async () => {
  const client = apolloClient(endpoint, await Person.signUp('ann'));
  const { data } = await client.query({ query: GREETING });
  assert.match(Greeting(data!), /^<p>Hello, ann-.*!<\/p>$/);
  client.stop();
});

test('the sidebar follows presence, first messages and unread counts by the cache alone', async () => {
  const bob = await Person.signUp('bob');
  const ann = await frontend('ann');
  const sidebar = ann.watchSidebar(bob);
  const shows = (online: boolean, unread: number | undefined, last: string | undefined) =>
    sidebar.until(
      (states) => same(states.at(-1), { online, unread, last }),
      `${online} ${unread} ${last}`,
    );

  await shows(false, undefined, undefined);
  const bobs = await frontend(bob);
  await shows(true, undefined, undefined);
  const requests = mock.method(globalThis, 'fetch');
  await bob.send(ann.me, 'hello');
  await shows(true, 1, 'hello');
  await bob.send(ann.me, 'are you there?');
  await shows(true, 2, 'are you there?');
  assert.equal(requests.mock.callCount(), 0, 'nothing is asked for');
  await ann.read(ann.arrived.last!.id);
  await shows(true, 0, 'are you there?');
  bobs.stop();
  await shows(false, 0, 'are you there?');
});

test('a message shows at once and is replaced by the real one', async () => {
  const ann = await frontend('ann');
  const bob = await frontend('bob');
  const [hers, his] = [
    ann.open({ userId: bob.me.id }).lists,
    bob.open({ userId: ann.me.id }).lists,
  ];
  await hers.until((lists) => lists.length > 0, 'her empty list');
  await his.until((lists) => lists.length > 0, 'his empty list');

  const { data } = await ann.send({ userId: bob.me.id }, 'hello');
  assert.equal(data?.sendMessage.seq, 1);
  await hers.until((lists) => same(lists.at(-1), ['hello']), 'her message');
  await his.until((lists) => same(lists.at(-1), ['hello']), 'his message');
  await ann.arrived.until((messages) => messages.length === 1, 'her own message live');
  assert.deepEqual(hers.items, [[], ['hello …'], ['hello']]);
  assert.deepEqual(his.items, [[], ['hello']]);
  assert.equal(ann.arrived.last?.clientMessageId, data?.sendMessage.clientMessageId);
  assert.equal(bob.arrived.last?.clientMessageId, null);
});

for (const order of [
  ['one', 'two'],
  ['two', 'one'],
] as const) {
  test(`messages that arrive live before ${order.join(' and ')} are answered show once`, async () => {
    const ann = await frontend('ann');
    const bob = await Person.signUp('bob');
    const { lists } = ann.open({ userId: bob.id });
    await lists.until((lists) => lists.length > 0, 'the empty list');
    const { release } = ann.holdSends();
    const sends = [ann.send({ userId: bob.id }, 'one'), ann.send({ userId: bob.id }, 'two')];
    await ann.arrived.until((messages) => messages.length === 2, 'both live');
    await bob.send(ann.me, 'three');
    await ann.arrived.until((messages) => messages.length === 3, 'his live');
    for (const body of order) await release(body);
    await Promise.all(sends);
    const bodies = ann.arrived.items.map(({ body }) => body);
    await lists.until((lists) => same(lists.at(-1), bodies), 'three messages in order');
    for (const list of lists.items) {
      const once = new Set(list.map((body) => body.replace(' …', '')));
      assert.equal(once.size, list.length, `twice in ${list.join(', ')}`);
    }
  });
}

test('a message that is refused goes away again, with a reason', async () => {
  const ann = await frontend('ann');
  const bob = await Person.signUp('bob');
  const { lists } = ann.open({ userId: bob.id });
  await lists.until((lists) => lists.length > 0, 'the empty list');
  await assert.rejects(ann.send({ userId: bob.id }, ' '), (error) => {
    assert.ok(CombinedGraphQLErrors.is(error));
    assert.deepEqual(error.errors[0]?.extensions, { code: 'BAD_USER_INPUT', field: 'input.body' });
    return true;
  });
  await lists.until((lists) => lists.length > 2, 'the list without it');
  assert.deepEqual(lists.items, [[], ['  …'], []]);
});

test('paging back fills the history without a gap while new messages arrive', async () => {
  const ann = await frontend('ann');
  const bob = await Person.signUp('bob');
  const bodies: string[] = [];
  const say = async () => {
    const body = `message ${bodies.length + 1}`;
    await bob.send(ann.me, body);
    bodies.push(body);
  };
  while (bodies.length < 70) await say();
  const { lists, pageBack } = ann.open({ userId: bob.id });
  await lists.until((lists) => same(lists.at(-1), bodies.slice(50)), 'the newest page');
  let pages = 1;
  for (;;) {
    await say();
    await lists.until((lists) => lists.at(-1)?.at(-1) === bodies.at(-1), 'the new message');
    if (!(await pageBack())) break;
    pages += 1;
  }
  assert.equal(pages, 4);
  assert.deepEqual(lists.last, bodies);
});

test('a conversation has one history, by its user and by its id', async () => {
  const ann = await frontend('ann');
  const bob = await Person.signUp('bob');
  const bodies: string[] = [];
  const say = async () => {
    bodies.push(`message ${bodies.length + 1}`);
    return bob.send(ann.me, bodies.at(-1)!);
  };
  while (bodies.length < 30) await say();
  const byUser = ann.open({ userId: bob.id });
  const known = async (id: string) =>
    ann.arrived.until((messages) => messages.some((message) => message.id === id), 'it is known');
  await byUser.lists.until((lists) => same(lists.at(-1), bodies.slice(-20)), 'a first page');
  const { id, conversation } = await say();
  await known(id);
  await byUser.lists.until((lists) => same(lists.at(-1), bodies.slice(-21)), 'by user');

  const requests = mock.method(globalThis, 'fetch');
  const byId = ann.open({ conversationId: conversation.id });
  await byId.lists.until((lists) => same(lists.at(-1), bodies.slice(-21)), 'by id');
  assert.equal(requests.mock.callCount(), 0, 'nothing is asked for');
  for (const to of [{ userId: bob.id }, { conversationId: conversation.id }]) {
    bodies.push(`message ${bodies.length + 1}`);
    await ann.send(to, bodies.at(-1)!);
    await say();
    for (const { lists } of [byUser, byId]) {
      await lists.until((lists) => same(lists.at(-1), bodies.slice(10)), 'both show both');
    }
  }
  await byId.pageBack();
  for (const { lists } of [byUser, byId]) {
    await lists.until((lists) => same(lists.at(-1), bodies), 'both show all');
  }
});

test('a page that begins with a conversation by its id shows the same by its user', async () => {
  const [ann, bob] = [await Person.signUp('ann'), await Person.signUp('bob')];
  const { conversation } = await bob.send(ann, 'hello');
  const hers = await frontend(ann);
  const { data } = await hers.client.query({ query: PAGE, variables: { id: conversation.id } });
  assert.equal(data?.messages.nodes[0]?.body, 'hello');
  const requests = mock.method(globalThis, 'fetch');
  const { lists } = hers.open({ userId: bob.id });
  await lists.until((lists) => same(lists.at(-1), ['hello']), 'by user');
  assert.equal(requests.mock.callCount(), 0, 'nothing is asked for');
});

test('a history that was opened by an id goes on when it is learned whose it is', async () => {
  const [ann, bob] = [await Person.signUp('ann'), await Person.signUp('bob')];
  const { conversation } = await bob.send(ann, 'hello');
  const hers = await frontend(ann);
  const byId = hers.open({ conversationId: conversation.id });
  await byId.lists.until((lists) => same(lists.at(-1), ['hello']), 'by id');
  const requests = mock.method(globalThis, 'fetch');
  await bob.send(ann, 'are you there?');
  await byId.lists.until((lists) => lists.length > 1, 'the next state');
  assert.deepEqual(byId.lists.last, ['hello', 'are you there?']);
  const byUser = hers.open({ userId: bob.id });
  await byUser.lists.until((lists) => lists.length > 0, 'by user');
  assert.deepEqual(byUser.lists.last, ['hello', 'are you there?']);
  assert.equal(requests.mock.callCount(), 0, 'nothing is asked for');
});

test("Apollo's own relayStylePagination pages through a conversation", async () => {
  const EDGES = graphql(`
    query Edges($in: ConversationRef!, $before: String) {
      messages(in: $in, last: 4, before: $before) {
        edges {
          cursor
          node {
            id
            body
          }
        }
        pageInfo {
          hasPreviousPage
          hasNextPage
          startCursor
          endCursor
        }
      }
    }
  `);
  const [ann, bob] = [await Person.signUp('ann'), await Person.signUp('bob')];
  for (let count = 1; count <= 10; count += 1) await ann.send(bob, String(count));
  const messages = relayStylePagination(['in']);
  const cache = new InMemoryCache({ typePolicies: { Query: { fields: { messages } } } });
  const client = new ApolloClient({ link: apolloClient(endpoint, ann).link, cache });
  const variables = { in: { userId: bob.id } };
  const { data } = await client.query({ query: EDGES, variables });
  let page = data!.messages;
  while (page.pageInfo.hasPreviousPage) {
    const before = page.pageInfo.startCursor;
    await client.query({
      query: EDGES,
      variables: { ...variables, before },
      fetchPolicy: 'network-only',
    });
    page = client.cache.readQuery({ query: EDGES, variables })!.messages;
  }
  const bodies = page.edges.map(({ node }) => node.body);
  assert.deepEqual(bodies, ['1', '2', '3', '4', '5', '6', '7', '8', '9', '10']);
  client.stop();
});

for (const useGETForHashedQueries of [false, true]) {
  test(`a client that tries hashes, by GET ${useGETForHashedQueries}, sends documents then`, async () => {
    const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
    const client = apolloClient(endpoint, await Person.signUp('ann'));
    const hashes = new PersistedQueryLink({ sha256, useGETForHashedQueries });
    client.setLink(hashes.concat(client.link));
    const me = await client.query({ query: ME });
    assert.match(me.data?.me?.displayName ?? '', /^ann/);
    client.stop();
  });
}
