//! The tests: one binary that starts the real server on a free port.
#![expect(clippy::print_stderr, reason = "a skipped test says so aloud")]

mod accounts;
mod beside;
mod bounded;
mod browser;
mod changes;
mod clients;
mod crash;
mod csrf;
mod documents;
mod embedded;
mod graphiql;
mod layers;
mod licences;
mod limits;
mod messages;
mod mongo;
mod operation;
mod over_http;
mod presence;
mod races;
mod rates;
mod readme;
mod schema;
mod selections;
mod sessions;
mod settings;
mod shared;
mod starting;
mod store;
mod stream;
mod support;
mod talking;
mod typed_client;
mod typing;
mod websocket;
