// A page with the newest conversations and the messages of one of them, as a frontend on Relay would ask for it.
import { graphql } from 'react-relay';

export const PageQuery = graphql`
  query ConversationPageQuery($id: ID!) {
    streamCursor
    server {
      features
    }
    ...ConversationPage_conversations
    conversation: node(id: $id) {
      __typename
      ...ConversationPage_messages @alias
    }
  }
`;

/** Pages forward. */
export const ConversationsFragment = graphql`
  fragment ConversationPage_conversations on Query
  @refetchable(queryName: "ConversationPageConversationsQuery")
  @argumentDefinitions(count: { type: "Int", defaultValue: 20 }, cursor: { type: "String" }) {
    conversations(first: $count, after: $cursor)
      @connection(key: "ConversationPage_conversations") {
      edges {
        node {
          ...ConversationPage_conversation
        }
      }
    }
  }
`;

export const ConversationFragment = graphql`
  fragment ConversationPage_conversation on Conversation {
    id
    kind
    title
    unreadCount
    lastActivityAt
    members {
      role
      user {
        id
        displayName
      }
      lastRead {
        id
      }
    }
  }
`;

/** Pages back from the newest message. */
export const MessagesFragment = graphql`
  fragment ConversationPage_messages on Conversation
  @refetchable(queryName: "ConversationPageMessagesQuery")
  @argumentDefinitions(count: { type: "Int", defaultValue: 20 }, cursor: { type: "String" }) {
    id
    messages(last: $count, before: $cursor) @connection(key: "ConversationPage_messages") {
      edges {
        node {
          ...ConversationPage_message
        }
      }
    }
  }
`;

export const MessageFragment = graphql`
  fragment ConversationPage_message on Message {
    id
    seq
    body
    sentAt
    editedAt
    deletedAt
    sender {
      displayName
    }
    replyTo {
      id
      body
    }
    reactions {
      emoji
      count
      viewerReacted
    }
  }
`;

export const SendMutation = graphql`
  mutation ConversationPageSendMutation($input: SendMessageInput!, $connections: [ID!]!) {
    sendMessage(input: $input) @appendNode(connections: $connections, edgeTypeName: "MessageEdge") {
      clientMessageId
      ...ConversationPage_message
    }
  }
`;

export const EventsSubscription = graphql`
  subscription ConversationPageEventsSubscription($after: String, $connections: [ID!]!) {
    events(after: $after) {
      __typename
      cursor
      previous
      ... on NewMessage {
        message @appendNode(connections: $connections, edgeTypeName: "MessageEdge") {
          ...ConversationPage_message
          conversation {
            ...ConversationPage_conversation
          }
        }
      }
      ... on MessageChanged {
        message {
          ...ConversationPage_message
        }
      }
      ... on ConversationChanged {
        conversation {
          ...ConversationPage_conversation
        }
      }
      ... on ConversationRead {
        conversation {
          ...ConversationPage_conversation
        }
      }
      ... on ConversationLeft {
        conversationId @deleteRecord
      }
    }
  }
`;
