import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';

import { graphql } from '../gql/index.js';
import { apolloClient } from '../snippets/apollo.js';
import { firstApolloClient } from '../snippets/first-apollo.js';
import { firstUrqlClient } from '../snippets/first-urql.js';
import { urqlClient } from '../snippets/urql.js';
import { Log } from '../support/log.js';
import { COOKIE_SIGNUP, DEV_SERVER, newcomer, on, OWN, Page, url } from '../support/page.js';
import { Person } from '../support/people.js';

const STRANGER = 'http://localhost:6666';

const COOKIE_LOGOUT = graphql(`
  mutation CookieLogout {
    logout
  }
`);

const WHO = graphql(`
  query Who {
    me {
      id
    }
  }
`);

const CURSOR = graphql(`
  query Cursor {
    streamCursor
  }
`);

const HEAR_FROM = graphql(`
  subscription HearFrom($after: String) {
    newMessage(after: $after) {
      message {
        body
      }
    }
  }
`);

const apolloClients = {
  Apollo: (url: string) => apolloClient(url, {}),
  'the first Apollo': firstApolloClient,
};
const urqlClients = {
  urql: (url: string) => urqlClient(url, {}),
  'the first urql': firstUrqlClient,
};

/** Waits for a message, as said by `hear`, to whoever has just signed up. */
async function hears(me: { id: string }, hear: (heard: Log<string>) => () => void): Promise<void> {
  const heard = new Log<string>();
  const stop = hear(heard);
  const bob = await Person.signUp('bob');
  await bob.send(me, 'hello');
  await heard.until((bodies) => bodies.length > 0, 'a message');
  assert.deepEqual(heard.items, ['hello']);
  stop();
}

for (const origin of [OWN, DEV_SERVER]) {
  const page = origin === OWN ? 'a page of the server' : `a page of ${origin}`;

  for (const [name, open] of Object.entries(apolloClients)) {
    test(`${name} on ${page} needs only the cookie`, () =>
      on(origin, async () => {
        const client = open(url);
        const signedUp = await client.mutate({ mutation: COOKIE_SIGNUP, variables: newcomer() });
        const me = await client.query({ query: WHO });
        assert.equal(me.data?.me?.id, signedUp.data?.signup.user.id);

        const cursor = await client.query({ query: CURSOR });
        const variables = { after: cursor.data!.streamCursor };
        await hears(me.data!.me!, (heard) => {
          const live = client.subscribe({ query: HEAR_FROM, variables }).subscribe({
            next: ({ data, error }) => heard.add(data?.newMessage.message.body ?? String(error)),
            error: (error) => heard.add(String(error)),
          });
          return () => live.unsubscribe();
        });

        await client.mutate({ mutation: COOKIE_LOGOUT });
        const nobody = await client.query({ query: WHO, fetchPolicy: 'network-only' });
        assert.equal(nobody.data?.me, null);
        client.stop();
      }));
  }

  for (const [name, open] of Object.entries(urqlClients)) {
    test(`${name} on ${page} needs only the cookie, and may ask by GET, too`, () =>
      on(origin, async () => {
        const client = open(url);
        const signedUp = await client.mutation(COOKIE_SIGNUP, newcomer()).toPromise();
        const me = await client.query(WHO, {}, { preferGetMethod: 'force' }).toPromise();
        assert.equal(me.error, undefined);
        assert.equal(me.data?.me?.id, signedUp.data?.signup.user.id);

        const cursor = await client.query(CURSOR, {}).toPromise();
        const variables = { after: cursor.data!.streamCursor };
        await hears(me.data!.me!, (heard) => {
          const live = client.subscription(HEAR_FROM, variables);
          return live.subscribe(({ data, error }) =>
            heard.add(data?.newMessage.message.body ?? String(error)),
          ).unsubscribe;
        });
      }));
  }
}

test('a token does as well as the cookie', async () => {
  const ann = await Person.signUp('ann');
  await on(DEV_SERVER, async () => {
    const me = await urqlClient(url, ann).query(WHO, {}).toPromise();
    assert.equal(me.data?.me?.id, ann.id);
  });
});

test('a page of a stranger gets nothing, not even with the cookie', () =>
  on(STRANGER, async (page) => {
    const client = apolloClient(url, {});
    await assert.rejects(client.query({ query: WHO }), /CORS: origin/);
    await assert.rejects(
      client.mutate({ mutation: COOKIE_SIGNUP, variables: newcomer() }),
      /CORS: origin/,
    );
    page.cookie = 'chinwag_session=whatever';
    const refused = new (Page.socketOf(page))(url.replace(/^http/, 'ws'), 'graphql-transport-ws');
    const [error] = (await once(refused, 'error').catch((error) => [error])) as [Error];
    assert.match(error.message, /403/);
  }));
