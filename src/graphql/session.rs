//! Sessions: where the viewer is signed in.

use std::sync::Arc;

use async_graphql::ID;

use super::{
    Mutation, Query,
    context::SessionCookie,
    engine::{fields, object},
    scalar::DateTime,
};
use crate::{
    domain::{self, Device, SessionId},
    error::Error,
};

object! {
    /// One sign-in of the viewer.
    pub(super) struct Session(pub(super) Arc<domain::Session>);
    |session, cx| {
        /// Names the session for good.
        id: ID = everyone => session.0.id;
        /// The user agent at sign-in, its first 200 characters; null when the client did not say.
        device: Option<String> = everyone => session.0.device.as_ref().map(Device::as_str);
        /// When it began.
        createdAt: DateTime = everyone => session.0.created_at;
        /// When it was last used, to within ten minutes.
        lastUsedAt: DateTime = everyone => session.0.last_used_at;
        /// When it ends by itself.
        expiresAt: DateTime = everyone => session.0.expires_at;
        /// The one that this request uses.
        current: bool = each => cx.viewer.is_some_and(|viewer| viewer.session_id == session.0.id);
    }
}

impl Session {
    pub(super) fn new(session: domain::Session) -> Self {
        Self(Arc::new(session))
    }
}

fields! { queries of Query, |_query, cx| {
    /// Where the viewer is signed in, newest first; at most 1,000.
    sessions: Vec<Session> = each[about 5] loads {
        let sessions = cx.chat.sessions(cx.viewer_id()?).await?;
        Ok(sessions.into_iter().map(Session::new).collect::<Vec<_>>())
    };
} }

fields! { mutations of Mutation, |_mutation, cx| {
    /// Ends one session of the viewer for good, at once: its token stops working, its open sockets are closed. Of the session that this request uses it is a `logout`.
    revokeSession(
        /// The session's id.
        id: ID,
    ): bool = each loads {
        let viewer = cx.viewer()?;
        let id = SessionId::parse(&id).ok_or_else(|| Error::no_session("id"))?;
        cx.chat.revoke_session(viewer.user_id, id).await?;
        if id == viewer.session_id {
            *cx.cookie.lock() = Some(Box::new(SessionCookie::Clear));
        }
        Ok(true)
    };
} }
