//! The sizes of the pages that an operation asks for, looked at before anything of it runs: a mutation that asks for too
//! much of what it wrote has not written it.

use apollo_compiler::{
    Node,
    ast::Value,
    parser::{SourceMap, SourceSpan},
    response::JsonMap,
};

use super::{
    declare::Size,
    document::locations,
    plan::{FieldKind, PlannedField},
    values,
};
use crate::{domain::page, graphql::error::ErrorReply};

/// A page of a plan.
pub(super) struct PageSize {
    first: Option<Node<Value>>,
    last: Option<Node<Value>>,
    most: i32,
    location: Option<SourceSpan>,
}

impl PageSize {
    /// Of all pages among these fields and below them for which a size is given.
    pub(super) fn gather(fields: &[PlannedField], found: &mut Vec<Self>) {
        for field in fields {
            found.extend(Self::of(field));
            for below in field.all_below() {
                Self::gather(below, found);
            }
        }
    }

    fn of(field: &PlannedField) -> Option<Self> {
        let FieldKind::Field {
            declared,
            arguments,
            ..
        } = &field.kind
        else {
            return None;
        };
        let Size::Page { most, .. } = declared.size else {
            return None;
        };
        let said = |name: &str| {
            let mut arguments = arguments.iter();
            let (_, value) = arguments.find(|(argument, _)| argument.name == name)?;
            Some(value.clone())
        };
        let (first, last) = (said("first"), said("last"));
        (first.is_some() || last.is_some()).then_some(Self {
            first,
            last,
            most,
            location: field.location,
        })
    }

    /// Whether it is one that a page may have.
    ///
    /// # Errors
    /// Which argument asks for another.
    pub(super) fn check(&self, variables: &JsonMap, sources: &SourceMap) -> Result<(), ErrorReply> {
        let given = |value: &Option<Node<Value>>| {
            let value = value.as_ref()?;
            values::integer(value, variables)
        };
        let size = page::size(given(&self.first), given(&self.last), self.most);
        size.map(drop).map_err(|error| {
            let error = ErrorReply::from(&error);
            error.at(locations(self.location, sources))
        })
    }
}
