import { graphql } from '../gql/index.js';
import { data, type Person } from './people.js';

const CREATE = graphql(`
  mutation Create($input: CreateGroupInput!) {
    createGroup(input: $input) {
      id
    }
  }
`);

const RENAME = graphql(`
  mutation Rename($conversationId: ID!, $title: String!) {
    renameGroup(conversationId: $conversationId, title: $title) {
      id
    }
  }
`);

const REMOVE = graphql(`
  mutation Remove($conversationId: ID!, $userId: ID!) {
    removeMember(conversationId: $conversationId, userId: $userId) {
      id
    }
  }
`);

const SAY = graphql(`
  mutation Say($conversationId: ID!, $body: String!) {
    sendMessage(input: { to: { conversationId: $conversationId }, body: $body }) {
      id
    }
  }
`);

const EDIT = graphql(`
  mutation Edit($messageId: ID!, $body: String!) {
    editMessage(messageId: $messageId, body: $body) {
      id
    }
  }
`);

const DELETE = graphql(`
  mutation Delete($messageId: ID!) {
    deleteMessage(messageId: $messageId) {
      id
    }
  }
`);

const REACT = graphql(`
  mutation React($messageId: ID!, $emoji: String!) {
    addReaction(messageId: $messageId, emoji: $emoji) {
      id
    }
  }
`);

const MARK = graphql(`
  mutation Mark($messageId: ID!) {
    markRead(messageId: $messageId) {
      id
    }
  }
`);

/** A group as one of its members acts in it, from elsewhere than the page under test. */
export class Group {
  private constructor(
    readonly id: string,
    private readonly token: string,
  ) {}

  static async of(owner: Person, title: string, ...others: Person[]): Promise<Group> {
    const input = { title, userIds: others.map(({ id }) => id) };
    return new Group((await data(CREATE, { input }, owner.token)).createGroup.id, owner.token);
  }

  as(member: Person): Group {
    return new Group(this.id, member.token);
  }

  async rename(title: string): Promise<void> {
    await data(RENAME, { conversationId: this.id, title }, this.token);
  }

  async remove(member: Person): Promise<void> {
    await data(REMOVE, { conversationId: this.id, userId: member.id }, this.token);
  }

  /** Gives the message's id. */
  async say(body: string): Promise<string> {
    const said = await data(SAY, { conversationId: this.id, body }, this.token);
    return said.sendMessage.id;
  }

  async edit(messageId: string, body: string): Promise<void> {
    await data(EDIT, { messageId, body }, this.token);
  }

  async delete(messageId: string): Promise<void> {
    await data(DELETE, { messageId }, this.token);
  }

  async react(messageId: string, emoji: string): Promise<void> {
    await data(REACT, { messageId, emoji }, this.token);
  }

  async read(messageId: string): Promise<void> {
    await data(MARK, { messageId }, this.token);
  }
}
