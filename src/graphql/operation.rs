//! One operation from its text to its answer, whatever transport brought it.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
    panic::AssertUnwindSafe,
    sync::Arc,
    time::Instant,
};

use async_graphql::{
    Name, Positioned, Request, Response, Value,
    parser::{
        parse_query,
        types::{
            DocumentOperations, ExecutableDocument, FragmentDefinition, OperationDefinition,
            OperationType, Selection, SelectionSet,
        },
    },
};
use futures_util::{FutureExt, Stream, StreamExt};
use serde::{Deserialize, Serialize};
use tracing::Instrument;

use super::{
    ChatSchema, RequestContext, conflicts,
    error::{ErrorReply, code},
    limits, omitted, tokens,
    variables::InputTypes,
};
use crate::{chat::Chat, domain::Limits, error::Error, metrics::Metrics};

/// A request's parameters, as GraphQL over HTTP and graphql-transport-ws both have them.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Params {
    pub query: String,
    #[serde(default)]
    pub operation_name: Option<String>,
    #[serde(default)]
    pub variables: Option<serde_json::Map<String, serde_json::Value>>,
    #[serde(default)]
    #[expect(dead_code, reason = "must be a map where it is given")]
    extensions: Option<serde_json::Map<String, serde_json::Value>>,
}

impl Params {
    /// Of a request that has no extensions.
    pub fn new(
        query: String,
        operation_name: Option<String>,
        variables: Option<serde_json::Map<String, serde_json::Value>>,
    ) -> Self {
        Self {
            query,
            operation_name,
            variables,
            extensions: None,
        }
    }
}

/// Errors of validation that a client is told of, as many as graphql-js tells.
const MAX_ERRORS: usize = 100;

/// What an operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OperationKind {
    Query,
    Mutation,
    Subscription,
}

/// An operation that may run.
pub struct Operation {
    pub kind: OperationKind,
    request: Request,
    root_field: Name,
}

impl Operation {
    /// The name of its (first) root field.
    pub fn root_field(&self) -> &str {
        &self.root_field
    }
}

/// A response: the JSON object of the GraphQL specification's section 7.
#[derive(Debug, Serialize)]
pub struct Reply {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<ErrorReply>,
    /// Absent when nothing ran.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<Value>,
}

impl Reply {
    /// Nothing ran.
    pub fn refused(error: ErrorReply) -> Self {
        Self {
            errors: vec![error],
            data: None,
        }
    }

    /// It ran, or would have, and nothing came of it.
    pub fn failed(error: &Error) -> Self {
        Self {
            errors: vec![error.into()],
            data: Some(Value::Null),
        }
    }

    /// Whether anything ran.
    pub fn ran(&self) -> bool {
        self.data.is_some()
    }

    /// As JSON.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_else(|error| {
            tracing::error!(%error, "a response could not be written");
            r#"{"errors":[{"message":"Something went wrong on our side.","extensions":{"code":"INTERNAL_SERVER_ERROR"}}],"data":null}"#.to_owned()
        })
    }

    fn label(&self) -> &'static str {
        self.errors
            .first()
            .map_or("ok", |error| error.extensions.code)
    }
}

impl From<Response> for Reply {
    fn from(response: Response) -> Self {
        let refused = !response.errors.is_empty()
            && response.errors.iter().all(|error| error.path.is_empty());
        let most = if refused { MAX_ERRORS } else { usize::MAX };
        let errors = response.errors.into_iter().take(most);
        Self {
            errors: errors.map(ErrorReply::from).collect(),
            data: (!refused).then_some(response.data),
        }
    }
}

/// One event of a subscription, or its end by an error.
pub enum Outcome {
    Next(Reply),
    Error(Vec<ErrorReply>),
}

/// The API: takes operations in, runs them. Cheap to clone.
#[derive(Clone)]
pub struct Api(Arc<Inner>);

struct Inner {
    schema: ChatSchema,
    chat: Chat,
    metrics: Arc<Metrics>,
    /// Every name of the schema: no other is ever a label.
    names: HashSet<String>,
    input_types: InputTypes,
    introspection: bool,
    limits: Limits,
}

