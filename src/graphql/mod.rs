//! Translation between GraphQL and the chat: a file a topic, each with its objects, queries, mutations and
//! subscriptions, declared once. What becomes of the declarations is in `engine`.
//!
//! To add
//! - a field: a line in its type's `object!`, with its audience, and its size if it holds many;
//! - a type: an `object!` with what holds it, cheap to clone; `connection!` gives it pages;
//! - a query or a mutation: a line in its topic's `fields!`; a topic's first ones are also named below;
//! - a subscription: a line in its topic's `fields!`, its `Source`, and `Event`s of objects;
//! - a kind of event: an `event!`, its name in `ChatEvent`, and in `event` what it is made of;
//! - what a client gives: an `InputObject` of async-graphql's. Then run `cargo run -- schema > schema.graphql`.

mod account;
mod blocking;
mod connection;
mod context;
mod conversation;
mod engine;
pub mod error;
mod event;
mod group;
mod loaders;
mod member;
mod message;
mod node;
mod presence;
mod reaction;
mod scalar;
mod search;
mod session;
mod source;
mod typing;
mod user;

use std::sync::LazyLock;

pub use context::{RequestContext, RequestId, SessionCookie};
pub use engine::{Api, JsonObject, Operation, OperationKind, Outcome, Params, Payload, Reply, sdl};
pub use error::ErrorReply;

use engine::{Declared, FieldDefinitions, Table};

/// Declares a root type by its topics' fields.
macro_rules! root {
    ($(#[doc = $doc:literal])+ $name:ident, [$($topic:ident :: $fields:ident),+]) => {
        $(#[doc = $doc])+
        #[derive(Clone)]
        pub struct $name;

        impl Declared for $name {
            fn table() -> &'static Table<Self> {
                static TABLE: LazyLock<Table<$name>> = LazyLock::new(|| {
                    let topics: [FieldDefinitions<$name>; _] = [$($topic::$fields()),+];
                    let fields = topics.into_iter().flatten().collect();
                    Table::new(stringify!($name), concat!($($doc),+), fields)
                });
                &TABLE
            }
        }
    };
}

root!(
    /// What can be asked.
    Query,
    [
        node::queries,
        user::queries,
        conversation::queries,
        message::queries,
        search::queries,
        session::queries,
        blocking::queries
    ]
);
root!(
    /// What can be done.
    Mutation,
    [
        account::mutations,
        message::mutations,
        conversation::mutations,
        group::mutations,
        typing::mutations,
        session::mutations,
        blocking::mutations
    ]
);
root!(
    /// What can be listened to.
    Subscription,
    [event::subscriptions, presence::subscriptions, conversation::subscriptions, typing::subscriptions]
);
