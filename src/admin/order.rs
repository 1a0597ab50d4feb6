//! What an operator can ask for, and what comes of it, as JSON.

use serde::{Deserialize, Serialize};

pub use crate::domain::Totals;
use crate::domain::{
    Timestamp, UserId,
    textual::{as_text, as_text_if_any},
};

/// Where a list goes on: behind someone with this name and id.
pub type After = (String, UserId);

/// What an operator asks for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "order", rename_all = "camelCase", deny_unknown_fields)]
pub enum Order {
    /// A part of the list of everyone.
    Users {
        #[serde(default, with = "place", skip_serializing_if = "Option::is_none")]
        after: Option<After>,
    },
    /// How much there is.
    Stats,
    /// Another password for someone, whose sessions end.
    ResetPassword { username: String },
    /// The end of an account.
    DeleteUser { username: String },
    /// The end of someone's sessions.
    EndSessions { username: String },
}

/// What came of an order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "camelCase")]
pub enum Answer {
    Users {
        users: Vec<Listed>,
        /// Where the list goes on.
        #[serde(default, with = "place", skip_serializing_if = "Option::is_none")]
        next: Option<After>,
    },
    Stats(Totals),
    NewPassword {
        username: String,
        password: String,
    },
    Deleted {
        username: String,
    },
    SessionsEnded {
        username: String,
        sessions: usize,
    },
    /// Nothing did; why, in a line for the operator.
    Failed {
        reason: String,
    },
}

/// Someone in a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Listed {
    #[serde(with = "as_text")]
    pub id: UserId,
    pub username: String,
    pub display_name: String,
    #[serde(with = "as_text")]
    pub created_at: Timestamp,
    #[serde(default, with = "as_text_if_any")]
    pub last_seen_at: Option<Timestamp>,
}

/// For serde: a place in the list.
mod place {
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    use super::{After, UserId};

    #[expect(clippy::ref_option, reason = "serde passes it so")]
    pub fn serialize<S: Serializer>(place: &Option<After>, to: S) -> Result<S::Ok, S::Error> {
        let place = place.as_ref().map(|(key, id)| (key, id.to_string()));
        place.serialize(to)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<After>, D::Error> {
        let place = Option::<(String, String)>::deserialize(from)?;
        let read = |(key, id): (String, String)| {
            let id = UserId::parse(&id).ok_or_else(|| D::Error::custom("an id that is none"))?;
            Ok((key, id))
        };
        place.map(read).transpose()
    }
}
