//! Documents: read, measured and validated once, and remembered for the next request with the same text.

use std::{collections::VecDeque, sync::Arc};

use apollo_compiler::{
    ExecutableDocument, Name, Node,
    ast::{self, Definition, VariableDefinition},
    executable::Operation as OperationDefinition,
    parser::{LineColumn, Parser, SourceMap, SourceSpan},
    response::JsonMap,
    validation::{DiagnosticList, Valid, WithErrors},
};
use parking_lot::Mutex;

use super::{
    document_limits,
    operation::Params,
    plan::{self, NullCondition, OperationKind, Plan},
    schema::VALIDATOR,
    suggestion,
    tokens::{self, Refused},
    values,
};
use crate::{
    cache::Cache,
    domain::Limits,
    graphql::error::{ErrorReply, Location, code},
};

/// Bytes of the texts of all documents that are remembered. Read, a text takes up to some hundred times as much.
const REMEMBERED_BYTES: usize = 256 * 1024;
/// Fields in the plans that are kept for one document: for its operations, and for what the variables in its directives
/// may be. A plan may have many more fields than its text, as fragments are followed.
const FIELDS_KEPT: usize = 500;
/// What a document's plans weigh among what is remembered, in bytes beside its text.
const PLANS_WEIGH: usize = 500;
/// Brackets inside each other, more than the levels of a document that runs.
const MAX_NESTING: usize = 64;
/// Errors that a client is told of, as many as graphql-js tells.
const MAX_ERRORS: usize = 100;

/// The documents that were good, by their text.
pub(super) struct Documents(Cache<String, Arc<Document>>);

/// A valid document.
pub(super) struct Document {
    /// As it was written, to be measured again when what it costs depends on variables.
    syntax: Option<ast::Document>,
    pub(super) valid: Valid<ExecutableDocument>,
    /// The variables in directives.
    conditions: Vec<Name>,
    plans: Mutex<VecDeque<(PlanKey, Arc<Plan>)>>,
}

/// An operation's name, and which of the document's conditions are true.
type PlanKey = (Option<Name>, Vec<Option<bool>>);

/// An operation with the values of its variables.
pub struct Operation {
    pub(super) document: Arc<Document>,
    pub(super) plan: Arc<Plan>,
    pub(super) variables: Valid<JsonMap>,
}

impl Documents {
    pub(super) fn new() -> Self {
        Self(Cache::of_weight(REMEMBERED_BYTES, |text, _| {
            text.len() + PLANS_WEIGH
        }))
    }

    /// The operation that `params` ask for. `introspection` is whether there may be any.
    ///
    /// # Errors
    /// The response's `errors`, for what can be no operation of ours.
    pub(super) fn find(
        &self,
        params: Params,
        limits: &Limits,
        introspection: bool,
    ) -> Result<Operation, Vec<ErrorReply>> {
        let mut given = params.variables.unwrap_or_default();
        values::without_empty_fractions(&mut given);
        let asked = params.operation_name.filter(|name| !name.is_empty());
        let refused = |error| vec![error];
        let document = if let Some(document) = self.0.get(&params.query) {
            document
        } else {
            let syntax = read(&params.query, limits)?;
            document_limits::check(&syntax, None, limits, introspection).map_err(refused)?;
            let document = Arc::new(Document::valid(syntax, introspection)?);
            self.0.insert(params.query, document.clone());
            document
        };
        let operations = document.valid.operations.iter();
        let names = operations.map(|operation| operation.name.as_ref());
        let name = choose(names, asked.as_deref())?;
        let definition = document.operation(name.as_ref())?;
        let sources = &document.valid.sources;
        let (schema, valid) = (&VALIDATOR.schema, &document.valid);
        let variables = values::variables(schema, valid, definition, &given).map_err(refused)?;
        if let Some(syntax) = &document.syntax {
            document_limits::check(syntax, Some(&variables), limits, introspection)
                .map_err(refused)?;
        }
        let plan = document.plan(name.as_ref(), definition, &variables);
        let plan = plan.map_err(|NullCondition(name)| {
            let sentence =
                format!("The variable \"${name}\" decides what is selected and must not be null.");
            let mut error = ErrorReply::new(code::BAD_USER_INPUT, sentence);
            error.extensions.field = Some(name.to_string());
            vec![error]
        })?;
        let mut page_sizes = plan.page_sizes.iter();
        let checked = page_sizes.try_for_each(|size| size.check(&variables, sources));
        checked.map_err(refused)?;
        Ok(Operation {
            document,
            plan,
            variables,
        })
    }
}