impl Api {
    /// The API of a chat.
    pub fn new(chat: Chat, metrics: Arc<Metrics>, introspection: bool) -> Self {
        let schema = super::schema(&chat, introspection);
        let names = schema.names().into_iter().collect();
        let input_types = InputTypes::of(&schema.sdl());
        let limits = chat.limits().clone();
        Self(Arc::new(Inner {
            schema,
            chat,
            metrics,
            names,
            input_types,
            introspection,
            limits,
        }))
    }

    /// The chat behind it.
    pub fn chat(&self) -> &Chat {
        &self.0.chat
    }

    /// Finds the operation that `params` ask for and refuses what is too large, before anything is validated.
    ///
    /// # Errors
    /// The one entry of the response's `errors`.
    pub fn operation(&self, params: Params) -> Result<Operation, ErrorReply> {
        let Params {
            query,
            operation_name,
            variables,
            ..
        } = params;
        if query.len() > self.0.limits.document_bytes {
            let sentence = format!(
                "A document has at most {} bytes.",
                self.0.limits.document_bytes
            );
            return Err(ErrorReply::new(code::TOO_COMPLEX, sentence));
        }
        tokens::check(&query)?;
        let mut document = parse_query(&query).map_err(|error| {
            let locations = error.positions().collect();
            ErrorReply::new(code::PARSE_FAILED, parse_message(&error)).at(locations)
        })?;
        let operation_name = operation_name.filter(|name| !name.is_empty());
        let chosen = choose(&document, operation_name.as_deref())?;
        let variables = self
            .0
            .input_types
            .values(&chosen.variable_definitions, variables.unwrap_or_default())?;
        limits::check(&document, &variables, &self.0.limits, self.0.introspection)?;
        conflicts::check(&document)?;
        let kind = match chosen.ty {
            OperationType::Query => OperationKind::Query,
            OperationType::Mutation => OperationKind::Mutation,
            OperationType::Subscription => OperationKind::Subscription,
        };
        if kind == OperationKind::Subscription {
            flatten_root(&mut document, operation_name.as_deref())?;
        }
        if let Some(chosen) = choose_mut(&mut document.operations, operation_name.as_deref()) {
            omitted::take_out(chosen, &mut document.fragments, &variables);
        }
        let chosen = choose(&document, operation_name.as_deref())?;
        let root_field = first_field(&chosen.selection_set.node, &document.fragments).cloned();
        let root_field = root_field.unwrap_or_else(|| Name::new("none"));
        let mut request = Request::new(String::new()).variables(variables);
        if let Some(name) = operation_name {
            request = request.operation_name(name);
        }
        request.set_parsed_query(document);
        Ok(Operation {
            kind,
            request,
            root_field,
        })
    }

    /// Runs a query or a mutation to its end, at most [`Limits::operation`] long. A mutation goes on even when the
    /// caller does not wait for it.
    pub async fn execute(&self, operation: Operation, context: Arc<RequestContext>) -> Reply {
        let began = Instant::now();
        let field = self.label(&operation.root_field).into_owned();
        let schema = self.0.schema.clone();
        let request = operation.request.data(context);
        let run = async move {
            AssertUnwindSafe(schema.execute(request))
                .catch_unwind()
                .await
        };
        let limit = self.0.limits.operation;
        let outcome = if operation.kind == OperationKind::Mutation {
            let task = tokio::spawn(run.in_current_span());
            tokio::time::timeout(limit, async {
                task.await.unwrap_or_else(|error| Err(Box::new(error)))
            })
            .await
        } else {
            tokio::time::timeout(limit, run).await
        };
        let reply = match outcome {
            Ok(Ok(response)) => response.into(),
            Ok(Err(panic)) => Reply::failed(&panicked(panic.as_ref())),
            Err(_) => Reply::failed(&Error::Unavailable(format!(
                "{field} took longer than {limit:?}"
            ))),
        };
        self.0
            .metrics
            .operation(&field, reply.label(), began.elapsed());
        reply
    }

