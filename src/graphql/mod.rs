//! Translation between GraphQL and the chat: a file a topic, each with its objects, queries, mutations and
//! subscriptions.

mod account;
mod at_hand;
mod conflicts;
mod connection;
mod context;
mod conversation;
mod document;
pub mod error;
mod event;
mod json;
mod limits;
mod loaders;
mod member;
mod message;
mod meter;
mod omitted;
mod operation;
mod payload;
mod presence;
mod root_field;
mod scalar;
mod schema;
mod sharing;
mod subscription;
mod tokens;
mod typing;
mod user;
mod variables;

use async_graphql::{
    EmptyMutation, EmptySubscription, MergedObject, MergedSubscription, SDLExportOptions, Schema,
};

pub use context::{Hold, RequestContext, RequestId, SessionCookie};
pub use error::ErrorReply;
pub use operation::{Api, Operation, OperationKind, Params, Reply};
pub use payload::Payload;
pub use subscription::Outcome;

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
    typing::TypingMutation,
);

/// What can be listened to.
#[derive(MergedSubscription, Default)]
pub struct Subscription(
    message::MessageSubscription,
    presence::PresenceSubscription,
    conversation::ConversationSubscription,
    typing::TypingSubscription,
);

type ChatSchema = Schema<Query, Mutation, Subscription>;

/// Of events as queries; never seen from outside.
type EventSchema = Schema<event::EventQuery, EmptyMutation, EmptySubscription>;

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
