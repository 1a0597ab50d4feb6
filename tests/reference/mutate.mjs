// Breaks requests, each in one way. What comes out may still be valid; graphql-js has the last word.

import { Kind, parse, parseType, parseValue, print, specifiedScalarTypes, visit } from "graphql";

import { joined, tokens } from "./text.mjs";

const VALUES = `1 -1 1.5 1e3 -0 2147483647 2147483648 -2147483649 99999999999999999999 "text" """block""" true null OWNER
  [] [1] ["a",null] [[]] {} {a:1} {userId:"a"} {userId:"a",conversationId:"b"} {userId:null} {conversationId:1} $nope`;
const JSON_VALUES = `1 -1 1.5 2147483648 "text" "1" "" true null [] [1] ["a",null] [[]] {} {"a":1} {"userId":"a"}
  {"userId":"a","conversationId":"b"} {"userId":null} {"userId":"a","conversationId":null}`;
const TOKENS = `{ } ( ) [ ] : = ! | & ... @ $ on true null fragment query name __typename 0 1.5 "text" "" ? . .. " """ ' \\ %
  01 1. 1e - \u0000 \u0007 é "\\q" "\\u12" "\\uD83D" "\\u{110000}" "\\u{}" ;`;
const DIRECTIVES = `@nope | @skip | @include(if: 1) | @skip(if: null) | @skip(unless: true) | @skip(if: true) @skip(if: false)
  | @skip(if: true, if: true) | @deprecated(reason: "old") | @oneOf | @specifiedBy(url: "a") | @include(if: $nope)
  | @skip(if: false)`;
const [values, jsonValues, badTokens] = [VALUES, JSON_VALUES, TOKENS].map((list) => list.split(/\s+/));

const name = (value) => ({ kind: Kind.NAME, value });
const named = (value) => ({ kind: Kind.NAMED_TYPE, name: name(value) });
const field = (value, more) => ({ kind: Kind.FIELD, name: name(value), ...more });
const selectionSet = (...selections) => ({ kind: Kind.SELECTION_SET, selections });
const directives = (text) => parse(`{ a ${text} }`).definitions[0].selectionSet.selections[0].directives;
const copy = (node) => structuredClone(node);

