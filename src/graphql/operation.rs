//! One operation from its text to its answer, whatever transport brought it.

use std::{
    collections::HashSet,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::{Duration, Instant},
};

use async_graphql::{Name, Request, Response, Value, Variables};
use futures_util::FutureExt;
use serde::Deserialize;
use tracing::Instrument;

use super::{
    ChatSchema, EventSchema, RequestContext,
    document::{Document, Documents, Rules},
    error::ErrorReply,
    json,
    payload::Payloads,
    schema,
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
    pub(super) document: Arc<Document>,
    pub(super) variables: Variables,
}

impl Operation {
    /// What it does.
    pub fn kind(&self) -> OperationKind {
        self.document.kind
    }

    /// The name of its (first) root field.
    pub fn root_field(&self) -> &str {
        &self.document.root_field
    }
}

/// A response: the JSON object of the GraphQL specification's section 7.
#[derive(Debug)]
pub struct Reply {
    pub errors: Vec<ErrorReply>,
    /// Absent when nothing ran. Parts of it may be written already: it becomes JSON by [`Reply::to_json`] alone.
    data: Option<Value>,
}

impl Reply {
    /// Nothing ran.
    pub fn refused(errors: Vec<ErrorReply>) -> Self {
        Self { errors, data: None }
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
        self.written().unwrap_or_else(|error| {
            tracing::error!(error, "a response could not be written");
            r#"{"errors":[{"message":"Something went wrong on our side.","extensions":{"code":"INTERNAL_SERVER_ERROR"}}],"data":null}"#.to_owned()
        })
    }

    fn written(&self) -> Result<String, Box<dyn std::error::Error>> {
        let mut json = b"{".to_vec();
        if !self.errors.is_empty() {
            json::write_key(&mut json, "errors");
            serde_json::to_writer(&mut json, &self.errors)?;
        }
        if let Some(data) = &self.data {
            json::write_key(&mut json, "data");
            json::write_value(&mut json, data);
        }
        json.push(b'}');
        Ok(String::from_utf8(json)?)
    }

    /// Whether all of its data is null.
    pub(super) fn is_empty(&self) -> bool {
        match &self.data {
            None | Some(Value::Null) => true,
            Some(Value::Object(fields)) => fields.values().all(|value| *value == Value::Null),
            Some(_) => false,
        }
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

/// The API: takes operations in, runs them. Cheap to clone.
#[derive(Clone)]
pub struct Api(pub(super) Arc<Inner>);

pub(super) struct Inner {
    pub(super) schema: ChatSchema,
    /// On which a subscription's selection is resolved.
    pub(super) events: EventSchema,
    /// Never runs anything.
    validator: ChatSchema,
    documents: Documents,
    pub(super) payloads: Arc<Payloads>,
    chat: Chat,
    pub(super) metrics: Arc<Metrics>,
    /// Every name of the schema: no other is ever a label.
    names: HashSet<String>,
    input_types: InputTypes,
    introspection: bool,
    limits: Limits,
}

impl Api {
    /// The API of a chat.
    pub fn new(chat: Chat, metrics: Arc<Metrics>, introspection: bool) -> Self {
        let schema = schema::executor(&chat, introspection);
        let names = schema.names().into_iter().collect();
        let input_types = InputTypes::of(&schema.sdl());
        let limits = chat.limits().clone();
        Self(Arc::new(Inner {
            schema,
            events: schema::events(&chat),
            validator: schema::validator(introspection),
            documents: Documents::new(),
            payloads: Arc::default(),
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

    /// Finds the operation that `params` ask for and refuses what is too large, before anything is validated, and
    /// what is not valid.
    ///
    /// # Errors
    /// The response's `errors`.
    pub fn operation(&self, params: Params) -> Result<Operation, Vec<ErrorReply>> {
        let rules = Rules {
            limits: &self.0.limits,
            introspection: self.0.introspection,
            input_types: &self.0.input_types,
        };
        let validate = |request, root_field: &Name| self.validate(request, root_field);
        let find = || self.0.documents.find(params, &rules, validate);
        let found = catch_unwind(AssertUnwindSafe(find))
            .unwrap_or_else(|panic| Err(vec![ErrorReply::from(&panicked(panic.as_ref()))]));
        let (document, variables) = found?;
        Ok(Operation {
            document,
            variables,
        })
    }

    fn validate(&self, request: Request, root_field: &Name) -> Result<(), Vec<ErrorReply>> {
        let began = Instant::now();
        // It waits for nothing.
        let Some(response) = self.0.validator.execute(request).now_or_never() else {
            let error = Error::Internal("validation was not done at once".into());
            return Err(vec![ErrorReply::from(&error)]);
        };
        let errors = response.errors.into_iter().take(MAX_ERRORS);
        let errors = errors.map(ErrorReply::from).collect::<Vec<_>>();
        if errors.is_empty() {
            return Ok(());
        }
        self.count(root_field, &errors, began.elapsed());
        Err(errors)
    }

    /// Runs a query or a mutation to its end, at most [`Limits::operation`] long. A mutation goes on even when the
    /// caller does not wait for it.
    pub async fn execute(&self, operation: Operation, context: Arc<RequestContext>) -> Reply {
        let began = Instant::now();
        let Operation {
            document,
            variables,
        } = operation;
        let request = document.request(&document.runs, variables, context);
        let schema = self.0.schema.clone();
        let run = async move {
            AssertUnwindSafe(schema.execute(request))
                .catch_unwind()
                .await
        };
        let limit = self.0.limits.operation;
        let outcome = if document.kind == OperationKind::Mutation {
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
                "{} took longer than {limit:?}",
                document.root_field
            ))),
        };
        self.count(&document.root_field, &reply.errors, began.elapsed());
        reply
    }

    /// Notes how an operation went.
    pub(super) fn count(&self, root_field: &Name, errors: &[ErrorReply], took: Duration) {
        let known = self.0.names.contains(root_field.as_str());
        let field = if known { root_field } else { "other" };
        let outcome = errors.first().map_or("ok", |error| error.extensions.code);
        self.0.metrics.operation(field, outcome, took);
    }
}

pub(super) fn panicked(panic: &(dyn std::any::Any + Send)) -> Error {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    Error::Internal(format!("a panic: {}", text.unwrap_or_default()))
}
