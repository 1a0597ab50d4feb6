import assert from 'node:assert/strict';
import { test } from 'node:test';

import { graphql } from '../gql/index.js';
import type { MessagePageFragment } from '../gql/graphql.js';
import { ask, data, Person } from '../support/people.js';

// What https://relay.dev/graphql/connections.htm demands, field by field.

const MESSAGES = graphql(`
  query Messages($in: ConversationRef!, $first: Int, $after: String, $last: Int, $before: String) {
    messages(in: $in, first: $first, after: $after, last: $last, before: $before) {
      ...MessagePage
    }
  }

  fragment MessagePage on MessageConnection {
    edges {
      cursor
      node {
        id
        seq
      }
    }
    nodes {
      id
      seq
    }
    pageInfo {
      hasPreviousPage
      hasNextPage
      startCursor
      endCursor
    }
  }
`);

const USERS = graphql(`
  query Users($search: String, $first: Int!, $after: String) {
    sidebarUsers(search: $search, first: $first, after: $after) {
      edges {
        cursor
        node {
          id
        }
      }
      nodes {
        id
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

const CONVERSATIONS = graphql(`
  query Conversations($first: Int!, $after: String) {
    conversations(first: $first, after: $after) {
      edges {
        cursor
        node {
          id
        }
      }
      nodes {
        id
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

interface Page {
  edges: { cursor: string; node: { id: string } }[];
  nodes: { id: string }[];
  pageInfo: MessagePageFragment['pageInfo'];
}

/** What must be true of every page. Gives its ids. */
function checkPage({ edges, nodes, pageInfo }: Page): string[] {
  const ids = edges.map(({ node }) => node.id);
  assert.deepEqual(
    ids,
    nodes.map(({ id }) => id),
    'edges and nodes are the same',
  );
  assert.equal(pageInfo.startCursor, edges[0]?.cursor ?? null);
  assert.equal(pageInfo.endCursor, edges.at(-1)?.cursor ?? null);
  assert.equal(new Set(edges.map(({ cursor }) => cursor)).size, edges.length, 'cursors differ');
  return ids;
}

/** Pages through a list to its end. */
async function forward(get: (after: string | null) => Promise<Page>, size: number) {
  const ids: string[] = [];
  for (let after: string | null = null; ;) {
    const page: Page = await get(after);
    assert.equal(page.pageInfo.hasPreviousPage, after !== null);
    ids.push(...checkPage(page));
    assert.ok(page.edges.length === size || !page.pageInfo.hasNextPage, 'only the last is short');
    if (!page.pageInfo.hasNextPage) return ids;
    after = page.pageInfo.endCursor;
  }
}

/** Pages through a list to its beginning. */
async function backward(get: (before: string | null) => Promise<Page>, size: number) {
  const ids: string[] = [];
  for (let before: string | null = null; ;) {
    const page: Page = await get(before);
    assert.equal(page.pageInfo.hasNextPage, before !== null);
    ids.unshift(...checkPage(page));
    assert.ok(page.edges.length === size || !page.pageInfo.hasPreviousPage, 'only one is short');
    if (!page.pageInfo.hasPreviousPage) return ids;
    before = page.pageInfo.startCursor;
  }
}

async function talk(count: number) {
  const [ann, bob] = [await Person.signUp('ann'), await Person.signUp('bob')];
  const ids: string[] = [];
  for (let number = 1; number <= count; number += 1) {
    ids.push((await ann.send(bob, `message ${number}`)).id);
  }
  const history = async (page: {
    first?: number;
    after?: string | null;
    last?: number;
    before?: string | null;
  }) => (await data(MESSAGES, { in: { userId: bob.id }, ...page }, ann.token)).messages;
  return { ann, bob, ids, history };
}

for (const size of [1, 2, 5, 7, 8]) {
  test(`a history of 7 is the same forward and backward, ${size} at a time`, async () => {
    const { ids, history } = await talk(7);
    assert.deepEqual(await forward((after) => history({ first: size, after }), size), ids);
    assert.deepEqual(await backward((before) => history({ last: size, before }), size), ids);
  });
}

test('a slice between two cursors holds what lies between them', async () => {
  const { ids, history } = await talk(7);
  const cursors = (await history({ first: 7 })).edges.map(({ cursor }) => cursor);
  const between = { after: cursors[1]!, before: cursors[5]! };
  assert.deepEqual(checkPage(await history(between)), ids.slice(2, 5));
  const left = await history({ ...between, first: 2 });
  assert.deepEqual(checkPage(left), ids.slice(2, 4));
  assert.equal(left.pageInfo.hasNextPage, true);
  const right = await history({ ...between, last: 2 });
  assert.deepEqual(checkPage(right), ids.slice(3, 5));
  assert.equal(right.pageInfo.hasPreviousPage, true);
});

test('a cursor is the same whichever way its edge was reached', async () => {
  const { history } = await talk(3);
  const forward = (await history({ first: 3 })).edges.map(({ cursor }) => cursor);
  const backward = (await history({ last: 3 })).edges.map(({ cursor }) => cursor);
  assert.deepEqual(forward, backward);
});

test('an empty list is an empty page', async () => {
  const { history } = await talk(0);
  for (const page of [{}, { first: 5 }, { last: 5 }]) {
    const { pageInfo, edges } = await history(page);
    assert.deepEqual(edges, []);
    const nothing = { startCursor: null, endCursor: null };
    assert.deepEqual(pageInfo, { hasPreviousPage: false, hasNextPage: false, ...nothing });
  }
});

test('pages of no size, of a negative one, or by a cursor that is none, are refused', async () => {
  const { ann, bob } = await talk(1);
  const refused = [
    [{ first: -1 }, 'first'],
    [{ last: -1 }, 'last'],
    [{ first: 101 }, 'first'],
    [{ first: 1, after: 'nothing' }, 'after'],
    [{ last: 1, before: 'nothing' }, 'before'],
  ] as const;
  for (const [page, field] of refused) {
    const { errors } = await ask(MESSAGES, { in: { userId: bob.id }, ...page }, ann.token);
    assert.deepEqual(errors?.[0]?.extensions, { code: 'BAD_USER_INPUT', field }, field);
  }
});

test('users and conversations page forward to their end', async () => {
  const ann = await Person.signUp('ann');
  const group = ann.username.slice(4);
  const others = [];
  for (let number = 1; number <= 5; number += 1) {
    const other = await Person.signUp(`${group}-${number}`);
    await other.send(ann, 'hello');
    others.push(other.id);
  }
  const users = async (after: string | null) =>
    (await data(USERS, { search: group, first: 2, after }, ann.token)).sidebarUsers;
  assert.deepEqual(await forward(users, 2), others);
  const conversations = async (after: string | null) =>
    (await data(CONVERSATIONS, { first: 2, after }, ann.token)).conversations;
  assert.equal(new Set(await forward(conversations, 2)).size, 5);
});
