//! Whatever has an id of its own, by that id alone; and what this server is.

use std::sync::Arc;

use async_graphql::ID;
use futures_util::future::try_join_all;

use super::{
    Query, RequestContext,
    conversation::Conversation,
    engine::{fields, interface, object},
    message::Message,
    session::Session,
    user::User,
};
use crate::{
    domain::{ConversationId, MessageId, SessionId, UserId},
    error::{Error, Result},
};

/// Ids that may be asked for at once.
const MOST: usize = 100;

interface! {
    /// Whatever has an id of its own. Ids are `TypeID`s (a lower-case word for the kind, `_`, 26 characters of Crockford's base 32 of a `UUIDv7`): `user_…`, `conv_…`, `msg_…`, `sess_…`. Clients treat them as opaque.
    Node of User | Conversation | Message | Session {
        /// Names it for good, among everything that has an id.
        id: ID;
    }
}

/// What there is by this id for the viewer, as its own queries would show it.
async fn node(cx: &Arc<RequestContext>, id: &str) -> Result<Option<Node>> {
    let viewer = cx.viewer_id()?;
    Ok(if let Some(id) = UserId::parse(id) {
        let user = cx.loaders().load_one(id).await?;
        user.map(|user| User(user).into())
    } else if let Some(id) = ConversationId::parse(id) {
        let conversation = cx.chat.conversation(viewer, id).await?;
        conversation.map(|conversation| Conversation::new(conversation).into())
    } else if let Some(id) = MessageId::parse(id) {
        let Some(message) = cx.loaders().load_one(id).await? else {
            return Ok(None);
        };
        let conversation = cx.loaders().load_one(message.conversation_id).await?;
        let conversation = conversation.filter(|conversation| conversation.has_member(viewer));
        conversation.map(|conversation| Message::within(message, conversation).into())
    } else if let Some(id) = SessionId::parse(id) {
        let session = cx.chat.session(viewer, id).await?;
        session.map(|session| Session::new(session).into())
    } else {
        None
    })
}

object! {
    /// What this server is and can do.
    struct Server();
    |server, cx| {
        /// Of the program, by semantic versioning.
        version: String = everyone => env!("CARGO_PKG_VERSION");
        /// Whether anyone can sign up.
        signupOpen: bool = everyone => cx.chat.signup_is_open();
        /// Names of what this version can do beyond the first release, for frontends that meet several versions: `accounts` (profiles, passwords, deletion, sessions, blocking), `events` (one stream of everything, with `previous`), `groups`, `messageChanges` (editing and deleting), `reactions`, `search` (of messages by their words). A name stays what it means.
        features: Vec<String> = everyone[about 5] => FEATURES;
    }
}

/// Sorted.
const FEATURES: &[&str] = &[
    "accounts",
    "events",
    "groups",
    "messageChanges",
    "reactions",
    "search",
];

fields! { queries of Query, |_query, cx| {
    /// What this server is and can do; also for who is not signed in.
    server: Server = each => Server();
    /// Null when there is no such thing for the viewer.
    node(
        /// Of anything that has one.
        id: ID,
    ): Option<Node> = each loads { Ok(node(&cx, &id).await?) };
    /// In the order of `ids`, null where there is no such thing for the viewer; at most 100.
    nodes(
        /// Of anything that has one.
        ids: Vec<ID>,
    ): Vec<Option<Node>> = each[about 50] loads {
        cx.viewer()?;
        if ids.len() > MOST {
            let rule = format!("At most {MOST} ids can be asked for.");
            return Err(Error::bad_input("ids", rule).into());
        }
        let nodes = ids.iter().map(|id| node(&cx, id));
        Ok(try_join_all(nodes).await?)
    };
} }
