//! One operation from its text to its answer, whatever transport brought it.

use std::{
    any::Any,
    panic::AssertUnwindSafe,
    sync::Arc,
    time::{Duration, Instant},
};

use apollo_compiler::response::JsonMap;
use async_graphql::{
    dataloader::DataLoader,
    runtime::{TokioSpawner, TokioTimer},
};
use futures_util::FutureExt;
use serde::Deserialize;
use tracing::Instrument;

use super::{
    document::{Documents, Operation},
    execute::Run,
    payload::Payloads,
    plan::OperationKind,
};
use crate::{
    chat::Chat,
    domain::Limits,
    error::Error,
    graphql::{Mutation, Query, RequestContext, error::ErrorReply, loaders::Loaders},
    metrics::Metrics,
};

/// A request's parameters, as GraphQL over HTTP and graphql-transport-ws both have them.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Params {
    pub query: String,
    #[serde(default)]
    pub operation_name: Option<String>,
    #[serde(default)]
    pub variables: Option<JsonMap>,
    #[serde(default)]
    #[expect(dead_code, reason = "must be a map where it is given")]
    extensions: Option<JsonMap>,
}

impl Params {
    /// Of a request that has no extensions.
    pub fn new(query: String, operation_name: Option<String>, variables: Option<JsonMap>) -> Self {
        Self {
            query,
            operation_name,
            variables,
            extensions: None,
        }
    }
}

/// A response: the JSON object of the GraphQL specification's section 7.
#[derive(Debug)]
pub struct Reply {
    pub errors: Vec<ErrorReply>,
    /// As JSON; absent when nothing ran.
    data: Option<String>,
    /// Whether it came to an end as a whole, and not field by field.
    is_cut_off: bool,
}

const NULL: &str = "null";

impl Reply {
    /// Nothing ran.
    pub fn refused(errors: Vec<ErrorReply>) -> Self {
        Self {
            errors,
            data: None,
            is_cut_off: true,
        }
    }

    /// It ran, or would have, and nothing came of it.
    pub fn failed(error: &Error) -> Self {
        Self {
            is_cut_off: true,
            ..Self::of(vec![error.into()], NULL.into())
        }
    }

    pub(super) fn of(errors: Vec<ErrorReply>, data: String) -> Self {
        Self {
            errors,
            data: Some(data),
            is_cut_off: false,
        }
    }

    /// Whether nothing came of it because of an error that is that of no field.
    pub fn is_cut_off(&self) -> bool {
        self.is_cut_off
    }

    /// Whether anything ran.
    pub fn ran(&self) -> bool {
        self.data.is_some()
    }

    /// Whether something came of it.
    pub(super) fn is_null(&self) -> bool {
        self.data.as_deref().is_none_or(|data| data == NULL)
    }

    /// As JSON.
    pub fn to_json(&self) -> String {
        let data = self.data.as_deref();
        let mut json = String::with_capacity(data.map_or(0, str::len) + 16);
        json.push('{');
        if !self.errors.is_empty() {
            json.push_str("\"errors\":");
            json.push_str(&serde_json::to_string(&self.errors).unwrap_or_default());
        }
        if let Some(data) = data {
            json.push_str(if json.len() > 1 {
                ",\"data\":"
            } else {
                "\"data\":"
            });
            json.push_str(data);
        }
        json.push('}');
        json
    }
}

/// The API: takes operations in, runs them. Cheap to clone.
#[derive(Clone)]
pub struct Api(pub(super) Arc<Inner>);

pub(super) struct Inner {
    documents: Documents,
    pub(super) payloads: Arc<Payloads>,
    chat: Chat,
    loaders: Arc<DataLoader<Loaders>>,
    pub(super) metrics: Arc<Metrics>,
    introspection: bool,
    limits: Limits,
}

impl Api {
    /// The API of a chat.
    pub fn new(chat: Chat, metrics: Arc<Metrics>, introspection: bool) -> Self {
        let loaders = DataLoader::new(
            Loaders(chat.clone()),
            TokioSpawner::current(),
            TokioTimer::default(),
        );
        Self(Arc::new(Inner {
            documents: Documents::new(),
            payloads: Arc::default(),
            limits: chat.limits().clone(),
            chat,
            loaders: Arc::new(loaders),
            metrics,
            introspection,
        }))
    }

    /// The chat behind it.
    pub fn chat(&self) -> &Chat {
        &self.0.chat
    }

    /// What loads many things at once.
    pub(in crate::graphql) fn loaders(&self) -> &Arc<DataLoader<Loaders>> {
        &self.0.loaders
    }

    /// Finds the operation that `params` ask for, and refuses what is not valid or too large.
    ///
    /// # Errors
    /// The response's `errors`.
    pub fn operation(&self, params: Params) -> Result<Operation, Vec<ErrorReply>> {
        let began = Instant::now();
        let found = || {
            let Inner {
                documents,
                limits,
                introspection,
                ..
            } = &*self.0;
            documents.find(params, limits, *introspection)
        };
        // Not one of ours, but nothing that a client sends may cost it its connection.
        let found = std::panic::catch_unwind(AssertUnwindSafe(found));
        let found = found.unwrap_or_else(|panic| Err(vec![(&panicked(panic.as_ref())).into()]));
        found.inspect_err(|errors| self.count("other", errors, began.elapsed()))
    }

    /// Runs a query or a mutation to its end, at most [`Limits::operation`] long. A mutation goes on even when the
    /// caller does not wait for it.
    pub async fn execute(&self, operation: Operation, context: Arc<RequestContext>) -> Reply {
        let began = Instant::now();
        let (kind, root_field) = (operation.kind(), operation.plan.root_field_name());
        let run = AssertUnwindSafe(run(operation, context)).catch_unwind();
        let limit = self.0.limits.operation;
        let outcome = if kind == OperationKind::Mutation {
            let task = tokio::spawn(run.in_current_span());
            tokio::time::timeout(limit, async {
                task.await.unwrap_or_else(|error| Err(Box::new(error)))
            })
            .await
        } else {
            tokio::time::timeout(limit, run).await
        };
        let reply = match outcome {
            Ok(Ok(reply)) => reply,
            Ok(Err(panic)) => Reply::failed(&panicked(panic.as_ref())),
            Err(_) => Reply::failed(&Error::Unavailable(format!(
                "{root_field} took longer than {limit:?}"
            ))),
        };
        self.count(root_field, &reply.errors, began.elapsed());
        reply
    }

    /// Notes how an operation went.
    fn count(&self, root_field: &'static str, errors: &[ErrorReply], took: Duration) {
        let outcome = errors.first().map_or("ok", |error| error.extensions.code);
        self.0.metrics.operation(root_field, outcome, took);
    }
}

async fn run(operation: Operation, context: Arc<RequestContext>) -> Reply {
    let viewer = context.viewer.map(|viewer| viewer.user_id);
    if let Err(error) = context.catch_up(operation.plan.needs_news).await {
        return Reply::failed(&error);
    }
    let run = Run {
        operation: &operation,
        cx: context,
    };
    let resolved = if operation.kind() == OperationKind::Mutation {
        run.operation(&Mutation).await
    } else {
        run.operation(&Query).await
    };
    resolved.reply(viewer, None)
}

pub(super) fn panicked(panic: &(dyn Any + Send)) -> Error {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    Error::Internal(format!("a panic: {}", text.unwrap_or_default()))
}
