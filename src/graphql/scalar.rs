//! Scalars of our own.

use async_graphql::{InputValueError, InputValueResult, Scalar, ScalarType, Value};

use super::engine::{Given, Gives, leaf};
use crate::domain::Timestamp;

/// An instant, RFC 3339 in UTC with milliseconds: 2026-11-22T13:40:00.000Z.
pub(super) struct DateTime(Timestamp);

/// An instant, RFC 3339 in UTC with milliseconds: 2026-11-22T13:40:00.000Z.
#[Scalar(
    name = "DateTime",
    specified_by_url = "https://www.rfc-editor.org/rfc/rfc3339"
)]
impl ScalarType for DateTime {
    fn parse(value: Value) -> InputValueResult<Self> {
        let Value::String(text) = &value else {
            return Err(InputValueError::expected_type(value));
        };
        Timestamp::parse(text)
            .map(Self)
            .ok_or_else(|| InputValueError::custom("This is not an RFC 3339 instant."))
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.to_string())
    }
}

leaf!(DateTime);

impl<'a> Gives<'a, DateTime> for Timestamp {
    fn give(self) -> Given<'a> {
        Given::DateTime(self)
    }
}
