//! What is said over a socket: the messages of `graphql-transport-ws`, and why it is closed.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{error::Error, graphql::Payload, http::who_asks::bearer};

/// Bytes of an operation's id that a close's reason, of 123 at most, repeats.
const ID_IN_REASON: usize = 90;

/// Cursors that a client may go on from; a socket keeps them as long as it is open.
const MOST_CURSORS: usize = 100;

/// Why a socket is closed by the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Goodbye {
    Stopping,
    Malformed,
    NotUtf8,
    TooBig,
    TooManySockets,
    TryLater,
    InvalidMessage,
    Unauthorized,
    Forbidden,
    ViewerChanged,
    Subprotocol,
    InitTimeout,
    DuplicateId(Arc<str>),
    SecondInit,
}

impl Goodbye {
    /// The close code (RFC 6455, section 7.4, and PROTOCOL.md) and its reason.
    pub(super) fn frame(&self) -> (u16, String) {
        let (code, reason) = match self {
            Self::Stopping => (1001, "The server is stopping"),
            Self::Malformed => (1002, "Protocol error"),
            Self::NotUtf8 => (1007, "Text is not UTF-8"),
            Self::TooBig => (1009, "Message too big"),
            Self::TooManySockets => (1013, "Too many sockets"),
            Self::TryLater => (1013, "Try again later"),
            Self::InvalidMessage => (4400, "Invalid message"),
            Self::Unauthorized => (4401, "Unauthorized"),
            Self::Forbidden => (4403, "Forbidden"),
            // The error's code, for programs to tell it from the other.
            Self::ViewerChanged => (4403, Error::ViewerChanged.code()),
            Self::Subprotocol => (4406, "Subprotocol not acceptable"),
            Self::InitTimeout => (4408, "Connection initialisation timeout"),
            Self::DuplicateId(id) => {
                let id = &id[..id.floor_char_boundary(ID_IN_REASON)];
                return (4409, format!("Subscriber for {id} already exists"));
            }
            Self::SecondInit => (4429, "Too many initialisation requests"),
        };
        (code, reason.to_owned())
    }
}

/// A message from a client.
#[derive(Deserialize)]
pub(super) struct ClientMessage<'a> {
    pub(super) r#type: String,
    #[serde(default)]
    pub(super) id: Option<String>,
    #[serde(borrow, default)]
    pub(super) payload: Option<&'a RawValue>,
}

/// What a client may say of itself when it connects.
#[derive(Default, Deserialize)]
pub(super) struct InitPayload {
    #[serde(default)]
    token: Option<serde_json::Value>,
    #[serde(default, alias = "Authorization")]
    authorization: Option<serde_json::Value>,
    #[serde(default)]
    headers: Option<serde_json::Value>,
    #[serde(default)]
    resume: Option<serde_json::Value>,
    #[serde(default)]
    viewer: Option<serde_json::Value>,
}

impl InitPayload {
    /// The token that it gives; `Err` for something that cannot be one. An empty one is none.
    pub(super) fn token(&self) -> Result<Option<String>, ()> {
        fn text(value: Option<&serde_json::Value>) -> Result<Option<&str>, ()> {
            match value {
                None | Some(serde_json::Value::Null) => Ok(None),
                Some(serde_json::Value::String(text)) => {
                    Ok(Some(text.trim()).filter(|text| !text.is_empty()))
                }
                Some(_) => Err(()),
            }
        }
        let authorization = |value| match text(value)? {
            None => Ok(None),
            // As a template without its token leaves it.
            Some(value) if value.eq_ignore_ascii_case("bearer") => Ok(None),
            Some(value) => bearer(value).map(Some).ok_or(()),
        };
        let in_headers = || {
            let headers = self.headers.as_ref().and_then(serde_json::Value::as_object);
            let named = headers.and_then(|headers| {
                headers
                    .iter()
                    .find(|(name, _)| name.eq_ignore_ascii_case("authorization"))
                    .map(|(_, value)| value)
            });
            authorization(named)
        };
        let token = match text(self.token.as_ref())? {
            Some(token) => Some(token),
            None => match authorization(self.authorization.as_ref())? {
                Some(token) => Some(token),
                None => in_headers()?,
            },
        };
        Ok(token.map(str::to_owned))
    }

    /// The cursors to go on from, the first [`MOST_CURSORS`]. What is no text is no cursor, which the subscription says.
    pub(super) fn resume(&self) -> Vec<String> {
        match &self.resume {
            Some(serde_json::Value::Array(several)) => several
                .iter()
                .filter_map(|one| text_of(Some(one)))
                .take(MOST_CURSORS)
                .collect(),
            one => text_of(one.as_ref()).into_iter().collect(),
        }
    }

    /// The id of the user whom the client believes to be signed in. What is no text is nobody's.
    pub(super) fn viewer(&self) -> Option<String> {
        text_of(self.viewer.as_ref())
    }
}

/// A text that is there and not empty; of anything else its JSON.
fn text_of(value: Option<&serde_json::Value>) -> Option<String> {
    match value {
        None | Some(serde_json::Value::Null) => None,
        Some(serde_json::Value::String(text)) => Some(text.clone()).filter(|text| !text.is_empty()),
        Some(other) => Some(other.to_string()),
    }
}

#[derive(Serialize)]
struct ServerMessage<'a, T: Serialize> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<T>,
}

pub(super) fn write<T: Serialize>(
    id: Option<&str>,
    r#type: &'static str,
    payload: Option<T>,
) -> String {
    serde_json::to_string(&ServerMessage {
        id,
        r#type,
        payload,
    })
    .unwrap_or_else(|error| {
        tracing::error!(%error, "a message could not be written");
        r#"{"type":"pong"}"#.to_owned()
    })
}

/// The message that carries a response.
pub(super) fn next(id: &str, payload: &Payload) -> String {
    // A text is always JSON.
    let id = serde_json::to_string(id).unwrap_or_default();
    let [begin, middle, end] = [r#"{"id":"#, r#","type":"next","payload":"#, "}"];
    let length = begin.len() + id.len() + middle.len() + payload.size() + end.len();
    let mut message = String::with_capacity(length);
    message.push_str(begin);
    message.push_str(&id);
    message.push_str(middle);
    payload.write_to(&mut message);
    message.push_str(end);
    message
}

/// A payload that must be an object where there is one.
pub(super) fn object<'a, T: Deserialize<'a>>(
    payload: Option<&'a RawValue>,
) -> Result<Option<T>, ()> {
    match payload.map(RawValue::get) {
        None | Some("null") => Ok(None),
        Some(text) if text.starts_with('{') => serde_json::from_str(text).map(Some).map_err(|_| ()),
        Some(_) => Err(()),
    }
}
