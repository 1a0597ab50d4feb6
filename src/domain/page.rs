//! Pages, as the GraphQL cursor connections specification has them.

use crate::error::{Error, Result};

/// How many items a page may hold.
pub const MAX_PAGE: i32 = 100;

/// Which part of a list a client asks for, checked; `C` is the list's own cursor.
#[derive(Clone, Debug, PartialEq)]
pub struct Window<C> {
    /// Only what comes after this.
    pub after: Option<C>,
    /// Only what comes before this.
    pub before: Option<C>,
    /// At most this many, 1 to [`MAX_PAGE`].
    pub limit: usize,
    /// Whether the limit counts from the end of the list.
    pub from_end: bool,
}

/// The four arguments of a connection field as a client sent them.
#[derive(Clone, Debug, Default)]
pub struct PageArgs {
    pub first: Option<i32>,
    pub after: Option<String>,
    pub last: Option<i32>,
    pub before: Option<String>,
}

impl PageArgs {
    /// Of a field whose list is paged forwards only.
    pub fn forwards(first: i32, after: Option<String>) -> Self {
        Self {
            first: Some(first),
            after,
            ..Self::default()
        }
    }

    /// Checks them; `read` turns a cursor's text into the cursor. Without `first` and `last`: the last
    /// `default_size` items.
    pub fn window<C>(
        &self,
        default_size: usize,
        read: impl Fn(&str) -> Option<C>,
    ) -> Result<Window<C>> {
        let cursor = |field: &str, text: &Option<String>| match text {
            None => Ok(None),
            Some(text) => read(text)
                .map(Some)
                .ok_or_else(|| Error::bad_input(field, "This is not a cursor of this list.")),
        };
        let size = |field: &str, count: i32| match usize::try_from(count) {
            Ok(size) if (1..=MAX_PAGE).contains(&count) => Ok(size),
            _ => Err(Error::bad_input(
                field,
                format!("A page has 1 to {MAX_PAGE} items."),
            )),
        };
        let (limit, from_end) = match (self.first, self.last) {
            (Some(_), Some(_)) => {
                return Err(Error::bad_input("last", "Give first or last, not both."));
            }
            (Some(first), None) => (size("first", first)?, false),
            (None, Some(last)) => (size("last", last)?, true),
            (None, None) => (default_size, true),
        };
        Ok(Window {
            after: cursor("after", &self.after)?,
            before: cursor("before", &self.before)?,
            limit,
            from_end,
        })
    }
}

/// A part of a list, in the list's order.
#[derive(Clone, Debug, PartialEq)]
pub struct Page<T> {
    pub items: Vec<T>,
    pub has_previous: bool,
    pub has_next: bool,
}
