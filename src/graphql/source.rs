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
    /// Takes what the subscription with this root field hears; `None` for a name that the schema does not have.
    pub(super) fn of(connection: &Arc<Connection>, root_field: &str) -> Option<Self> {
        Self::taking(root_field).map(|take| take(connection))
    }

    /// How a subscription's source is taken.
    fn taking(root_field: &str) -> Option<fn(&Arc<Connection>) -> Self> {
        Some(match root_field {
            "events" | "newMessage" | "messageChanged" => {
                |connection| Self::Log(connection.clone(), connection.hold_log())
            }
            "onlineUsersChanged" => |connection| Self::Presence(connection.hold_presence()),
            "typing" => {
                |connection| Self::Typing(connection.hold_typing(), connection.hold_changes())
            }
            "conversationChanged" => |connection| Self::Changes(connection.hold_changes()),
            _ => return None,
        })
    }

    /// Whether the subscription with this root field is known to have one.
    #[cfg(test)]
    pub(super) fn is_known_of(root_field: &str) -> bool {
        Self::taking(root_field).is_some()
    }
}
