// The schema's rules: all that graphql-eslint has for schemas and for Relay's connections, but for those that are
// off below, each with its reason.
import graphql from '@graphql-eslint/eslint-plugin';

const { configs, parser } = graphql;

export default [
  {
    files: ['schema.graphql'],
    languageOptions: { parser, parserOptions: { graphQLConfig: { schema: 'schema.graphql' } } },
    plugins: { '@graphql-eslint': graphql },
    rules: {
      ...configs['flat/schema-all'].rules,
      ...configs['flat/schema-relay'].rules,

      '@graphql-eslint/description-style': ['error', { style: 'inline' }],
      '@graphql-eslint/relay-arguments': ['error', { includeBoth: false }],
      '@graphql-eslint/strict-id-in-types': [
        'error',
        {
          // Parts of what holds them: there is nothing to keep them by.
          exceptions: {
            suffixes: ['Connection', 'Edge'],
            types: [
              'AuthPayload',
              'ConversationChanged',
              'ConversationLeft',
              'ConversationRead',
              'Member',
              'MessageChanged',
              'NewMessage',
              'OnlineUsersChange',
              'PageInfo',
              'Reaction',
              'Server',
              'TypingEvent',
            ],
          },
        },
      ],
      '@graphql-eslint/relay-edge-types': [
        'error',
        {
          // Ids belong to their types; there is no `node(id)` to ask for whatever has one.
          shouldImplementNode: false,
          // Short lists that come whole: members, reactions, who is online; and `nodes`, for those who need no cursors.
          listTypeCanWrapOnlyEdgeType: false,
        },
      ],

      // It takes `User.username` for a `User.name`.
      '@graphql-eslint/no-typename-prefix': 'off',
      // The export sorts by name, `id` too.
      '@graphql-eslint/alphabetize': 'off',
      // A mutation of one thing takes its id; an input object is for more.
      '@graphql-eslint/input-name': 'off',
      // It would forbid the root types themselves.
      '@graphql-eslint/no-root-type': 'off',
      // `true` is all there is to say of a logout or of typing.
      '@graphql-eslint/no-scalar-result-type-on-mutation': 'off',
      // Mutations return what they changed, which caches keep by id; a payload that leads to all queries adds nothing.
      '@graphql-eslint/require-field-of-type-query-in-mutation-result': 'off',
      // Null means that there is none, and nothing else: what goes wrong is an error. Typed clients need no checks then.
      '@graphql-eslint/require-nullable-result-in-root': 'off',
    },
  },
];
