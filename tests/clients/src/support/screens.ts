import { ApolloClient } from '@apollo/client';
import type { TypedDocumentNode } from '@graphql-typed-document-node/core';
import type { Client } from '@urql/core';

import { graphql } from '../gql/index.js';
import type { ListQuery } from '../gql/graphql.js';
import { apolloClient } from '../snippets/apollo.js';
import { firstApolloClient, firstApolloEvents } from '../snippets/first-apollo.js';
import { firstUrqlClient, firstUrqlEvents } from '../snippets/first-urql.js';
import type { Place } from '../snippets/follow.js';
import {
  followEvents as urqlEvents,
  graphcache,
  HISTORY as URQL_HISTORY,
} from '../snippets/graphcache.js';
import { followEvents as apolloEvents, HISTORY } from '../snippets/messages.js';
import { urqlClient } from '../snippets/urql.js';
import { Log } from './log.js';
import type { Person } from './people.js';

const CURSOR = graphql(`
  query StreamCursor {
    streamCursor
  }
`);

const LIST = graphql(`
  query List {
    conversations {
      nodes {
        id
        title
        unreadCount
        lastMessage {
          id
          body
        }
        members {
          user {
            id
          }
          lastRead {
            id
          }
        }
      }
    }
  }
`);

const OPENED = graphql(`
  query Opened($id: ID!) {
    conversation(id: $id) {
      id
      messages(last: 20) {
        nodes {
          id
          seq
          body
          editedAt
          deletedAt
          reactions {
            emoji
            count
          }
        }
      }
    }
  }
`);

interface Message {
  body: string;
  editedAt: string | null;
  deletedAt: string | null;
  reactions: { emoji: string; count: number }[];
}

/** What a page shows of a message: what it says, what became of it, and the emoji under it. */
function shown({ body, editedAt, deletedAt, reactions }: Message): string {
  const fate = deletedAt ? ' (deleted)' : editedAt ? ' (edited)' : '';
  return body + fate + reactions.map(({ emoji, count }) => ` ${emoji}${count}`).join('');
}

type Watch = <Data, Variables extends Record<string, unknown>, Seen>(
  document: TypedDocumentNode<Data, Variables>,
  variables: Variables,
  see: (data: Data) => Seen,
) => Log<Seen>;

/** A page of a client: what it shows, without a look at how. */
export interface Screen {
  /** Every state of the list of conversations. */
  list: Log<ListQuery['conversations']['nodes']>;
  /** Every state of what is shown of a conversation's messages. */
  open(id: string): Log<string[]>;
  /** What ended the stream of events. */
  errors: Log<unknown>;
  stop(): void;
}

/** What a client's recipe gives. */
interface Recipe<Client> {
  client: Client;
  place: Place;
  keepUpToDate(onError: (error: unknown) => void): () => void;
  history(watch: Watch, id: string): Log<string[]>;
}

const opened = (watch: Watch, id: string) =>
  watch(OPENED, { id }, ({ conversation }) => conversation?.messages.nodes.map(shown) ?? []);

const listed = (watch: Watch) => watch(LIST, {}, ({ conversations }) => conversations.nodes);

async function onApollo(recipe: Recipe<ApolloClient>, from?: string): Promise<Screen> {
  const { client, place } = recipe;
  const stops: (() => void)[] = [];
  const errors = new Log<unknown>();
  const { data } = await client.query({ query: CURSOR });
  place.cursor = from ?? data!.streamCursor;
  const watch: Watch = (query, variables, see) => {
    const states = new Log<ReturnType<typeof see>>();
    const watched = client.watchQuery({ query, variables } as never).subscribe((result) => {
      if (result.dataState === 'complete') states.add(see(result.data as never));
    });
    stops.push(() => watched.unsubscribe());
    return states;
  };
  const list = listed(watch);
  stops.push(recipe.keepUpToDate(errors.add));
  const stop = () => {
    for (const stop of stops) stop();
    client.stop();
  };
  return { list, open: (id) => recipe.history(watch, id), errors, stop };
}

async function onUrql(recipe: Recipe<Client>, from?: string): Promise<Screen> {
  const { client, place } = recipe;
  const stops: (() => void)[] = [];
  const errors = new Log<unknown>();
  const { data } = await client.query(CURSOR, {}).toPromise();
  place.cursor = from ?? data!.streamCursor;
  const watch: Watch = (document, variables, see) => {
    const states = new Log<ReturnType<typeof see>>();
    const watched = client.query(document, variables).subscribe(({ data, stale }) => {
      if (data && !stale) states.add(see(data));
    });
    stops.push(watched.unsubscribe);
    return states;
  };
  const list = listed(watch);
  stops.push(recipe.keepUpToDate(errors.add));
  const stop = () => {
    for (const stop of stops) stop();
  };
  return { list, open: (id) => recipe.history(watch, id), errors, stop };
}

/** Pages of all clients that the README shows, by their names: at an address, from a cursor or from now on. */
export const screens: Record<string, (url: string, me: Person, from?: string) => Promise<Screen>> =
  {
    'the first Apollo': (url, _, from) => {
      const place: Place = {};
      const client = firstApolloClient(url, place);
      const keepUpToDate = (onError: (error: unknown) => void) =>
        firstApolloEvents(client, place, onError);
      return onApollo({ client, place, keepUpToDate, history: opened }, from);
    },
    'the first urql': (url, _, from) => {
      const place: Place = {};
      const client = firstUrqlClient(url, place);
      const keepUpToDate = (onError: (error: unknown) => void) =>
        firstUrqlEvents(client, place, onError);
      return onUrql({ client, place, keepUpToDate, history: opened }, from);
    },
    Apollo: (url, { token, id }, from) => {
      const session = { token, viewer: id, cursor: undefined };
      const client = apolloClient(url, session);
      const keepUpToDate = (onError: (error: unknown) => void) =>
        apolloEvents(client, session, onError);
      const history = (watch: Watch, conversationId: string) =>
        watch(HISTORY, { in: { conversationId } }, ({ messages }) => messages.nodes.map(shown));
      return onApollo({ client, place: session, keepUpToDate, history }, from);
    },
    urql: (url, { token, id }, from) => {
      const session = { token, viewer: id, cursor: undefined };
      const client = urqlClient(url, session, graphcache(id));
      const keepUpToDate = (onError: (error: unknown) => void) =>
        urqlEvents(client, session, onError);
      const history = (watch: Watch, conversationId: string) =>
        watch(URQL_HISTORY, { in: { conversationId } }, ({ messages }) =>
          messages.edges.map(({ node }) => shown(node)),
        );
      return onUrql({ client, place: session, keepUpToDate, history }, from);
    },
  };