    /// Runs a subscription. The stream ends after an [`Outcome::Error`].
    pub fn subscribe(
        &self,
        operation: Operation,
        context: Arc<RequestContext>,
    ) -> impl Stream<Item = Outcome> + Send + use<> {
        let field = self.label(&operation.root_field).into_owned();
        let metrics = self.0.metrics.clone();
        let responses = self
            .0
            .schema
            .execute_stream(operation.request.data(context));
        let began = Instant::now();
        let guarded = AssertUnwindSafe(responses).catch_unwind();
        let mut over = false;
        guarded
            .map(move |response| {
                let reply = match response {
                    Ok(response) => Reply::from(response),
                    Err(panic) => Reply::failed(&panicked(panic.as_ref())),
                };
                if reply.errors.is_empty() {
                    metrics.deliveries.inc();
                    return Outcome::Next(reply);
                }
                // Every root field of a subscription is non-null: an error that reaches the top leaves nothing.
                if reply.data.as_ref().is_some_and(|data| !is_empty(data)) {
                    return Outcome::Next(reply);
                }
                metrics.operation(&field, reply.label(), began.elapsed());
                Outcome::Error(reply.errors)
            })
            .take_while(move |outcome| {
                let goes_on = !over;
                over = matches!(outcome, Outcome::Error(_));
                std::future::ready(goes_on)
            })
    }

    fn label<'a>(&self, root_field: &'a Name) -> Cow<'a, str> {
        if self.0.names.contains(root_field.as_str()) {
            Cow::Borrowed(root_field.as_str())
        } else {
            Cow::Borrowed("other")
        }
    }
}

fn is_empty(data: &Value) -> bool {
    match data {
        Value::Null => true,
        Value::Object(fields) => fields.values().all(|value| *value == Value::Null),
        _ => false,
    }
}

fn panicked(panic: &(dyn std::any::Any + Send)) -> Error {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    Error::Internal(format!("a panic: {}", text.unwrap_or_default()))
}

/// The parser's messages draw the place over several lines; the place goes into `locations`.
fn parse_message(error: &async_graphql::parser::Error) -> String {
    let whole = error.to_string();
    let last = whole
        .lines()
        .rev()
        .map(str::trim)
        .find(|line| !line.is_empty())
        .unwrap_or_default();
    let detail = last.trim_start_matches("= ");
    format!("This is not a GraphQL document: {detail}.")
}

fn choose<'a>(
    document: &'a ExecutableDocument,
    name: Option<&str>,
) -> Result<&'a OperationDefinition, ErrorReply> {
    let mut operations = document.operations.iter();
    let found = match name {
        Some(name) => {
            operations.find(|(other, _)| other.is_some_and(|other| other.as_str() == name))
        }
        None => operations.next().filter(|_| operations.next().is_none()),
    };
    match (found, name) {
        (Some((_, operation)), _) => Ok(&operation.node),
        (None, Some(_)) => Err(ErrorReply::new(
            code::NO_OPERATION,
            "The document has no operation of this name.",
        )),
        (None, None) => Err(ErrorReply::new(
            code::NO_OPERATION,
            "The document has several operations; name one of them.",
        )),
    }
}

/// The operation that [`choose`] finds, to be changed.
fn choose_mut<'a>(
    operations: &'a mut DocumentOperations,
    name: Option<&str>,
) -> Option<&'a mut OperationDefinition> {
    match operations {
        DocumentOperations::Single(operation) => Some(&mut operation.node),
        DocumentOperations::Multiple(operations) => operations
            .iter_mut()
            .find(|(other, _)| name.is_none_or(|name| other.as_str() == name))
            .map(|(_, operation)| &mut operation.node),
    }
}

/// The first field that runs; how deep fragments nest is bounded by the document's limits.
fn first_field<'a>(
    set: &'a SelectionSet,
    fragments: &'a HashMap<Name, Positioned<FragmentDefinition>>,
) -> Option<&'a Name> {
    set.items
        .iter()
        .find_map(|selection| match &selection.node {
            Selection::Field(field) => Some(&field.node.name.node),
            Selection::InlineFragment(inline) => {
                first_field(&inline.node.selection_set.node, fragments)
            }
            Selection::FragmentSpread(spread) => {
                let fragment = fragments.get(&spread.node.fragment_name.node)?;
                first_field(&fragment.node.selection_set.node, fragments)
            }
        })
}

