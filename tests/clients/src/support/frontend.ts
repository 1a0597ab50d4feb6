import { randomUUID } from 'node:crypto';

import { ApolloLink, type ApolloCache } from '@apollo/client';
import { Observable, type Subscription } from 'rxjs';

import { graphql } from '../gql/index.js';
import type { MessagePartsFragment } from '../gql/graphql.js';
import { apolloClient } from '../snippets/apollo.js';
import { Log } from './log.js';
import type { Person } from './people.js';
import { endpoint } from './server.js';

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

const HISTORY = graphql(`
  query History($in: ConversationRef!, $before: String) {
    messages(in: $in, last: 20, before: $before) {
      nodes {
        ...MessageParts
      }
      pageInfo {
        hasPreviousPage
        startCursor
      }
    }
  }

  fragment MessageParts on Message {
    id
    clientMessageId
    seq
    body
    sentAt
    sender {
      id
      displayName
    }
  }
`);

const SEND = graphql(`
  mutation Send($input: SendMessageInput!) {
    sendMessage(input: $input) {
      ...MessageParts
    }
  }
`);

const LIVE = graphql(`
  subscription Live($after: String) {
    newMessage(after: $after) {
      cursor
      message {
        ...MessageParts
        conversation {
          id
          unreadCount
          lastMessage {
            id
            body
          }
          members {
            user {
              id
              directConversation {
                id
              }
            }
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

/** Adds a message to the history with a user, where that is shown. */
function show(cache: ApolloCache, userId: string, message: MessagePartsFragment): void {
  cache.updateQuery({ query: HISTORY, variables: { in: { userId } } }, (shown) => {
    return shown && { messages: { ...shown.messages, nodes: [message] } };
  });
}

/** What a frontend on Apollo keeps running for the signed-in person. */
export class Frontend {
  readonly client: ReturnType<typeof apolloClient>;
  readonly arrived = new Log<MessagePartsFragment>();
  private readonly subscriptions: Subscription[] = [];

  constructor(readonly me: Person) {
    this.client = apolloClient(endpoint, me);
  }

  /** Loads the sidebar and follows what happens after it. */
  async start(): Promise<void> {
    const { data } = await this.client.query({ query: SIDEBAR });
    const variables = { after: data!.streamCursor };
    const live = this.client.subscribe({ query: LIVE, variables }).subscribe(({ data }) => {
      const { conversation, ...message } = data!.newMessage.message;
      const other = conversation.members.find(({ user }) => user.id !== this.me.id)!;
      show(this.client.cache, other.user.id, message);
      this.arrived.add(message);
    });
    const presence = this.client.subscribe({ query: PRESENCE }).subscribe(() => {});
    this.subscriptions.push(live, presence);
  }

  /** Shows the history with someone: every state of the list, with the way to page back. */
  open(userId: string) {
    const query = this.client.watchQuery({ query: HISTORY, variables: { in: { userId } } });
    const lists = new Log<string[]>();
    this.subscriptions.push(
      query.subscribe(({ data, dataState }) => {
        if (dataState === 'complete') lists.add(data.messages.nodes.map(({ body }) => body));
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
  send(userId: string, body: string) {
    const clientMessageId = randomUUID();
    return this.client.mutate({
      mutation: SEND,
      variables: { input: { to: { userId }, body, clientMessageId } },
      optimisticResponse: {
        sendMessage: {
          __typename: 'Message',
          id: clientMessageId,
          clientMessageId,
          seq: Number.MAX_SAFE_INTEGER,
          body: `${body} …`,
          sentAt: new Date().toISOString(),
          sender: { __typename: 'User', id: this.me.id, displayName: this.me.username },
        },
      },
      update: (cache, { data }) => data && show(cache, userId, data.sendMessage),
    });
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
