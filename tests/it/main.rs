//! The tests: one binary that starts the real server on a free port.

mod browser;
mod embedded;
mod mongo;
mod store;
mod support;
mod talking;
mod websocket;
