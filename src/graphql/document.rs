//! Documents: read, measured and validated once, and remembered for the next request with the same text.

use std::sync::Arc;

use async_graphql::{
    Name, Pos, Positioned, Request, Variables,
    parser::{
        parse_query,
        types::{
            DocumentOperations, ExecutableDocument, OperationDefinition, OperationType, Selection,
            VariableDefinition,
        },
    },
};
use moka::sync::Cache;

use super::{
    RequestContext,
    conflicts::{self, Merges},
    error::{ErrorReply, code},
    limits::{self, MAX_VARIABLES},
    omitted,
    operation::{OperationKind, Params},
    root_field,
    sharing::Sharing,
    tokens,
    variables::InputTypes,
};
use crate::domain::Limits;

/// Bytes of the texts of all documents that are remembered. Read, a text takes up to some hundred times as much.
const REMEMBERED_BYTES: u64 = 256 * 1024;

/// The documents that were good. One that is asked for with other variables left out, or null, is another one: what
/// validation says hangs on these, and on no other property of their values, which are checked with every request.
pub(super) struct Documents(Cache<Key, Arc<Document>>);

#[derive(PartialEq, Eq, Hash)]
struct Key {
    text: String,
    operation_name: Option<String>,
    /// The variables that are given, and whether they are null.
    given: Vec<(String, bool)>,
}

impl Key {
    fn of(params: &mut Params) -> Self {
        let variables = params.variables.iter().flatten();
        Self {
            text: std::mem::take(&mut params.query),
            operation_name: params.operation_name.take().filter(|name| !name.is_empty()),
            given: variables
                .map(|(name, value)| (name.clone(), value.is_null()))
                .collect(),
        }
    }

    fn bytes(&self) -> u32 {
        let given = self.given.iter().map(|(name, _)| name.len());
        u32::try_from(self.text.len() + given.sum::<usize>()).unwrap_or(u32::MAX)
    }
}

/// One operation of a document, ready to run.
pub(super) struct Document {
    pub(super) kind: OperationKind,
    /// The name of the first root field.
    pub(super) root_field: Name,
    /// As they came.
    variables: Vec<Positioned<VariableDefinition>>,
    /// The operation alone, as the executor takes it.
    pub(super) runs: ExecutableDocument,
    /// With the operations that do not run, where there are any: they count as well.
    whole: Option<ExecutableDocument>,
    /// What a subscription's events are resolved by.
    pub(super) event: Option<EventDocument>,
    merges: Merges,
}

impl Document {
    /// What the executor takes to run this, or the query on an event that belongs to it.
    pub(super) fn request(
        &self,
        query: &ExecutableDocument,
        variables: Variables,
        context: Arc<RequestContext>,
    ) -> Request {
        let mut request = Request::new(String::new()).variables(variables);
        request.set_parsed_query(query.clone());
        request.data(context).data(self.merges)
    }
}

/// A subscription's selection, as a query on one of its events.
pub(super) struct EventDocument {
    pub(super) query: ExecutableDocument,
    /// What the root field answers under, and where it is.
    pub(super) response_key: Name,
    pub(super) pos: Pos,
    pub(super) sharing: Sharing,
}

/// What a document is held against.
pub(super) struct Rules<'a> {
    pub(super) limits: &'a Limits,
    pub(super) introspection: bool,
    pub(super) input_types: &'a InputTypes,
}

impl Documents {
    pub(super) fn new() -> Self {
        let cache = Cache::builder()
            .max_capacity(REMEMBERED_BYTES)
            .weigher(|key: &Key, _| key.bytes());
        Self(cache.build())
    }

