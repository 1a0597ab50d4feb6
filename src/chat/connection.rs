//! What an open socket holds: its share of the user's presence, the way to hear of events, and its session's end.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::sync::{broadcast, watch};

use super::{Chat, Prepared};
use crate::{
    auth::{Revocation, Viewer},
    domain::{Stand, TypingEvent},
    error::{Error, Result},
    realtime::{Attachment, ConversationChanges, LogReceiver, PresenceReceiver, Reads},
};

/// An initialised socket of a viewer. While it is held, the viewer is online.
pub struct Connection {
    chat: Chat,
    viewer: Viewer,
    revocation: Revocation,
    attachment: Attachment<Prepared>,
    resume: Vec<String>,
    live: AtomicBool,
    /// Made when one has to wait; on a store with one process none ever does.
    effects: OnceLock<watch::Sender<Pending>>,
}

/// Subscriptions that have arrived and not taken effect yet.
#[derive(Default)]
struct Pending {
    arrived: u64,
    pending: BTreeSet<u64>,
}

/// A subscription that has not taken effect yet; dropped when it has, or never will.
pub(super) struct Effect {
    number: u64,
    pending: watch::Sender<Pending>,
}

impl Drop for Effect {
    fn drop(&mut self) {
        self.pending.send_modify(|pending| {
            pending.pending.remove(&self.number);
        });
    }
}

/// What has yet to take effect of what a socket has sent.
pub struct Effects {
    up_to: u64,
    pending: watch::Receiver<Pending>,
}

impl Effects {
    /// Completes when all of it has.
    pub async fn taken(mut self) {
        let taken = |pending: &Pending| {
            let first = pending.pending.first();
            first.is_none_or(|first| *first > self.up_to)
        };
        // When the socket is gone, nothing of it takes effect any more.
        let _ = self.pending.wait_for(taken).await;
    }
}

/// The user has as many sockets as one may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooManySockets;

/// What the log brings from the moment of subscribing on, taken before anything is read.
pub struct LogSource {
    pub(super) receiver: LogReceiver,
    pub(super) stand: Arc<Stand>,
    pub(super) reads: Reads,
    /// The cursors that the socket was opened with, while they count.
    pub(super) resume: Vec<String>,
    /// It takes effect only when what other processes acknowledged before is known here.
    pub(super) effect: Option<Effect>,
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
            self.0.metrics.refused_by("sockets_of_user").inc();
            return Err(TooManySockets);
        }
        Ok(Connection {
            chat: self.clone(),
            viewer,
            revocation: self.0.sessions.watch(&viewer),
            attachment: self.0.hub.attach(viewer.user_id),
            resume,
            live: AtomicBool::new(false),
            effects: OnceLock::new(),
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

    /// Whether what happens may be told: not to a session that was ended, nor while it may have been missed that it was.
    pub fn may_tell(&self) -> bool {
        !self.revocation.is_revoked() && self.chat.0.trust.holds()
    }

    /// Looks whether the session was ended, where that may have been missed.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] when it was; the store's.
    pub fn check_session(&self) -> impl Future<Output = Result<()>> + Send + use<> {
        let (chat, session) = (self.chat.clone(), self.viewer.session_id);
        async move {
            if chat.0.trust.holds() || chat.0.sessions.is_live(session).await? {
                return Ok(());
            }
            Err(Error::signed_out())
        }
    }

    /// Completes when [`Connection::may_tell`] again; never for a session that was ended.
    pub fn can_tell(&self) -> impl Future<Output = ()> + Send + use<> {
        let chat = self.chat.clone();
        let is_over = self.revocation.is_revoked();
        async move {
            if is_over {
                std::future::pending::<()>().await;
            }
            chat.0.trust.held().await;
        }
    }

    /// Takes hold of what happens in conversations from here on.
    pub fn hold_log(&self) -> LogSource {
        let reads = self.attachment.reads();
        let (receiver, stand) = self.attachment.log();
        let resume = if self.live.load(Ordering::Relaxed) {
            Vec::new()
        } else {
            self.resume.clone()
        };
        let effect = (!self.chat.is_up_to_date()).then(|| self.take_effect_later());
        LogSource {
            receiver,
            stand,
            reads,
            resume,
            effect,
        }
    }

    fn take_effect_later(&self) -> Effect {
        let mut number = 0;
        let effects = self.effects.get_or_init(watch::Sender::default);
        effects.send_modify(|pending| {
            pending.arrived += 1;
            number = pending.arrived;
            pending.pending.insert(number);
        });
        Effect {
            number,
            pending: effects.clone(),
        }
    }

    /// What has yet to take effect of what came so far; `None` when all has.
    pub fn effects(&self) -> Option<Effects> {
        let effects = self.effects.get()?;
        let pending = effects.borrow();
        (!pending.pending.is_empty()).then(|| Effects {
            up_to: pending.arrived,
            pending: effects.subscribe(),
        })
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
    pub fn hold_changes(&self) -> ConversationChanges {
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
