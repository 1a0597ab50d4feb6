// graphql-js itself in the server's place, over made-up data.

import { executeSync, GraphQLError, isEnumType, isListType, isNonNullType, isScalarType } from "graphql";

import { Random } from "./random.mjs";
import { verdict } from "./verdict.mjs";

const CODES = {
  syntax: "GRAPHQL_PARSE_FAILED",
  invalid: "GRAPHQL_VALIDATION_FAILED",
  operation: "OPERATION_RESOLUTION_FAILURE",
  variables: "BAD_USER_INPUT",
};

/** @param spoil changes an answer before it is given */
export function stub(schema, spoil = (answer) => answer) {
  const random = new Random(1);
  return async (request) => {
    const { verdict: kind, document, operation } = verdict(schema, request);
    const code = kind === "valid" && operation.operation === "subscription" ? "BAD_REQUEST" : CODES[kind];
    if (code) return spoil({ errors: [{ message: kind, extensions: { code } }] });
    const answer = executeSync({
      schema,
      document,
      operationName: request.operationName,
      variableValues: request.variables,
      rootValue: {},
      fieldResolver(source, args, _, { fieldName, returnType }) {
        if (source[fieldName] !== undefined) return source[fieldName];
        if (random.chance(0.02)) throw new GraphQLError("made up");
        const value = made(returnType, random);
        if (fieldName === "sendMessage") value.body = args.input.body;
        return value;
      },
      typeResolver: (value, _, info, type) => random.pick(schema.getPossibleTypes(type)).name,
    });
    return spoil(JSON.parse(JSON.stringify(answer)));
  };
}

function made(type, random) {
  if (isNonNullType(type)) return made(type.ofType, random) ?? made(type, random);
  if (random.chance(0.1)) return null;
  if (isListType(type)) return Array.from({ length: random.below(3) }, () => made(type.ofType, random));
  if (isEnumType(type)) return random.pick(type.getValues()).value;
  if (!isScalarType(type)) return {};
  return { Int: 7, Float: 1.5, Boolean: true }[type.name] ?? "text";
}