    /// The document that `params` ask for, with the values of its variables. `validate` has the last word on one that
    /// is not remembered.
    ///
    /// # Errors
    /// The response's `errors`, for what can be no document of ours.
    pub(super) fn find(
        &self,
        mut params: Params,
        rules: &Rules<'_>,
        validate: impl FnOnce(Request, &Name) -> Result<(), Vec<ErrorReply>>,
    ) -> Result<(Arc<Document>, Variables), Vec<ErrorReply>> {
        let key = Key::of(&mut params);
        let given = params.variables.unwrap_or_default();
        if let Some(document) = self.0.get(&key) {
            let variables = rules
                .input_types
                .values(&document.variables, given)
                .map_err(|error| vec![error])?;
            if !variables.is_empty() {
                let whole = document.whole.as_ref().unwrap_or(&document.runs);
                limits::check(whole, &variables, rules.limits, true)
                    .map_err(|error| vec![error])?;
            }
            return Ok((document, variables));
        }
        let name = key.operation_name.as_deref();
        let (document, variables, request) =
            read(&key.text, name, given, rules).map_err(|error| vec![error])?;
        validate(request, &document.root_field)?;
        let document = Arc::new(document);
        // Those that no operation defines are part of the key as well.
        if key.given.len() <= MAX_VARIABLES {
            self.0.insert(key, document.clone());
        }
        Ok((document, variables))
    }
}

/// Reads a document, refuses what is too large, and makes the request with which it is validated.
fn read(
    text: &str,
    operation_name: Option<&str>,
    given: serde_json::Map<String, serde_json::Value>,
    rules: &Rules<'_>,
) -> Result<(Document, Variables, Request), ErrorReply> {
    let most = rules.limits.document_bytes;
    if text.len() > most {
        let sentence = format!("A document has at most {most} bytes.");
        return Err(ErrorReply::new(code::TOO_COMPLEX, sentence));
    }
    tokens::check(text)?;
    let mut whole = parse_query(text).map_err(|error| {
        let locations = error.positions().collect();
        ErrorReply::new(code::PARSE_FAILED, parse_message(&error)).at(locations)
    })?;
    let chosen = choose(&whole, operation_name)?;
    let definitions = chosen.variable_definitions.clone();
    let variables = rules.input_types.values(&definitions, given)?;
    limits::check(&whole, &variables, rules.limits, rules.introspection)?;
    let merges = conflicts::check(&whole)?;
    let kind = match chosen.ty {
        OperationType::Query => OperationKind::Query,
        OperationType::Mutation => OperationKind::Mutation,
        OperationType::Subscription => OperationKind::Subscription,
    };
    if kind == OperationKind::Subscription {
        root_field::flatten(&mut whole, operation_name)?;
    }
    if let Some(chosen) = choose_mut(&mut whole.operations, operation_name) {
        omitted::take_out(chosen, &mut whole.fragments, &variables);
    }
    let chosen = choose(&whole, operation_name)?;
    let root_field = root_field::first(&chosen.selection_set.node, &whole.fragments).cloned();
    let runs = alone(chosen.clone(), &whole);
    let document = Document {
        kind,
        root_field: root_field.unwrap_or_else(|| Name::new("none")),
        variables: definitions,
        whole: (whole.operations.iter().count() > 1).then(|| whole.clone()),
        event: (kind == OperationKind::Subscription)
            .then(|| EventDocument::of(&runs))
            .flatten(),
        runs,
        merges,
    };
    let mut request = Request::new(String::new()).variables(variables.clone());
    if let Some(name) = operation_name {
        request = request.operation_name(name);
    }
    request.set_parsed_query(whole);
    Ok((document, variables, request))
}

/// A document of this operation and the fragments of another.
fn alone(operation: OperationDefinition, of: &ExecutableDocument) -> ExecutableDocument {
    ExecutableDocument {
        operations: DocumentOperations::Single(Positioned::new(operation, Pos::default())),
        fragments: of.fragments.clone(),
    }
}

impl EventDocument {
    /// `None` for what has no single root field: validation says so.
    fn of(subscription: &ExecutableDocument) -> Option<Self> {
        let mut operation = choose(subscription, None).ok()?.clone();
        operation.ty = OperationType::Query;
        let [root] = operation.selection_set.node.items.as_mut_slice() else {
            return None;
        };
        let pos = root.pos;
        let Selection::Field(field) = &mut root.node else {
            return None;
        };
        // They say which events there are, and that is settled by then.
        field.node.arguments.clear();
        let response_key = field.node.response_key().node.clone();
        let query = alone(operation, subscription);
        Some(Self {
            response_key,
            pos,
            sharing: Sharing::of(&query),
            query,
        })
    }
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

pub(super) fn choose<'a>(
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
pub(super) fn choose_mut<'a>(
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
