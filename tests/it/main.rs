//! The tests: one binary that starts the real server on a free port.

mod accounts;
mod browser;
mod embedded;
mod mongo;
mod operation;
mod over_http;
mod sessions;
mod settings;
mod store;
mod support;
mod talking;
mod websocket;
