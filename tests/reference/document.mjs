// Writes random documents that are valid, or nearly always so, with variables for one of their operations.

import {
  GraphQLNonNull,
  getNamedType,
  getNullableType,
  isAbstractType,
  isEnumType,
  isInputObjectType,
  isIntrospectionType,
  isLeafType,
  isListType,
  isNonNullType,
  isRequiredArgument,
  isRequiredInputField,
  SchemaMetaFieldDef,
  TypeMetaFieldDef,
} from "graphql";

import { HARMLESS_MUTATIONS, isAskedFor } from "./decisions.mjs";

/** Levels of fields and fragments inside each other. */
const DEPTH = 6;
/** Fields in a document before only leaves are added. */
const FIELDS = 40;
const TEXTS = [
  "",
  "a",
  "hey",
  'say "hi"',
  "back\\slash",
  "two\nlines",
  "\ttab",
  "  spaces ",
  "déjà vu",
  "日本",
  "😀",
  '"""',
  "# {",
  "a/b\r\nc",
];

/**
 * @param samples lists by what they hold: `user`, `conversation` and `message` ids, and `cursor`s
 * @returns {{query: string, operationName?: string, variables: object}}
 */
export function randomRequest(schema, random, samples) {
  return new Writer(schema, random, samples).request();
}

class Writer {
  /** By name: `type`, `initial` (the text of its default, if any), `json` (undefined when it is not sent). */
  #variables = new Map();
  /** By name: `type`, `text`. Those that are being written are not there yet, so that none spreads itself. */
  #fragments = new Map();
  /** Fields with arguments, as they were written, by `Type.field`; the same again are merged. */
  #calls = new Map();
  #names = 0;
  #left = FIELDS;

  constructor(schema, random, samples) {
    this.schema = schema;
    this.random = random;
    this.samples = samples;
  }