/** Each changes a document, and gives whether there was something to be changed so. */
const CHANGES = {
  unknownField: ({ one }) => rename(one(Kind.FIELD), "nope"),
  otherField: ({ one, field }) => rename(one(Kind.FIELD), field()),
  unknownArgument: ({ one, value }) =>
    add(one(Kind.FIELD, Kind.DIRECTIVE), "arguments", { kind: Kind.ARGUMENT, name: name("nope"), value: value() }),
  renamedArgument: ({ one, random }) =>
    rename(
      one(Kind.ARGUMENT, Kind.OBJECT_FIELD),
      random.pick(["nope", "first", "last", "in", "userId", "conversationId", "if"]),
    ),
  otherValue: ({ one, value }) => put(one(Kind.ARGUMENT, Kind.OBJECT_FIELD), "value", value()),
  otherItem: ({ one, value }) => add(one(Kind.LIST), "values", value()),
  otherDefault: ({ one, value }) => put(one(Kind.VARIABLE_DEFINITION), "defaultValue", value()),
  noArgument: ({ one }) => drop(one(Kind.FIELD, Kind.DIRECTIVE), "arguments"),
  noInputField: ({ one }) => drop(one(Kind.OBJECT), "fields"),
  argumentTwice: ({ one }) => repeat(one(Kind.FIELD, Kind.DIRECTIVE), "arguments"),
  inputFieldTwice: ({ one }) => repeat(one(Kind.OBJECT), "fields"),
  variableTwice: ({ one }) => repeat(one(Kind.OPERATION_DEFINITION), "variableDefinitions"),
  definitionTwice: ({ document }) => repeat(document, "definitions"),
  noDefinition: ({ document }) => drop(document, "definitions"),
  noVariable: ({ one }) => drop(one(Kind.OPERATION_DEFINITION), "variableDefinitions"),
  unusedVariable: ({ one, type }) =>
    add(one(Kind.OPERATION_DEFINITION), "variableDefinitions", {
      kind: Kind.VARIABLE_DEFINITION,
      variable: { kind: Kind.VARIABLE, name: name("unused") },
      type: type(),
    }),
  variableType: ({ one, type }) => put(one(Kind.VARIABLE_DEFINITION), "type", type()),
  nullableVariable: ({ all, random }) => {
    const strict = random.pick(all(Kind.VARIABLE_DEFINITION).filter(({ type }) => type.kind === Kind.NON_NULL_TYPE));
    return put(strict, "type", strict?.type.type);
  },
  otherVariable: ({ one, random }) => rename(one(Kind.VARIABLE), random.pick(["nope", "v0", "on1"])),
  unusedFragment: ({ document, fragment }) => add(document, "definitions", fragment("Unused")),
  unknownFragment: ({ one }) => spread(one(Kind.SELECTION_SET), { name: name("Nope") }),
  cyclicFragment: ({ one }) => spread(one(Kind.FRAGMENT_DEFINITION)?.selectionSet, one(Kind.FRAGMENT_DEFINITION)),
  otherSpread: ({ one }) => spread(one(Kind.SELECTION_SET), one(Kind.FRAGMENT_DEFINITION)),
  condition: ({ one, typeName }) =>
    put(one(Kind.FRAGMENT_DEFINITION, Kind.INLINE_FRAGMENT), "typeCondition", named(typeName())),
  leafWithSelection: ({ random, all }) =>
    put(random.pick(all(Kind.FIELD).filter((node) => !node.selectionSet)), "selectionSet", selectionSet(field("id"))),
  objectWithout: ({ random, all }) =>
    put(random.pick(all(Kind.FIELD).filter((node) => node.selectionSet)), "selectionSet", undefined),
  swappedSelections: ({ one }) => {
    const [first, second] = [one(Kind.SELECTION_SET), one(Kind.SELECTION_SET)];
    [first.selections, second.selections] = [second.selections, first.selections];
    return finite(first) && finite(second);
  },
  sameAlias: ({ one, random }) => {
    const fields = one(Kind.SELECTION_SET).selections.filter((node) => node.kind === Kind.FIELD);
    for (const node of fields) node.alias = name(random.pick(["same", node.name.value]));
    return fields.length > 1;
  },
  mergedArguments: ({ one, value }) => {
    const set = one(Kind.SELECTION_SET);
    const again = copy(set.selections.find((node) => node.arguments?.length));
    return put(again?.arguments[0], "value", value()) && add(set, "selections", again);
  },
  fieldTwice: ({ one }) => repeat(one(Kind.SELECTION_SET), "selections"),
  typenameWith: ({ one, random }) => {
    const more = random.pick([
      { arguments: [{ kind: Kind.ARGUMENT, name: name("a"), value: parseValue("1") }] },
      { directives: directives("@nope") },
      { selectionSet: selectionSet(field("id")) },
      { directives: directives("@skip(if: true)") },
      {},
    ]);
    return add(one(Kind.SELECTION_SET), "selections", field("__typename", more));
  },
  directive: ({ one, random }) => {
    const node = one(
      Kind.FIELD,
      Kind.INLINE_FRAGMENT,
      Kind.FRAGMENT_SPREAD,
      Kind.FRAGMENT_DEFINITION,
      Kind.OPERATION_DEFINITION,
      Kind.VARIABLE_DEFINITION,
    );
    const more = directives(random.pick(DIRECTIVES.split(/\s+\|\s+/)));
    return put(node, "directives", [...(node.directives ?? []), ...more]);
  },
  otherKind: ({ one, random }) =>
    put(one(Kind.OPERATION_DEFINITION), "operation", random.pick(["query", "mutation", "subscription"])),
  noName: ({ one }) => put(one(Kind.OPERATION_DEFINITION), "name", undefined),
  typeDefinition: ({ document }) => add(document, "definitions", parse("type Nope { a: Int }").definitions[0]),
  secondRoot: ({ one, field: other }) =>
    add(one(Kind.OPERATION_DEFINITION)?.selectionSet, "selections", field(other())),
};

