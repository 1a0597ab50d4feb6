//! Runs operations by their plans (GraphQL specification, 6.2 and 6.4).

use std::sync::Arc;

use apollo_compiler::{Name, introspection, response::JsonMap};

use super::{
    answer::Hole,
    declare::Object,
    document::Operation,
    plan::{FieldKind, OperationKind},
    schema::VALIDATOR,
    writer::Writer,
};
use crate::{
    error::Error,
    graphql::{RequestContext, error::ErrorReply},
};

/// What came of an operation.
pub(super) struct Resolved {
    /// The response's `data`.
    pub(super) data: Vec<u8>,
    pub(super) errors: Vec<ErrorReply>,
    /// What readers fill in, and where.
    pub(super) holes: Vec<(usize, Hole)>,
}

/// What an operation runs with.
pub(super) struct Run<'p> {
    pub(super) operation: &'p Operation,
    pub(super) cx: Arc<RequestContext>,
}

impl Run<'_> {
    /// Runs a query's fields side by side, a mutation's one after the other (6.2.2).
    pub(super) async fn operation(self, root: &dyn Object) -> Resolved {
        let plan = &*self.operation.plan;
        let serially = plan.kind == OperationKind::Mutation;
        let introspected = self.introspected();
        let cx = self.cx.clone();
        let mut writer = Writer::new(self, introspected);
        for field in &plan.fields {
            writer.write_root(|writer| writer.field(root, field));
            if serially {
                writer.settle().await;
                cx.notice_end_of_session();
            }
        }
        writer.settle().await;
        writer.finish()
    }

    /// Writes what is selected from the one root field of a subscription, of an event that it gave.
    pub(super) async fn event(self, event: &dyn Object) -> Resolved {
        let plan = &*self.operation.plan;
        let mut writer = Writer::new(self, Ok(JsonMap::new()));
        for field in &plan.fields {
            writer.write_root(|writer| writer.given(event, field));
        }
        writer.settle().await;
        writer.finish()
    }

    /// What the schema says of itself, as far as the operation asks.
    fn introspected(&self) -> Result<JsonMap, Error> {
        let Operation {
            document,
            plan,
            variables,
        } = self.operation;
        let mut fields = plan.fields.iter();
        if !fields.any(|field| matches!(field.kind, FieldKind::Introspection)) {
            return Ok(JsonMap::new());
        }
        let (schema, document) = (&VALIDATOR.schema, &document.valid);
        let name = plan.name.as_ref().map(Name::as_str);
        let told = document.operations.get(name).and_then(|operation| {
            let implementers = &VALIDATOR.implementers;
            introspection::partial_execute(schema, implementers, document, operation, variables)
        });
        let told = told.map_err(|error| Error::Internal(error.message().to_string()))?;
        match told.errors.into_iter().next() {
            // Null where none may be is all that can go wrong in it.
            Some(error) => Err(Error::bad_input("variables", error.message)),
            None => Ok(told.data.unwrap_or_default()),
        }
    }
}
