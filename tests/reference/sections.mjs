/**
 * Requests written by hand, by section of the September 2025 edition: what each `is` ("syntax", "invalid", "variables",
 * "limit" or "valid"), for some also the `data`, or where the `errors` are. `unlikeReference` marks those that graphql-js 16
 * judges otherwise.
 */
export function sections({ user: [ada, bob], conversation: [talk] }) {
  const cases = [];
  const section =
    (name) =>
    (query, is, more = {}) => {
      const { variables, operationName, ...expected } = more;
      cases.push({ section: name, request: { query, variables, operationName }, is, ...expected });
    };
  const me = { me: { id: ada } };
  const unlikeReference = true;

  const ignored = section("2.1 Ignored tokens");
  ignored("{ me { ... on # a comment\n User { id } } }", "valid", { data: me });
  ignored("{ me { ... on\n\nUser { id } } }", "valid", { data: me });
  ignored("{ me { ...,on User { id } } }", "valid", { data: me });
  ignored("{ me { ..., { id } } }", "valid", { data: me });
  ignored("{ who,: me { id } }", "valid", { data: { who: { id: ada } } });
  ignored("query($id: ID !) { user(id: $ id) { id } }", "valid", {
    variables: { id: ada },
    data: { user: { id: ada } },
  });
  ignored("\uFEFF{ me\uFEFF{ id,,, } }", "valid", { data: me });
  ignored("{ me { id } } # to the end", "valid", { data: me });
  ignored("{ me { id\u00A0} }", "syntax");

  const document = section("2.2 Descriptions and 2.3 Operations");
  document('"of an operation" query Named { me { id } }', "valid", { data: me, unlikeReference });
  document('"""of an operation""" query Q("of a variable" $id: ID!) { user(id: $id) { id } }', "valid", {
    variables: { id: ada },
    data: { user: { id: ada } },
    unlikeReference,
  });
  document('{ me { ...F } } "of a fragment" fragment F on User { id }', "valid", { data: me, unlikeReference });
  document('"of nothing" { me { id } }', "syntax");
  document("queryQ { me { id } }", "syntax");
  document("query() { me { id } }", "syntax");
  document("query Q() { me { id } }", "syntax");
  document("query Q{me{id}}", "valid", { data: me });
  document("", "syntax");
  document("type T { a: Int } { me { id } }", "invalid");

  const selections = section("2.4 Selection sets to 2.6 Arguments");
  for (const empty of [
    "{ }",
    "{ me { } }",
    "query Q { }",
    "{ me { ... { } } }",
    "{ me { ...F } } fragment F on User { }",
  ])
    selections(empty, "syntax");
  selections("{ me() { id } }", "syntax");
  selections(`{ user(id: "${ada}" more) { id } }`, "syntax");
  selections("{ conversation(id) { id } }", "syntax");
  selections("{ me { id @skip(if) } }", "syntax");
  selections("{ messages(in: {userId}) { nodes { id } } }", "syntax");
  selections("{ true: me { null: id } }", "valid", { data: { true: { null: ada } } });
  selections("{ me { ...true } } fragment true on User { id }", "valid", { data: me });
  selections("{ me { ...on } } fragment on on User { id }", "syntax");

  const values = section("2.10 Input values");
  const echoed = (literal, body, more) =>
    values(`mutation { sendMessage(input: {to: {userId: "${bob}"}, body: ${literal}}) { body } }`, "valid", {
      data: { sendMessage: { body } },
      ...more,
    });
  echoed('"\\u{1F600}"', "😀");
  echoed('"\\uD83D\\uDE00"', "😀");
  echoed('"\\u{00000000000000041}"', "A", { unlikeReference });
  echoed('"""a \\""" b"""', 'a """ b');
  echoed('"""a\\nb\\c"""', "a\\nb\\c");
  echoed('"""\n    one\n      two\n\n  """', "one\n  two");
  echoed('"\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9"', '"\\/\b\f\n\r\té');
  values(`{ user(id: "\\uD83D") { id } }`, "syntax");
  values(`{ user(id: "\\u{D83D}") { id } }`, "syntax");
  values(`{ user(id: "\\u{110000}") { id } }`, "syntax");
  values(`{ user(id: "two\nlines") { id } }`, "syntax");
  for (const number of ["01", "1.", ".1", "1e", "+1", "0xF1", "1a"])
    values(`{ conversations(first: ${number}) { nodes { id } } }`, "syntax");
  values("{ conversations(first: -0) { nodes { id } } }", "limit");
  values("query($first: Int! = -0) { conversations(first: $first) { nodes { id } } }", "limit");
  values("query($id: ID!) { user(id: $id) { id } }", "valid", { variables: { id: 7 }, data: { user: null } });
  values("query($id: ID = -0) { user(id: $id) { id } }", "valid", { data: { user: null } });
  values("{ user(id: 7) { id } }", "valid", { data: { user: null } });
  const long = "99999999999999999999";
  values(`query($id: ID = ${long}) { user(id: $id) { id } }`, "valid", { data: { user: null } });
  values(`query($in: ConversationRef! = { userId: ${long} }) { messages(in: $in) { __typename } }`, "valid", {
    data: null,
    errors: ["messages"],
  });
  values("query($first: Int!) { conversations(first: $first) { nodes { __typename } } }", "variables", {
    variables: { first: 2 ** 31 },
  });
  values("query($first: Int!) { conversations(first: $first) { nodes { __typename } } }", "variables", {
    variables: { first: "1" },
  });

  const introspection = section("4 Introspection");
  const ofType = "kind name ofType { kind name ofType { kind name ofType { kind name } } }";
  const described = `name description isDeprecated deprecationReason`;
  for (const name of ["Query", "User", "ConversationRef", "SendMessageInput", "ConversationKind", "DateTime", "Nope"]) {
    introspection(
      `query($name: String!) {
        __type(name: $name) {
          kind name description specifiedByURL isOneOf interfaces { name } possibleTypes { name }
          fields { ${described} args { ${described} defaultValue type { ${ofType} } } type { ${ofType} } }
          inputFields { ${described} defaultValue type { ${ofType} } }
          enumValues { ${described} }
        }
      }`,
      "valid",
      { variables: { name } },
    );
  }
  introspection(
    "{ __schema { types { kind name specifiedByURL isOneOf } directives { name locations isRepeatable } } }",
    "valid",
  );
  introspection(
    "{ __schema { queryType { name } mutationType { name } subscriptionType { name } description } }",
    "valid",
  );
  introspection("{ me { __schema { description } } }", "invalid");
  introspection("{ __type { name } }", "invalid");

  const fields = section("5.3 Fields");
  fields("{ nope }", "invalid");
  fields("{ me }", "invalid");
  fields("{ me { id { length } } }", "invalid");
  fields("{ __typename(of: 1) }", "invalid");
  fields("{ __typename @nope }", "invalid");
  fields("{ __typename { length } }", "invalid");
  fields("{ me { same: id same: username } }", "invalid");
  fields(`{ user(id: "${ada}") { id } user(id: "${bob}") { id } }`, "invalid");
  fields(`{ user(id: "${ada}") { id } user(id: """${ada}""") { username } }`, "valid", {
    data: { user: { id: ada, username: "ada" } },
    unlikeReference,
  });
  fields("query A { me { id } } query B { nope }", "invalid", { operationName: "A" });
  fields("query A { me { id } } mutation B { setTyping(in: true) }", "invalid", { operationName: "A" });
  fields("query A { me { id } } query B { me { id } }", "operation");
  fields("query A { me { id } }", "operation", { operationName: "B" });

  const input = section("5.6 Values");
  const unsent = (body) => ({
    async afterwards(ask) {
      const { data } = await ask({ query: `{ messages(in: {conversationId: "${talk}"}) { nodes { body } } }` });
      return data.messages.nodes.some((message) => message.body === body) ? ["the message was sent"] : [];
    },
  });
  for (const wrong of [
    "setTyping(in: true)",
    "setTyping(in: {})",
    "setTyping(in: {userId: null})",
    'setTyping(in: {userId: "a"}, typing: 1)',
    'setTyping(in: {userId: "a", userId: "a"})',
    "markRead(messageId: 1.5) { id }",
  ]) {
    const message = `{to: {conversationId: "${talk}"}, body: ${JSON.stringify(wrong)}}`;
    input(`mutation { a: sendMessage(input: ${message}) { id } b: ${wrong} }`, "invalid", unsent(wrong));
  }
  input(
    `mutation { sendMessage(input: {to: {conversationId: "${talk}"}, body: "one", body: "other"}) { id } }`,
    "invalid",
    unsent("other"),
  );
  input("{ conversations(first: 2147483648) { nodes { id } } }", "invalid");
  input("{ conversations(first: -2147483649) { nodes { id } } }", "invalid");

  const directives = section("5.7 Directives");
  directives("query($id: ID! @nope) { user(id: $id) { id } }", "invalid", { variables: { id: ada } });
  directives("query($id: ID! @skip(if: true)) { user(id: $id) { id } }", "invalid", { variables: { id: ada } });
  directives("query @skip(if: true) { me { id } }", "invalid");
  directives("{ me { id @skip(if: true) @skip(if: true) } }", "invalid");
  directives("{ me { id @deprecated } }", "invalid");

  const variables = section("5.8 Variables");
  variables("query($v: [Nope] = false) { me { id } }", "invalid");
  variables("query($v: Nope) { me { id } }", "invalid");
  variables("query($v: User!) { user(id: $v) { id } }", "invalid", { variables: { v: ada } });
  variables("query($v: String!) { user(id: $v) { id } }", "invalid", { variables: { v: ada } });
  variables("query($v: ID) { user(id: $v) { id } }", "invalid", { variables: { v: ada } });
  variables("query($v: Boolean = null) { me { id @skip(if: $v) } }", "invalid");
  variables("mutation($v: ID = null) { setTyping(in: {userId: $v}) }", "invalid", { unlikeReference });
  variables("query($v: [Int]) { conversations(first: $v) { nodes { id } } }", "invalid");
  variables("query($v: ID!) { me { id } }", "invalid", { variables: { v: ada } });
  variables("query($hide: Boolean!) { __typename @skip(if: $hide) me { id } }", "valid", {
    variables: { hide: true },
    data: me,
  });
  variables("mutation($v: ID) { setTyping(in: {userId: $v}) }", "invalid", { variables: { v: bob }, unlikeReference });
  variables(`mutation($v: ID = "${bob}") { setTyping(in: {userId: $v}) }`, "valid", { data: { setTyping: true } });
  variables("mutation($v: ConversationRef!) { setTyping(in: $v) }", "variables", {
    variables: { v: { userId: bob, conversationId: null } },
  });

  const execution = section("6 Execution");
  execution("query($first: Int) { me { id } conversations(first: $first) { nodes { id } } }", "valid", {
    variables: { first: null },
    data: null,
    errors: ["conversations"],
  });
  execution("query($first: Int = 1) { conversations(first: $first) { nodes { id } } }", "valid", {
    variables: { first: null },
    data: null,
    errors: ["conversations"],
  });
  execution("query($first: Int! = 1) { conversations(first: $first) { nodes { id } } }", "variables", {
    variables: { first: null },
  });
  const typing = `setTyping(in: {userId: "${bob}"})`;
  execution(`mutation { ${typing} ${typing} }`, "valid", { data: { setTyping: true } });
  execution(
    "mutation { ...A ...B } fragment A on Mutation { __typename } fragment B on Mutation { __typename }",
    "valid",
    { data: { __typename: "Mutation" } },
  );
  const refused = (inside, at) =>
    execution(`{ user(id: "${bob}") { id ${inside} } }`, "valid", {
      data: { user: { id: bob, directConversation: null } },
      errors: [`user.directConversation.${at}`],
    });
  refused("directConversation { messages(after: \"x\") { nodes { id } } }", "messages");
  refused("directConversation { id } directConversation { messages(after: \"x\") { nodes { id } } }", "messages");
  refused("directConversation { messages(after: \"x\") { nodes { id } } } ... { directConversation { id } }", "messages");
  execution(`{ b: __typename me { z: id a: username z: id } a: __typename }`, "valid", {
    data: { b: "Query", me: { z: ada, a: "ada" }, a: "Query" },
  });

  const subscriptions = section("5.2.4 Subscriptions");
  subscriptions("subscription { a: typing { typing } b: typing { typing } }", "invalid");
  subscriptions("subscription { typing { typing } ... { b: typing { typing } } }", "invalid");
  subscriptions("subscription { typing { typing } typing { __typename } }", "valid");
  subscriptions("subscription { __typename }", "invalid");
  subscriptions("subscription { typing @skip(if: false) { typing } }", "invalid", { unlikeReference });
  subscriptions(
    "subscription { ...F } fragment F on Subscription { typing { typing @skip(if: true) __typename } }",
    "valid",
  );

  return cases;
}
