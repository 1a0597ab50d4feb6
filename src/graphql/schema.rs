//! The schemas that run documents, each for its part. Everything that bounds a document is checked before it gets here.

use std::sync::Arc;

use async_graphql::{
    EmptyMutation, EmptySubscription, ObjectType, Response, Schema, SchemaBuilder,
    SubscriptionType, ValidationMode, Value,
    dataloader::DataLoader,
    extensions::{Extension, ExtensionContext, ExtensionFactory, NextExecute},
    runtime::{TokioSpawner, TokioTimer},
};

use super::{
    ChatSchema, EventSchema, Mutation, Query, Subscription, event::EventQuery, loaders::Loaders,
};
use crate::chat::Chat;

/// Says what is wrong with a document, and runs none.
pub(super) fn validator(introspection: bool) -> ChatSchema {
    let builder = Schema::build(
        Query::default(),
        Mutation::default(),
        Subscription::default(),
    );
    introspected(builder.extension(ValidationOnly), introspection)
}

/// Runs documents that were validated.
pub(super) fn executor(chat: &Chat, introspection: bool) -> ChatSchema {
    let builder = Schema::build(
        Query::default(),
        Mutation::default(),
        Subscription::default(),
    );
    introspected(running(builder, chat), introspection)
}

/// Resolves the selections of subscriptions, which were validated as such.
pub(super) fn events(chat: &Chat) -> EventSchema {
    let builder = Schema::build(EventQuery, EmptyMutation, EmptySubscription);
    introspected(running(builder, chat), false)
}

fn running<Q, M, S>(builder: SchemaBuilder<Q, M, S>, chat: &Chat) -> SchemaBuilder<Q, M, S>
where
    Q: ObjectType + 'static,
    M: ObjectType + 'static,
    S: SubscriptionType + 'static,
{
    let loaders = DataLoader::new(
        Loaders(chat.clone()),
        TokioSpawner::current(),
        TokioTimer::default(),
    );
    builder.data(loaders).validation_mode(ValidationMode::Fast)
}

fn introspected<Q, M, S>(builder: SchemaBuilder<Q, M, S>, allowed: bool) -> Schema<Q, M, S>
where
    Q: ObjectType + 'static,
    M: ObjectType + 'static,
    S: SubscriptionType + 'static,
{
    if allowed {
        builder.finish()
    } else {
        // "Did you mean" would tell names as well.
        let builder = builder.disable_introspection().disable_suggestions();
        builder.finish()
    }
}

struct ValidationOnly;

impl ExtensionFactory for ValidationOnly {
    fn create(&self) -> Arc<dyn Extension> {
        Arc::new(Self)
    }
}

#[async_trait::async_trait]
impl Extension for ValidationOnly {
    async fn execute(
        &self,
        _: &ExtensionContext<'_>,
        _: Option<&str>,
        _: NextExecute<'_>,
    ) -> Response {
        Response::new(Value::Null)
    }
}
