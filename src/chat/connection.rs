//! What an open socket holds: its share of the user's presence, the way to hear of events, and its session's end.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::broadcast;

use super::Chat;
use crate::{
    auth::{Revocation, Viewer},
    domain::{MessageEvent, Position, TypingEvent},
    realtime::{Attachment, Changes, PresenceReceiver},
};
use std::sync::Arc;

/// An initialised socket of a viewer. While it is held, the viewer is online.
pub struct Connection {
    chat: Chat,
    viewer: Viewer,
    revocation: Revocation,
    attachment: Attachment,
    resume: Vec<String>,
    live: AtomicBool,
}

/// The user has as many sockets as one may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooManySockets;

/// Messages from the moment of subscribing on, taken before anything is read.
pub struct Held {
    pub(super) receiver: broadcast::Receiver<Arc<MessageEvent>>,
    pub(super) head: Position,
    /// The cursors that the socket was opened with, while they count.
    pub(super) resume: Vec<String>,
}

impl Chat {
    /// Counts a socket of the viewer. `resume` are the last cursors that its client had on an earlier one.
    ///
    /// # Errors
    /// [`TooManySockets`].
    pub fn connect(
        &self,
        viewer: Viewer,
        resume: Vec<String>,
    ) -> Result<Connection, TooManySockets> {
        if !self.0.presence.opened(viewer.user_id) {
            return Err(TooManySockets);
        }
        Ok(Connection {
            chat: self.clone(),
            viewer,
            revocation: self.0.sessions.watch(viewer.session_id),
            attachment: self.0.hub.attach(viewer.user_id),
            resume,
            live: AtomicBool::new(false),
        })
    }
}

impl Connection {
    /// Whose it is.
    pub fn viewer(&self) -> &Viewer {
        &self.viewer
    }

    /// Waits until the session is ended.
    pub fn revoked(&self) -> impl Future<Output = ()> + Send + use<> {
        self.revocation.revoked()
    }

    /// Takes hold of the messages from here on.
    pub fn hold_messages(&self) -> Held {
        let (receiver, head) = self.attachment.messages();
        let resume = if self.live.load(Ordering::Relaxed) {
            Vec::new()
        } else {
            self.resume.clone()
        };
        Held {
            receiver,
            head,
            resume,
        }
    }

    /// Takes hold of the presence from here on.
    pub fn hold_presence(&self) -> PresenceReceiver {
        self.chat.0.presence.watch()
    }

    /// Takes hold of the typing events from here on.
    pub fn hold_typing(&self) -> broadcast::Receiver<Arc<TypingEvent>> {
        self.attachment.typing()
    }

    /// Takes hold of the changes of conversations from here on.
    pub fn hold_changes(&self) -> Changes {
        self.attachment.changes()
    }

    /// Notes that a live event went out, after which the cursors that the socket was opened with are out of date.
    pub(super) fn went_live(&self) {
        self.live.store(true, Ordering::Relaxed);
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.chat
            .0
            .presence
            .closed(self.viewer.user_id, self.revocation.is_revoked());
    }
}
