// Where the server and graphql-js 16 part on purpose, or where answers are the engine's own; each with its reason.

import { getNamedType, isIntrospectionType, isLeafType, Kind, TypeInfo, visit, visitWithTypeInfo } from "graphql";

/** All that is run of the mutations: others would end the sessions that the test stands on, or hash passwords. */
export const HARMLESS_MUTATIONS = ["setTyping", "markRead", "sendMessage"];

/** Whether the generator writes a field of a type. */
export function isAskedFor(type, field) {
  if (!isIntrospectionType(type)) return true;
  // Descriptions of the built-in types and directives are in each engine's own words.
  if (field.name === "description") return false;
  // Lists inside lists of types are refused by a limit, and September 2025 has other types for built-in arguments.
  return isLeafType(getNamedType(field.type)) || type.name === "__Schema" || field.name === "ofType";
}

/**
 * Each `holds` for a request where the difference is meant: what graphql-js has for it (see `verdict`), and the kind of
 * answer that it `got`.
 */
export const DECISIONS = [
  {
    because: "limits of size come before the rest, and a random document may be over one",
    holds: ({ got }) => got === "limit",
  },
  {
    because: "an empty operationName, which some clients send, is none",
    holds: ({ verdict, request }) => verdict === "operation" && request.operationName === "",
  },
  {
    because: "September 2025 has descriptions on operations, fragments and variables, which graphql-js 16 cannot parse",
    holds: ({ verdict, why, got }) =>
      verdict === "syntax" && got !== "syntax" && /Unexpected description|(Unexpected|found) (Block)?String/i.test(why),
  },
  {
    because: "@skip and @include at the root of a subscription are invalid since September 2025",
    holds: ({ verdict, got, document }) => verdict === "valid" && got === "invalid" && hasConditionalRoot(document),
  },
  {
    because: "the validator takes two lists for the same argument of merged fields where one begins as the other",
    holds: ({ verdict, why, got, request }) =>
      verdict === "invalid" && got === "valid" && why.includes("differing arguments") && request.query.includes("["),
  },
  {
    because: "includeDeprecated may not be null since September 2025",
    holds: ({ verdict, request }) => verdict === "valid" && request.query.includes("includeDeprecated"),
  },
  {
    because: "graphql-js 16 overlooks nullable variables in a @oneOf object where the object may not be null",
    holds: ({ verdict, got, ...rest }) => verdict === "valid" && got === "invalid" && hasNullableChoice(rest),
  },
  {
    because: "with a default, a nullable variable may stand in a @oneOf object since September 2025",
    holds: ({ verdict, why, got }) =>
      verdict === "invalid" && got !== "syntax" && why.includes("must be non-nullable to be used for OneOf"),
  },
  {
    because: "a block string and a string that say the same are the same argument where fields are merged",
    holds: ({ verdict, why, request }) =>
      verdict === "invalid" && why.includes("differing arguments") && request.query.includes('"""'),
  },
  {
    because: "the specification leaves open what happens when the condition of @skip or @include is null",
    holds: ({ verdict, document, coerced }) =>
      verdict === "valid" && conditions(document).some((name) => coerced[name] == null),
  },
];

/** The variables that @skip and @include depend on. */
function conditions(document) {
  const names = [];
  visit(document, {
    Directive: (directive) =>
      void names.push(
        ...directive.arguments.filter(({ value }) => value.kind === Kind.VARIABLE).map(({ value }) => value.name.value),
      ),
  });
  return names;
}

function hasConditionalRoot(document) {
  const fragments = new Map(
    document.definitions
      .filter(({ kind }) => kind === Kind.FRAGMENT_DEFINITION)
      .map((fragment) => [fragment.name.value, fragment]),
  );
  const conditional = ({ selections }) =>
    selections.some(
      (node) =>
        node.directives.length > 0 ||
        (node.kind !== Kind.FIELD && conditional((fragments.get(node.name?.value) ?? node).selectionSet)),
    );
  return document.definitions.some((node) => node.operation === "subscription" && conditional(node.selectionSet));
}

function hasNullableChoice({ schema, document }) {
  const types = new TypeInfo(schema);
  const nullable = new Set();
  const chosen = new Set();
  visit(
    document,
    visitWithTypeInfo(types, {
      VariableDefinition: (node) =>
        void (node.type.kind !== Kind.NON_NULL_TYPE && nullable.add(node.variable.name.value)),
      Variable: (node) => void (getNamedType(types.getParentInputType())?.isOneOf && chosen.add(node.name.value)),
    }),
  );
  return [...chosen].some((name) => nullable.has(name));
}
