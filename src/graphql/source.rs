//! Where subscriptions hear of what happens.

use std::sync::Arc;

use tokio::sync::broadcast;

use crate::{
    chat::{Connection, ConversationChanges, LogSource, PresenceReceiver},
    domain::TypingEvent,
};

/// The source of a subscription's events, taken before anything that its socket sends later takes effect.
pub(super) enum Source {
    Log(Arc<Connection>, LogSource),
    Presence(PresenceReceiver),
    /// With what tells that somebody may have left.
    Typing(broadcast::Receiver<Arc<TypingEvent>>, ConversationChanges),
    Changes(ConversationChanges),
}

impl Source {
    /// Takes hold of what the subscription with this root field hears; `None` for a name that the schema does not have.
    pub(super) fn of(connection: &Arc<Connection>, root_field: &str) -> Option<Self> {
        Some(match root_field {
            "events" | "newMessage" | "messageChanged" => {
                Self::Log(connection.clone(), connection.hold_log())
            }
            "onlineUsersChanged" => Self::Presence(connection.hold_presence()),
            "typing" => Self::Typing(connection.hold_typing(), connection.hold_changes()),
            "conversationChanged" => Self::Changes(connection.hold_changes()),
            _ => return None,
        })
    }
}
