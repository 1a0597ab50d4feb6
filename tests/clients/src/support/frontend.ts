import { ApolloLink } from '@apollo/client';
import { Observable, type Subscription } from 'rxjs';

import { graphql } from '../gql/index.js';
import type { ConversationRef, MessagePartsFragment } from '../gql/graphql.js';
import { apolloClient } from '../snippets/apollo.js';
import { followEvents, HISTORY, sendMessage, type ChatEvent } from '../snippets/messages.js';
import type { Session } from '../snippets/session.js';
import { openSocket } from '../snippets/socket.js';
import { Log } from './log.js';
import type { Person } from './people.js';
import { endpoint, wsEndpoint } from './server.js';

const SIDEBAR = graphql(`
  query Sidebar($search: String) {
    streamCursor
    sidebarUsers(search: $search) {
      nodes {
        id
        displayName
        online
        directConversation {
          id
          unreadCount
          lastMessage {
            id
            body
          }
        }
      }
    }
  }
`);

const PRESENCE = graphql(`
  subscription Presence {
    onlineUsersChanged {
      joined {
        id
        online
      }
      left {
        id
        online
      }
    }
  }
`);

const READ = graphql(`
  mutation Read($messageId: ID!) {
    markRead(messageId: $messageId) {
      id
      unreadCount
    }
  }
`);

/** What a frontend on Apollo keeps running for the signed-in person. */
export class Frontend {
  readonly client: ReturnType<typeof apolloClient>;
  readonly arrived = new Log<MessagePartsFragment>();
  readonly events = new Log<ChatEvent>();
  readonly errors = new Log<unknown>();
  private readonly session: Session;
  private readonly subscriptions: Pick<Subscription, 'unsubscribe'>[] = [];

  constructor(
    readonly me: Person,
    url = endpoint,
    socketUrl = wsEndpoint,
  ) {
    this.session = { token: me.token, viewer: me.id };
    this.client = apolloClient(url, this.session, openSocket(socketUrl, this.session));
  }

  /** Loads the sidebar and follows what happens after it. */
  async start(): Promise<void> {
    const { data } = await this.client.query({ query: SIDEBAR });
    this.session.cursor = data!.streamCursor;
    const unsubscribe = followEvents(this.client, this.session, this.errors.add, (event) => {
      this.events.add(event);
      if (event.__typename === 'NewMessage') this.arrived.add(event.message);
    });
    const presence = this.client.subscribe({ query: PRESENCE }).subscribe(() => {});
    this.subscriptions.push({ unsubscribe }, presence);
  }

  /** Shows a history: every state of the list, with the way to page back. */
  open(conversation: ConversationRef) {
    const query = this.client.watchQuery({ query: HISTORY, variables: { in: conversation } });
    const lists = new Log<string[]>();
    this.subscriptions.push(
      query.subscribe(({ data, dataState }) => {
        if (dataState !== 'complete') return;
        const isOptimistic = (message: MessagePartsFragment) =>
          message.id === message.clientMessageId;
        const mark = (message: MessagePartsFragment) => (isOptimistic(message) ? ' …' : '');
        lists.add(data.messages.nodes.map((message) => message.body + mark(message)));
      }),
    );
    const pageBack = async () => {
      const { pageInfo } = query.getCurrentResult().data!.messages as {
        pageInfo: { hasPreviousPage: boolean; startCursor: string };
      };
      if (!pageInfo.hasPreviousPage) return false;
      await query.fetchMore({ variables: { before: pageInfo.startCursor } });
      return true;
    };
    return { lists, pageBack };
  }

  /** Every state of what the sidebar says of someone. */
  watchSidebar({ id: userId, username }: Person) {
    const states = new Log<{
      online: boolean;
      unread: number | undefined;
      last: string | undefined;
    }>();
    const sidebar = this.client.watchQuery({ query: SIDEBAR, variables: { search: username } });
    this.subscriptions.push(
      sidebar.subscribe(({ data, dataState }) => {
        if (dataState !== 'complete') return;
        const user = data.sidebarUsers.nodes.find(({ id }) => id === userId);
        if (!user) return;
        const { online, directConversation } = user;
        const unread = directConversation?.unreadCount;
        states.add({ online, unread, last: directConversation?.lastMessage?.body });
      }),
    );
    return states;
  }

  /** Sends with an optimistic entry. */
  send(to: ConversationRef, body: string) {
    return sendMessage(this.client, { id: this.me.id, displayName: this.me.username }, to, body);
  }

  /** Marks everything up to a message as read. */
  read(messageId: string) {
    return this.client.mutate({ mutation: READ, variables: { messageId } });
  }

  /** Holds back the answers to sends until they are released, in whatever order. */
  holdSends() {
    const held = new Log<{ body: string; release(): void }>();
    const hold = new ApolloLink((operation, forward) => {
      if (operation.operationName !== 'Send') return forward(operation);
      const { body } = operation.variables['input'] as { body: string };
      return new Observable((observer) => {
        return forward(operation).subscribe({
          next: (answer) => {
            const release = () => {
              observer.next(answer);
              observer.complete();
            };
            held.add({ body, release });
          },
          error: (error) => observer.error(error),
        });
      });
    });
    this.client.setLink(hold.concat(this.client.link));
    return {
      release: async (body: string) => {
        await held.until((items) => items.some((item) => item.body === body), `answer to ${body}`);
        held.items.find((item) => item.body === body)!.release();
      },
    };
  }

  stop(): void {
    for (const subscription of this.subscriptions) subscription.unsubscribe();
    this.client.stop();
  }
}
