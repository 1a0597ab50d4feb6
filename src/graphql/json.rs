//! Responses as JSON. Parts of one are written while it is resolved; they stand in its value as bytes, which no scalar
//! of the schema is.

use std::{
    fmt::Display,
    io::{Result, Write},
};

use async_graphql::Value;

/// A value that is written already.
pub(super) fn written(json: Vec<u8>) -> Value {
    Value::Binary(json.into())
}

/// Appends a value.
pub(super) fn write_value(json: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Binary(written) => json.extend_from_slice(written),
        Value::List(items) => {
            json.push(b'[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    json.push(b',');
                }
                write_value(json, item);
            }
            json.push(b']');
        }
        Value::Object(fields) => {
            json.push(b'{');
            for (name, value) in fields {
                write_key(json, name);
                write_value(json, value);
            }
            json.push(b'}');
        }
        leaf => {
            // Memory takes everything, and a leaf has nothing that JSON has not.
            let written = serde_json::to_writer(json, leaf);
            debug_assert!(written.is_ok(), "{leaf:?}");
        }
    }
}

/// Appends the name of an object's next field: a GraphQL name, in which nothing needs an escape.
pub(super) fn write_key(json: &mut Vec<u8>, name: &str) {
    if json.last() != Some(&b'{') {
        json.push(b',');
    }
    json.push(b'"');
    json.extend_from_slice(name.as_bytes());
    json.extend_from_slice(b"\":");
}

/// Appends a string in which nothing needs an escape.
///
/// # Errors
/// It cannot be shown.
pub(super) fn write_plain(json: &mut Vec<u8>, shown: impl Display) -> Result<()> {
    write!(json, "\"{shown}\"")
}
