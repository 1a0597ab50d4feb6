//! Translation between GraphQL and the chat: a file a topic, each with its objects, queries, mutations and
//! subscriptions.

mod account;
mod conflicts;
mod connection;
mod context;
mod conversation;
pub mod error;
mod limits;
mod loaders;
mod message;
mod meter;
mod omitted;
mod operation;
mod presence;
mod scalar;
mod tokens;
mod user;
mod variables;

use async_graphql::{
    MergedObject, MergedSubscription, SDLExportOptions, Schema,
    dataloader::DataLoader,
    runtime::{TokioSpawner, TokioTimer},
};

pub use context::{Hold, RequestContext, SessionCookie};
pub use error::ErrorReply;
pub use operation::{Api, Operation, OperationKind, Outcome, Params, Reply};

use crate::chat::Chat;
use loaders::Loaders;

/// What can be asked.
#[derive(MergedObject, Default)]
pub struct Query(
    user::UserQuery,
    conversation::ConversationQuery,
    message::MessageQuery,
);

/// What can be done.
#[derive(MergedObject, Default)]
pub struct Mutation(
    account::AccountMutation,
    message::MessageMutation,
    conversation::ConversationMutation,
);

/// What can be listened to.
#[derive(MergedSubscription, Default)]
pub struct Subscription(
    message::MessageSubscription,
    presence::PresenceSubscription,
    conversation::ConversationSubscription,
);

type ChatSchema = Schema<Query, Mutation, Subscription>;

/// The schema with a chat behind it. Everything that bounds a document is checked before it gets here.
fn schema(chat: &Chat, introspection: bool) -> ChatSchema {
    let loaders = DataLoader::new(
        Loaders(chat.clone()),
        TokioSpawner::current(),
        TokioTimer::default(),
    );
    let builder = Schema::build(
        Query::default(),
        Mutation::default(),
        Subscription::default(),
    )
    .data(loaders)
    .disable_suggestions();
    if introspection {
        builder.finish()
    } else {
        builder.disable_introspection().finish()
    }
}

/// The schema in the schema definition language, as `schema.graphql` holds it.
pub fn sdl() -> String {
    let schema = Schema::new(
        Query::default(),
        Mutation::default(),
        Subscription::default(),
    );
    let options = SDLExportOptions::new()
        .sorted_fields()
        .sorted_arguments()
        .sorted_enum_items()
        .include_specified_by()
        .use_space_ident()
        .prefer_single_line_descriptions();
    schema.sdl_with_options(options)
}
