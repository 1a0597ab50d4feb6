// Whether an answer has the shape that graphql-js would give it: the same keys in the same order, values of the
// schema's types, null where the schema and the errors have it.

import { executeSync, GraphQLError, getNullableType, isAbstractType, isListType, isNonNullType, Kind } from "graphql";
import { collectFields, collectSubfields } from "graphql/execution/collectFields.js";

/** What is wrong with the data and the errors of an answer to a valid request; undefined when all is well. */
export function misfit(schema, { request, document, operation, coerced }, { data, errors = [] }) {
  const known = new Set();
  const expected = replayed(schema, document, request, data, known);
  const [one, other] = [expected.data, data].map((data) => JSON.stringify(inAnyOrder(data, known)));
  if (one !== other)
    return `the data have another shape\n${other}\ngraphql-js makes of them\n${one}\n${expected.errors ?? ""}`;
  const paths = errors.map((error) => JSON.stringify(error.path));
  // Where nothing is left, each field that may not be null complains once more.
  const silent = data && expected.errors?.find((error) => !paths.includes(JSON.stringify(error.path)));
  if (silent) return `there is no error for: ${silent.message} (at ${silent.path})`;
  return misplaced(typesAlong(schema, document, operation, coerced), data, errors);
}

/** Runs the request over data that another engine made, each value found by its key. */
function replayed(schema, document, request, data, known) {
  // What was sent, by the message that it became.
  const sent = new WeakMap();
  return executeSync({
    schema,
    document,
    rootValue: data ?? {},
    operationName: request.operationName,
    variableValues: request.variables,
    fieldResolver(source, { input }, _, { path, fieldName, parentType }) {
      const value = source[path.key];
      if (!path.prev) known.add(path.key);
      if (fieldName === "sendMessage" && value) sent.set(value, input.body);
      if (`${parentType}.${fieldName}` === "Message.body" && sent.has(source) && sent.get(source) !== value) {
        throw new GraphQLError(`${JSON.stringify(sent.get(source))} was sent`);
      }
      return value;
    },
    typeResolver(value, _, { fragments, variableValues, fieldNodes }, abstract) {
      const fits = (type) => {
        const fields = [...collectSubfields(schema, fragments, variableValues, type, fieldNodes)];
        const named = fields.filter(([, [node]]) => node.name.value === "__typename");
        return (
          fields.map(([key]) => key).join() === Object.keys(value).join() &&
          named.every(([key]) => value[key] === type.name)
        );
      };
      return schema.getPossibleTypes(abstract).find(fits)?.name;
    },
  });
}

/** Lists of introspection, which graphql-js answers from the schema itself, may be in any order. */
function inAnyOrder(data, known) {
  const sorted = (value) => {
    if (Array.isArray(value))
      return value.map(sorted).sort((one, other) => (JSON.stringify(one) < JSON.stringify(other) ? -1 : 1));
    return value && typeof value === "object"
      ? Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, sorted(inner)]))
      : value;
  };
  return (
    data &&
    Object.fromEntries(Object.entries(data).map(([key, value]) => [key, known.has(key) ? value : sorted(value)]))
  );
}

/** Each error belongs to a null at its path's nearest nullable place, or further up where another error put it. */
function misplaced(typesAlong, data, errors) {
  const places = errors.map(({ path }) => {
    const types = typesAlong(path);
    let value = data;
    let found = 0;
    while (value !== null && found < path.length) value = value?.[path[found++]] ?? null;
    const nullable = types && types.findLastIndex((type) => !isNonNullType(type)) + 1;
    return {
      path,
      found: value === null ? path.slice(0, found) : undefined,
      expected: types && path.slice(0, nullable),
    };
  });
  for (const { path, found, expected } of places) {
    if (!found) return `there are data where an error is\n${path.join(".")}`;
    if (!expected) continue;
    const explained = places.some((place) => !place.expected || place.expected.join() === found.join());
    const [at, there, meant] = [path, found, expected].map((place) => place.join(".") || "the top");
    if (!explained)
      return `an error leaves null in the wrong place\nthat at ${at} leaves it at ${there}, not at ${meant}`;
  }
}

/** Gives the types of all places from the top to a path; undefined where an abstract type hides them. */
function typesAlong(schema, document, operation, coerced) {
  const fragments = Object.fromEntries(
    document.definitions
      .filter(({ kind }) => kind === Kind.FRAGMENT_DEFINITION)
      .map((fragment) => [fragment.name.value, fragment]),
  );
  const root = schema.getRootType(operation.operation);
  return (path) => {
    let type = root;
    let nodes;
    const types = [];
    for (const key of path) {
      const nullable = getNullableType(type);
      if (isAbstractType(nullable)) return undefined;
      if (isListType(nullable)) {
        type = nullable.ofType;
      } else {
        let fields;
        try {
          fields = nodes
            ? collectSubfields(schema, fragments, coerced, nullable, nodes)
            : collectFields(schema, fragments, coerced, root, operation.selectionSet);
        } catch {
          // A condition is null (see decisions.mjs).
          return undefined;
        }
        nodes = fields.get(key);
        type = nullable.getFields()[nodes?.[0].name.value]?.type;
        if (!type) return undefined;
      }
      types.push(type);
    }
    return types;
  };
}
