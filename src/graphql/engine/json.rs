//! Bytes of JSON.

use std::{fmt::Display, io::Write};

use serde::Serialize;

use crate::domain::TypeId;

/// Appends what serde knows how to write; nothing that is written here can fail.
pub(super) fn write(json: &mut Vec<u8>, value: &(impl Serialize + ?Sized)) {
    let written = serde_json::to_writer(json, value);
    debug_assert!(written.is_ok(), "memory takes everything");
}

/// Appends a string in which nothing needs an escape.
pub(super) fn write_plain(json: &mut Vec<u8>, shown: impl Display) {
    let written = write!(json, "\"{shown}\"");
    debug_assert!(written.is_ok(), "memory takes everything");
}

/// Appends an id.
pub(super) fn write_id(json: &mut Vec<u8>, id: TypeId) {
    json.push(b'"');
    json.extend_from_slice(id.prefix().as_bytes());
    json.push(b'_');
    json.extend_from_slice(&id.suffix());
    json.push(b'"');
}