/// Demands exactly one root field of a subscription (GraphQL specification, 5.2.4.1) and puts it where the executor
/// looks for it: not inside fragments.
fn flatten_root(document: &mut ExecutableDocument, name: Option<&str>) -> Result<(), ErrorReply> {
    let mut fields = Vec::new();
    let chosen = choose(document, name)?;
    if !root_fields(&chosen.selection_set.node, &document.fragments, &mut fields)? {
        // A fragment that does not fit here: validation says so.
        return Ok(());
    }
    let Some(field) = merged(&fields) else {
        let sentence = "A subscription has exactly one root field.";
        return Err(ErrorReply::new(code::VALIDATION_FAILED, sentence));
    };
    let used_before = spreads(document);
    if let Some(chosen) = choose_mut(&mut document.operations, name) {
        chosen.selection_set.node.items = vec![field];
    }
    // Validation refuses fragments that nobody spreads; these were spread by what was just flattened.
    let used_now = spreads(document);
    document
        .fragments
        .retain(|name, _| used_now.contains(name) || !used_before.contains(name));
    Ok(())
}

/// The one field that several selections of it make, as fragments of several components do; `None` for several.
fn merged(fields: &[&Positioned<Selection>]) -> Option<Positioned<Selection>> {
    let (first, others) = fields.split_first()?;
    let mut merged = (*first).clone();
    let Selection::Field(field) = &mut merged.node else {
        return None;
    };
    for other in others {
        let Selection::Field(other) = &other.node else {
            return None;
        };
        let (one, other) = (&mut field.node, &other.node);
        let same = one.response_key().node == other.response_key().node
            && one.name.node == other.name.node
            && one.arguments == other.arguments
            && one.directives.is_empty()
            && other.directives.is_empty();
        if !same {
            return None;
        }
        let more = other.selection_set.node.items.iter().cloned();
        one.selection_set.node.items.extend(more);
    }
    Some(merged)
}

/// Collects the root fields; false when a fragment is unknown or not on `Subscription`.
fn root_fields<'a>(
    set: &'a SelectionSet,
    fragments: &'a HashMap<Name, Positioned<FragmentDefinition>>,
    fields: &mut Vec<&'a Positioned<Selection>>,
) -> Result<bool, ErrorReply> {
    for selection in &set.items {
        let mut names = selection
            .node
            .directives()
            .iter()
            .map(|directive| directive.node.name.node.as_str());
        if names.any(|name| matches!(name, "skip" | "include")) {
            let sentence = "At the root of a subscription there is no @skip and no @include.";
            return Err(ErrorReply::new(code::VALIDATION_FAILED, sentence).at(vec![selection.pos]));
        }
        let (inner, on) = match &selection.node {
            Selection::Field(_) => {
                fields.push(selection);
                continue;
            }
            Selection::InlineFragment(inline) => {
                let on = inline
                    .node
                    .type_condition
                    .as_ref()
                    .map(|condition| condition.node.on.node.as_str());
                (&inline.node.selection_set.node, on)
            }
            Selection::FragmentSpread(spread) => {
                match fragments.get(&spread.node.fragment_name.node) {
                    Some(fragment) => {
                        let on = fragment.node.type_condition.node.on.node.as_str();
                        (&fragment.node.selection_set.node, Some(on))
                    }
                    None => return Ok(false),
                }
            }
        };
        if on.is_some_and(|on| on != "Subscription") || !root_fields(inner, fragments, fields)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Every fragment that some operation reaches.
fn spreads(document: &ExecutableDocument) -> HashSet<Name> {
    fn visit(set: &SelectionSet, document: &ExecutableDocument, seen: &mut HashSet<Name>) {
        for selection in &set.items {
            match &selection.node {
                Selection::Field(field) => visit(&field.node.selection_set.node, document, seen),
                Selection::InlineFragment(inline) => {
                    visit(&inline.node.selection_set.node, document, seen);
                }
                Selection::FragmentSpread(spread) => {
                    let name = &spread.node.fragment_name.node;
                    if seen.insert(name.clone())
                        && let Some(fragment) = document.fragments.get(name)
                    {
                        visit(&fragment.node.selection_set.node, document, seen);
                    }
                }
            }
        }
    }
    let mut seen = HashSet::new();
    for (_, operation) in document.operations.iter() {
        visit(&operation.node.selection_set.node, document, &mut seen);
    }
    seen
}
