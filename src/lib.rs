//! chinwag, a chat backend in one binary that speaks GraphQL.

pub mod admin;
pub mod app;
pub mod auth;
pub mod cache;
pub mod chat;
pub mod commands;
pub mod domain;
pub mod error;
pub mod graphql;
pub mod http;
pub mod metrics;
pub mod realtime;
pub mod search;
pub mod settings;
pub mod store;
pub mod telemetry;
