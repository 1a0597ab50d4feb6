//! GraphQL over WebSocket: graphql-transport-ws, sessions on sockets, and links that are bad or hostile.

mod closing;
mod greeting;
mod handshake;
mod limits;
mod links;
mod operations;
mod origins;
mod pressure;
mod sessions;
mod subscriptions;

/// The subscription that most tests listen with.
const NEW_MESSAGE: &str = "subscription { newMessage { cursor message { body } } }";
