//! What a topic's author need not know: how declarations become a schema, and documents answers.

mod answer;
mod cost;
pub(in crate::graphql) mod declare;
mod document;
mod document_limits;
mod execute;
mod json;
pub(in crate::graphql) mod macros;
mod measure;
mod operation;
mod page_sizes;
mod payload;
mod plan;
mod schema;
mod subscription;
mod suggestion;
mod texts;
mod tokens;
mod uses;
mod values;
mod writer;

pub(in crate::graphql) use answer::{Answer, Given, Gives, Hole, Soon, item};
/// A JSON object, as variables are.
pub use apollo_compiler::response::JsonMap as JsonObject;
pub(in crate::graphql) use declare::{Declared, FieldDefinitions, Object, Table, Typed};
pub use document::Operation;
pub(in crate::graphql) use macros::{fields, interface, leaf, object};
pub use operation::{Api, Params, Reply};
pub use payload::Payload;
pub use plan::OperationKind;
pub use schema::sdl;
pub use subscription::Outcome;
pub(in crate::graphql) use subscription::{Event, Events};
pub(in crate::graphql) use values::Arguments;