/// Reads a document.
fn read(text: &str, limits: &Limits) -> Result<ast::Document, Vec<ErrorReply>> {
    let most = limits.document_bytes;
    if text.len() > most {
        let sentence = format!("A document has at most {most} bytes.");
        return Err(vec![ErrorReply::new(code::TOO_COMPLEX, sentence)]);
    }
    let unreadable = |wrong: &str, at| {
        let mut wrong = ended(wrong);
        if let Some(first) = wrong.get_mut(..1) {
            first.make_ascii_lowercase();
        }
        let message = format!("This is not a GraphQL document: {wrong}");
        vec![ErrorReply::new(code::PARSE_FAILED, message).at(at)]
    };
    let prepared = tokens::prepared(text, MAX_NESTING).map_err(|refused| match refused {
        Refused::TooDeep => {
            let sentence = "This document is nested too deeply.";
            vec![ErrorReply::new(code::TOO_COMPLEX, sentence)]
        }
        Refused::Malformed(at, wrong) => unreadable(wrong, vec![Location::of(text, at)]),
    })?;
    let read = Parser::new().parse_ast(prepared, "document");
    read.map_err(|refused| {
        let first = refused.errors.iter().next().map(|error| error.to_json());
        let (wrong, at) =
            first.map_or_else(Default::default, |error| (error.message, error.locations));
        let at = at.into_iter().map(Location::from).collect();
        unreadable(&in_signs(&wrong), at)
    })
}

/// What the parser says, with the signs of GraphQL where it has names of its own for them.
fn in_signs(words: &str) -> String {
    let words = words.strip_prefix("syntax error: ").unwrap_or(words);
    let expected = words.strip_prefix("expected ");
    let (sign, got) = match expected.and_then(|words| words.split_once(", got ")) {
        Some(("R_CURLY", got)) => ("}", got),
        Some(("R_PAREN", got)) => (")", got),
        Some(("R_BRACK", got)) => ("]", got),
        _ => return words.replace("<EOF>", "end of the text"),
    };
    match got {
        "EOF" => format!("expected `{sign}` before its end"),
        _ => format!("expected `{sign}`, got `{got}`"),
    }
}

/// The name of the operation to run, of those with these names; none for one without a name.
fn choose<'a>(
    mut names: impl Iterator<Item = Option<&'a Name>>,
    asked: Option<&str>,
) -> Result<Option<Name>, Vec<ErrorReply>> {
    let sentence = match asked {
        Some(asked) => match names.flatten().find(|name| *name == asked) {
            Some(name) => return Ok(Some(name.clone())),
            None => "There is no operation with this name in the document.",
        },
        None => match (names.next(), names.next()) {
            (Some(name), None) => return Ok(name.cloned()),
            _ => "Say by operationName which of the document's operations to run.",
        },
    };
    Err(vec![ErrorReply::new(code::NO_OPERATION, sentence)])
}

impl Document {
    /// Of what fits the schema. `introspection` is whether an error may tell names of the schema.
    fn valid(syntax: ast::Document, introspection: bool) -> Result<Self, Vec<ErrorReply>> {
        let valid = validated(&syntax).map_err(|refused| told(&refused, introspection))?;
        let mut conditions = Vec::new();
        let operations = valid.operations.iter().map(|one| &one.selection_set);
        let fragments = valid.fragments.values().map(|one| &one.selection_set);
        for set in operations.chain(fragments) {
            plan::conditions(set, &mut conditions);
        }
        conditions.sort_unstable();
        conditions.dedup();
        let has_variables = valid.operations.iter().any(|one| !one.variables.is_empty());
        Ok(Self {
            syntax: has_variables.then_some(syntax),
            valid,
            conditions,
            plans: Mutex::default(),
        })
    }

    /// The definition of the operation with this name.
    ///
    /// # Errors
    /// There is none.
    pub(super) fn operation(
        &self,
        name: Option<&Name>,
    ) -> Result<&Node<OperationDefinition>, Vec<ErrorReply>> {
        let found = self.valid.operations.get(name.map(Name::as_str));
        found.map_err(|error| {
            let sentence = error.message().to_string();
            vec![ErrorReply::new(code::NO_OPERATION, sentence)]
        })
    }