  request() {
    const { random } = this;
    const count = random.chance(0.85) ? 1 : 2 + random.below(2);
    const operations = Array.from({ length: count }, (_, index) =>
      this.#operation(count > 1 || random.chance(0.5) ? `Q${index}` : ""),
    );
    const fragments = [...this.#fragments].map(([name, { type, text }]) => `fragment ${name} on ${type}${text}`);
    const texts = operations.map((operation) => operation.text);
    const query = (random.chance(0.5) ? [...texts, ...fragments] : [...fragments, ...texts]).join("\n");
    const variables = {};
    for (const [name, { json }] of this.#variables) {
      if (json !== undefined) variables[name] = json;
    }
    if (random.chance(0.1)) variables.nobodyAsks = { for: [1, "this"] };
    const chosen = random.pick(operations).name;
    return { query, operationName: count > 1 || (chosen && random.chance(0.5)) ? chosen : undefined, variables };
  }

  #operation(name) {
    const { random, schema } = this;
    const kind = random.pick(["query", "query", "query", "query", "mutation", "subscription"]);
    const text = this.#selection(schema.getRootType(kind), DEPTH, kind);
    const used = [...this.#used(text)].map((variable) => {
      const { type, initial } = this.#variables.get(variable);
      return `$${variable}: ${type}${initial === undefined ? "" : ` = ${initial}`}`;
    });
    const short = kind === "query" && !name && used.length === 0 && random.chance(0.5);
    return { name, text: short ? text : `${kind} ${name}${used.length ? `(${used.join(", ")})` : ""}${text}` };
  }

  /** The variables in a text and in the fragments that it spreads. */
  #used(text, found = new Set()) {
    for (const [, name] of text.matchAll(/\$(\w+)/g)) {
      if (this.#variables.has(name)) found.add(name);
    }
    for (const [, name] of text.matchAll(/\.\.\.(\w+)/g)) {
      if (this.#fragments.has(name)) this.#used(this.#fragments.get(name).text, found);
    }
    return found;
  }

  /** `root` is the kind of operation whose selection this is. */
  #selection(type, depth, root) {
    const { random } = this;
    if (root === "subscription") return ` { ${this.#field(type, depth, root)} }`;
    const count = 1 + random.below(depth === DEPTH ? 5 : 4);
    const parts = Array.from({ length: count }, () => {
      const roll = random.below(100);
      if (roll < 8) return `${random.chance(0.3) ? "kind_of: " : ""}__typename${this.#directives()}`;
      if (roll < 18 && depth > 0) return this.#inlineFragment(type, depth, root);
      if (roll < 28 && depth > 0) return this.#spread(type, depth, root);
      return this.#field(type, depth, root);
    });
    return ` { ${parts.join(" ")} }`;
  }

  #inlineFragment(type, depth, root) {
    const on = this.random.chance(0.3) ? undefined : this.#condition(type);
    return `...${on ? ` on ${on}` : ""}${this.#directives()}${this.#selection(on ?? type, depth - 1, root)}`;
  }

  #spread(type, depth, root) {
    const { random } = this;
    const fitting = [...this.#fragments]
      .filter(([, fragment]) => this.#overlap(fragment.type, type))
      .map(([name]) => name);
    let name = random.pick(fitting);
    if (!name || random.chance(0.5)) {
      const on = this.#condition(type);
      const text = this.#selection(on, depth - 1, root);
      // Names may be those of keywords and types.
      name = random.pick(["F", "User", "query", "fragment", "type", "_"]) + this.#names++;
      this.#fragments.set(name, { type: on, text });
    }
    return `...${name}${this.#directives()}`;
  }

  /** A type that a fragment in a place of this type may be on. */
  #condition(type) {
    const composite = Object.values(this.schema.getTypeMap()).filter(
      (other) => other !== type && (isAbstractType(other) || isAbstractType(type)),
    );
    const fitting = composite.filter((other) => this.#overlap(other, type));
    return fitting.length && this.random.chance(0.7) ? this.random.pick(fitting) : type;
  }

  #overlap(one, other) {
    if (one === other) return true;
    const possible = (type) => (isAbstractType(type) ? this.schema.getPossibleTypes(type) : [type]);
    return possible(one).some((type) => possible(other).includes(type));
  }

  #field(type, depth, root) {
    const { random } = this;
    const deeper = depth > 0 && (this.#left-- > 0 || root);
    const all = Object.values(type.getFields?.() ?? {});
    if (root === "query" && random.chance(0.05)) all.push(random.pick([SchemaMetaFieldDef, TypeMetaFieldDef]));
    const fields = all.filter(
      (field) =>
        (deeper || isLeafType(getNamedType(field.type))) &&
        isAskedFor(type, field) &&
        (root !== "mutation" || HARMLESS_MUTATIONS.includes(field.name)),
    );
    const field = random.pick(fields);
    if (!field) return "__typename";
    const named = getNamedType(field.type);
    const below = isLeafType(named)
      ? ""
      : this.#selection(named, isIntrospectionType(named) ? Math.min(depth - 1, 3) : depth - 1);
    return this.#call(type, field) + this.#directives(root) + below;
  }

  /** A field with its alias and arguments. */
  #call(type, field) {
    const { random } = this;
    if (field.args.length === 0) return (random.chance(0.15) ? `my_${field.name}: ` : "") + field.name;
    const place = `${type}.${field.name}`;
    if (!this.#calls.has(place)) this.#calls.set(place, []);
    const calls = this.#calls.get(place);
    if (calls.length && random.chance(0.3)) return random.pick(calls);
    const bare = calls.every((call) => call.startsWith("as")) && random.chance(0.5);
    const given = field.args.filter((argument) => isRequiredArgument(argument) || random.chance(0.3));
    const texts = given.map(({ name, type, defaultValue }) => {
      return `${name}: ${this.#literal(type, [field.name, name], { initial: defaultValue })}`;
    });
    const call = `${bare ? "" : `as${this.#names++}: `}${field.name}${texts.length ? `(${texts.join(", ")})` : ""}`;
    calls.push(call);
    return call;
  }

  /** Those of a subscription's root field are left out. */
  #directives(root) {
    if (root === "subscription" || !this.random.chance(0.12)) return "";
    const condition = () => this.#literal(new GraphQLNonNull(this.schema.getType("Boolean")), ["", "if"], {});
    const both = [` @skip(if: ${condition()})`, ` @include(if: ${condition()})`];
    return this.random.chance(0.2) ? both.join("") : this.random.pick(both);
  }

  /**
   * The text of a value.
   * @param place what it is for: the name of the field or input object, and its own
   * @param initial the default of the place; undefined when it has none
   * @param sole whether a variable here must not be nullable, as in @oneOf
   */
  #literal(type, place, { initial, sole, constant }) {
    const { random } = this;
    if (!constant && random.chance(0.3)) return `$${this.#variable(type, place, initial, sole)}`;
    if (isNonNullType(type)) return this.#literal(type.ofType, place, { constant, sole: true });
    if (!sole && random.chance(0.05)) return "null";
    if (isListType(type)) {
      if (random.chance(0.15)) return this.#literal(type.ofType, place, { constant: true });
      const items = Array.from({ length: random.below(3) }, () => this.#literal(type.ofType, place, { constant }));
      return `[${items.join(random.pick([", ", " "]))}]`;
    }
    if (isInputObjectType(type)) {
      const fields = this.#inputFields(type).map((field) => {
        const options = { initial: field.defaultValue, sole: type.isOneOf, constant };
        return `${field.name}: ${this.#literal(field.type, [type.name, field.name], options)}`;
      });
      return `{${fields.join(", ")}}`;
    }
    const value = this.#leaf(type, place);
    return isEnumType(type) ? value : JSON.stringify(value);
  }

  #json(type, place, sole) {
    const { random } = this;
    if (isNonNullType(type)) return this.#json(type.ofType, place, true);
    if (!sole && random.chance(0.1)) return null;
    if (isListType(type)) {
      if (random.chance(0.15)) return this.#json(type.ofType, place, true);
      return Array.from({ length: random.below(3) }, () => this.#json(type.ofType, place));
    }
    if (isInputObjectType(type)) {
      const fields = this.#inputFields(type).map((field) => [
        field.name,
        this.#json(field.type, [type.name, field.name], type.isOneOf),
      ]);
      return Object.fromEntries(fields);
    }
    return this.#leaf(type, place);
  }

  #inputFields(type) {
    const fields = Object.values(type.getFields());
    if (type.isOneOf) return [this.random.pick(fields)];
    return fields.filter((field) => isRequiredInputField(field) || this.random.chance(0.3));
  }

  /** The name of a variable that fits a place, an old one or a new one. */
  #variable(wanted, place, initial, sole) {
    const { random } = this;
    const nullable = getNullableType(wanted);
    const strict = isNonNullType(wanted) || sole;
    const known = [...this.#variables].filter(
      ([, { type, of }]) =>
        of === place.join(".") && (isNonNullType(type) || (!strict && getNullableType(type) === nullable)),
    );
    if (known.length && random.chance(0.3)) return random.pick(known)[0];
    const name = random.pick(["v", "on", "null", "V"]) + this.#names++;
    // Where the place is not nullable a nullable variable will do if there is a default on either side.
    const loose = !sole && (!strict || random.chance(0.3));
    const type = loose && random.chance(0.8) ? nullable : new GraphQLNonNull(nullable);
    const needed = !isNonNullType(type) && strict && initial === undefined;
    const withDefault = needed || random.chance(0.2);
    const text = withDefault ? this.#literal(type, place, { constant: true, sole: needed }) : undefined;
    const left = (withDefault || !isNonNullType(type)) && random.chance(0.3);
    this.#variables.set(name, {
      type,
      of: place.join("."),
      initial: text,
      json: left ? undefined : this.#json(type, place),
    });
    return name;
  }

  /** A scalar or the name of an enum's value. */
  #leaf(type, place) {
    const { random } = this;
    if (isEnumType(type)) return random.pick(type.getValues()).name;
    switch (type.name) {
      case "Boolean":
        return random.chance(0.5);
      case "Int":
        return random.chance(0.8) ? 1 + random.below(100) : random.pick([0, -1, 101, 2 ** 31 - 1, -(2 ** 31)]);
      case "Float":
        return random.pick([0, 1, -1.5, 1e21, 0.25]);
      case "ID":
        return this.#id(place);
      default:
        return this.#text(place);
    }
  }

  #id([where, name]) {
    const { random, samples } = this;
    if (name === "clientMessageId") return `mine-${random.below(2 ** 31)}`;
    if (random.chance(0.05)) return random.pick([7, "7", "nobody"]);
    const kinds = Object.keys(samples);
    const [kind] = [name, where].flatMap((text) => kinds.filter((kind) => text.toLowerCase().includes(kind)));
    return random.pick(samples[name.startsWith("reply") ? "message" : (kind ?? random.pick(kinds))]);
  }

  #text([where, name]) {
    const { random, samples, schema } = this;
    if (where === "__type") return random.pick([...Object.keys(schema.getTypeMap()), "Nope"]);
    if (["after", "before"].includes(name)) return random.chance(0.8) ? random.pick(samples.cursor) : "nowhere";
    if (name === "body" && random.chance(0.9)) return `said ${random.pick(TEXTS)}${random.pick(TEXTS)}.`;
    return random.pick(TEXTS);
  }
}