const TOKEN_CHANGES = {
  tokenDropped: (texts, at) => texts.splice(at, 1),
  tokenDoubled: (texts, at) => texts.splice(at, 0, texts[at]),
  tokensSwapped: (texts, at) => texts.splice(at, 2, ...texts.slice(at, at + 2).reverse()),
  tokenReplaced: (texts, at, random) => texts.splice(at, 1, random.pick(badTokens)),
  tokenAdded: (texts, at, random) => texts.splice(at, 0, random.pick(badTokens)),
  cut: (texts, at) => texts.splice(at),
};

const rename = (node, value) => put(node?.variable ?? node, "name", name(value));
const add = (node, list, item) => put(node, list, [...(node?.[list] ?? []), item]);
const spread = (set, fragment) =>
  fragment !== undefined && add(set, "selections", { kind: Kind.FRAGMENT_SPREAD, name: fragment.name });
const drop = (node, list) => node?.[list]?.length > 0 && put(node, list, node[list].slice(1));
const repeat = (node, list) => node?.[list]?.length > 0 && put(node, list, [...node[list], copy(node[list][0])]);

function put(node, key, value) {
  if (node) node[key] = value;
  return node !== undefined;
}

/** Whether a tree has an end: one selection that was put inside itself has none. */
function finite(node) {
  try {
    JSON.stringify(node);
    return true;
  } catch {
    return false;
  }
}

/** The request with one thing changed. */
export function mutated(schema, random, request) {
  const roll = random.below(10);
  if (roll < 2) return spoiled(random, request);
  if (roll < 4) {
    const texts = tokens(request.query);
    random.pick(Object.values(TOKEN_CHANGES))(texts, random.below(texts.length), random);
    return { ...request, query: joined(texts) };
  }
  for (;;) {
    const document = parse(request.query, { noLocation: true });
    const change = random.pick(Object.values(CHANGES));
    if (change(means(schema, random, document))) return { ...request, query: print(document) };
  }
}

/** What changes are made with. */
function means(schema, random, document) {
  const all = (...kinds) => {
    const found = [];
    visit(document, { enter: (node) => void (kinds.includes(node.kind) && found.push(node)) });
    return found;
  };
  const typeName = () => random.pick([...Object.keys(schema.getTypeMap()), "Nope"]);
  const wrapped = (type) => random.pick([type, `${type}!`, `[${type}]`, `[${type}!]!`]);
  const composite = Object.values(schema.getTypeMap()).filter((type) => type.getFields);
  return {
    document,
    random,
    all,
    one: (...kinds) => random.pick(all(...kinds)),
    value: () => parseValue(random.pick(values), { noLocation: true }),
    typeName,
    type: () => parseType(wrapped(random.chance(0.5) ? random.pick(specifiedScalarTypes).name : typeName())),
    field: () => random.pick(Object.keys(random.pick(composite).getFields())),
    fragment: (text) => parse(`fragment ${text} on ${typeName()} { __typename }`, { noLocation: true }).definitions[0],
  };
}

/** The request with other variables, or another operation's name. */
function spoiled(random, request) {
  const names = Object.keys(request.variables);
  if (names.length === 0 || random.chance(0.1)) {
    return { ...request, operationName: random.pick(["Nope", "", undefined]) };
  }
  const variables = structuredClone(request.variables);
  const chosen = random.pick(names);
  if (random.chance(0.2)) delete variables[chosen];
  else variables[chosen] = spoiledValue(random, variables[chosen]);
  return { ...request, variables };
}

function spoiledValue(random, value) {
  const keys = value && typeof value === "object" ? Object.keys(value) : [];
  if (keys.length === 0 || random.chance(0.4)) return JSON.parse(random.pick(jsonValues));
  const key = random.pick([...keys, Array.isArray(value) ? keys.length : "nope"]);
  if (random.chance(0.2)) delete value[key];
  else value[key] = spoiledValue(random, value[key]);
  return value;
}