    fn plan(
        &self,
        name: Option<&Name>,
        operation: &OperationDefinition,
        variables: &JsonMap,
    ) -> Result<Arc<Plan>, NullCondition> {
        let truth = |name: &Name| variables.get(name.as_str())?.as_bool();
        let key = (
            name.cloned(),
            self.conditions.iter().map(truth).collect::<Vec<_>>(),
        );
        let known = |plans: &VecDeque<(PlanKey, Arc<Plan>)>| {
            let found = plans.iter().find(|(known, _)| *known == key);
            found.map(|(_, plan)| plan.clone())
        };
        if let Some(plan) = known(&self.plans.lock()) {
            return Ok(plan);
        }
        let plan = Arc::new(Plan::of(&self.valid, operation, variables)?);
        let mut plans = self.plans.lock();
        // Whoever was quicker has made the one that all share.
        if let Some(plan) = known(&plans) {
            return Ok(plan);
        }
        if plan.size <= FIELDS_KEPT {
            let mut size = plan.size + plans.iter().map(|(_, plan)| plan.size).sum::<usize>();
            while size > FIELDS_KEPT {
                size -= plans.pop_front().map_or(size, |(_, plan)| plan.size);
            }
            plans.push_back((key, plan.clone()));
        }
        Ok(plan)
    }
}

impl Operation {
    /// What it does.
    pub fn kind(&self) -> OperationKind {
        self.plan.kind
    }
}

/// Holds a document against the schema.
fn validated(syntax: &ast::Document) -> Result<Valid<ExecutableDocument>, DiagnosticList> {
    let schema = &VALIDATOR.schema;
    let without = without_null_defaults(syntax);
    let valid = match without
        .as_ref()
        .unwrap_or(syntax)
        .to_executable_validate(schema)
    {
        Err(refused) if has_merged_root(&refused) => Valid::assume_valid(refused.partial),
        valid => valid.map_err(|refused| refused.errors)?,
    };
    if without.is_none() {
        return Ok(valid);
    }
    let whole = syntax
        .to_executable(schema)
        .map_err(|refused| refused.errors)?;
    Ok(Valid::assume_valid(whole))
}

/// Whether nothing is wrong but that a subscription's one field is selected in several places, which merge (5.2.4.1):
/// the validator counts the places.
fn has_merged_root(refused: &WithErrors<ExecutableDocument>) -> bool {
    let document = &refused.partial;
    let mut errors = refused.errors.iter();
    errors.all(|error| {
        error
            .error
            .to_string()
            .ends_with("can only have one root field")
    }) && document.operations.iter().all(|operation| {
        let mut keys = operation
            .root_fields(document)
            .map(|field| field.response_name());
        let first = keys.next();
        !operation.is_subscription() || keys.all(|key| Some(key) == first)
    })
}

/// Where null may not stand, a default of null is none (5.8.5), which the validator does not say.
fn without_null_defaults(syntax: &ast::Document) -> Option<ast::Document> {
    let is_null = |variable: &Node<VariableDefinition>| {
        variable
            .default_value
            .as_ref()
            .is_some_and(|value| value.is_null())
    };
    let mut without = None;
    for (at, definition) in syntax.definitions.iter().enumerate() {
        let Definition::OperationDefinition(operation) = definition else {
            continue;
        };
        if !operation.variables.iter().any(is_null) {
            continue;
        }
        let mut operation = operation.clone();
        for variable in &mut operation.make_mut().variables {
            if is_null(variable) {
                variable.make_mut().default_value = None;
            }
        }
        let without = without.get_or_insert_with(|| syntax.clone());
        without.definitions[at] = Definition::OperationDefinition(operation);
    }
    without
}

/// What is wrong with a document.
fn told(errors: &DiagnosticList, introspection: bool) -> Vec<ErrorReply> {
    let errors = errors.iter().take(MAX_ERRORS).map(|error| {
        let error = error.to_json();
        let mut message = sentence(&error.message);
        if introspection && let Some(hint) = suggestion::of(&error.message) {
            message = format!("{message} {hint}");
        }
        let at = error.locations.into_iter().map(Location::from).collect();
        ErrorReply::new(code::VALIDATION_FAILED, message).at(at)
    });
    errors.collect()
}

/// What the validator says, as a sentence.
fn sentence(words: &str) -> String {
    let mut words = ended(words);
    if let Some(first) = words.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    words
}

/// The same, or what the parser says, as the end of one.
fn ended(words: &str) -> String {
    let mut words = words.replace('`', "\"").replace('\n', " ");
    if !words.ends_with('.') {
        words.push('.');
    }
    words
}

/// Where something stands in a document.
pub(super) fn locations(at: Option<SourceSpan>, sources: &SourceMap) -> Vec<Location> {
    let place = at.and_then(|at| at.line_column(sources));
    place.map(Location::from).into_iter().collect()
}

impl From<LineColumn> for Location {
    fn from(LineColumn { line, column }: LineColumn) -> Self {
        Self { line, column }
    }
}
