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
        let asked = size(
            self.first.map(Into::into),
            self.last.map(Into::into),
            MAX_PAGE,
        )?;
        Ok(Window {
            after: cursor("after", &self.after)?,
            before: cursor("before", &self.before)?,
            limit: asked.unwrap_or(default_size),
            from_end: self.first.is_none(),
        })
    }
}

/// The size of a page of at most `most` items that `first` or `last` asks for, if one does.
///
/// # Errors
/// A size out of range; both.
pub fn size(first: Option<i64>, last: Option<i64>, most: i32) -> Result<Option<usize>> {
    let (field, count) = match (first, last) {
        (Some(_), Some(_)) => {
            return Err(Error::bad_input("last", "Give first or last, not both."));
        }
        (Some(first), None) => ("first", first),
        (None, Some(last)) => ("last", last),
        (None, None) => return Ok(None),
    };
    let size = usize::try_from(count).ok();
    let size = size.filter(|_| (1..=i64::from(most)).contains(&count));
    let rule = || Error::bad_input(field, format!("A page has 1 to {most} items."));
    size.ok_or_else(rule).map(Some)
}

/// A part of a list, in the list's order.
#[derive(Clone, Debug, PartialEq)]
pub struct Page<T> {
    pub items: Vec<T>,
    pub has_previous: bool,
    pub has_next: bool,
}
