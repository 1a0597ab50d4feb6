//! Pages in GraphQL: connections, edges and cursors after the GraphQL cursor connections specification.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use uuid::Uuid;

use super::engine::object;
use crate::domain::{ConversationId, Rank, Seq, UserId};

object! {
    /// Where a page stands in its list.
    pub(super) struct PageInfo {
        pub(super) has_previous: bool,
        pub(super) has_next: bool,
        pub(super) start: Option<String>,
        pub(super) end: Option<String>,
    }
    |page, cx| {
        /// Whether there is more before this page.
        hasPreviousPage: bool = everyone => page.has_previous;
        /// Whether there is more after this page.
        hasNextPage: bool = everyone => page.has_next;
        /// The first edge's cursor; null for an empty page.
        startCursor: Option<String> = everyone => page.start.as_deref();
        /// The last edge's cursor; null for an empty page.
        endCursor: Option<String> = everyone => page.end.as_deref();
    }
}

/// A cursor of a list, opaque to clients.
pub(super) trait ListCursor: Sized {
    fn write(&self) -> String;
    fn read(text: &str) -> Option<Self>;
}

/// Longest cursor that is looked at: the longest display name, and then some.
const MAX_CURSOR: usize = 1_024;

pub(super) fn decode(kind: u8, text: &str) -> Option<Vec<u8>> {
    let mut bytes = BASE64_URL_SAFE_NO_PAD
        .decode(Some(text).filter(|text| text.len() <= MAX_CURSOR)?)
        .ok()?;
    (bytes.first() == Some(&kind)).then(|| bytes.split_off(1))
}

pub(super) fn encode(kind: u8, parts: &[&[u8]]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode([&[kind], parts.concat().as_slice()].concat())
}

/// Of a message in its conversation.
impl ListCursor for Seq {
    fn write(&self) -> String {
        encode(b'm', &[&self.to_be_bytes()])
    }

    fn read(text: &str) -> Option<Self> {
        Some(Self::from_be_bytes(decode(b'm', text)?.try_into().ok()?)).filter(|seq| *seq > 0)
    }
}

/// Of a conversation in the viewer's list.
impl ListCursor for (Rank, ConversationId) {
    fn write(&self) -> String {
        encode(b'r', &[&self.0.to_be_bytes(), self.1.0.as_bytes()])
    }

    fn read(text: &str) -> Option<Self> {
        let bytes = decode(b'r', text)?;
        let (rank, id) = bytes.split_first_chunk()?;
        Some((
            Rank::from_be_bytes(*rank),
            ConversationId(Uuid::from_slice(id).ok()?),
        ))
    }
}

/// Of a user in the sidebar.
impl ListCursor for (String, UserId) {
    fn write(&self) -> String {
        encode(b'u', &[self.1.0.as_bytes(), self.0.as_bytes()])
    }

    fn read(text: &str) -> Option<Self> {
        let bytes = decode(b'u', text)?;
        let (id, sort_key) = bytes.split_first_chunk()?;
        Some((
            String::from_utf8(sort_key.to_vec()).ok()?,
            UserId(Uuid::from_bytes(*id)),
        ))
    }
}

/// What connections list.
pub(super) trait Listed {
    type Cursor: ListCursor;

    /// Where it stands in its list.
    fn cursor(&self) -> Self::Cursor;
}

/// Declares a connection and its edge for one type of node.
macro_rules! connection {
    ($(#[doc = $doc:literal])+ $connection:ident, $edge:ident, $node:ident) => {
        #[allow(dead_code, reason = "some lists are paged forwards only, some both ways")]
        impl $connection {
            /// A page with what is around it.
            pub(super) fn new(items: Vec<$node>, has_previous: bool, has_next: bool) -> Self {
                Self {
                    items,
                    has_previous,
                    has_next,
                }
            }

            /// A page of `limit` of a list that is paged forwards, of which one more was looked for.
            pub(super) fn after(mut items: Vec<$node>, limit: usize, has_previous: bool) -> Self {
                let has_next = items.len() > limit;
                items.truncate(limit);
                Self::new(items, has_previous, has_next)
            }
        }

        $crate::graphql::engine::object! {
            $(#[doc = $doc])+
            pub(super) struct $connection {
                items: Vec<$node>,
                has_previous: bool,
                has_next: bool,
            }
            [page] |page, cx| {
                /// The items with their cursors.
                edges: Vec<$edge> = everyone[counted] =>
                    page.items.iter().cloned().map($edge).collect::<Vec<_>>();
                /// The items alone.
                nodes: Vec<$node> = everyone[counted] => page.items.as_slice();
                /// Where this page stands in the list.
                pageInfo: $crate::graphql::connection::PageInfo = everyone => {
                    use $crate::graphql::connection::cursor;
                    $crate::graphql::connection::PageInfo {
                        has_previous: page.has_previous,
                        has_next: page.has_next,
                        start: page.items.first().map(cursor),
                        end: page.items.last().map(cursor),
                    }
                };
            }
        }

        $crate::graphql::engine::object! {
            /// An item and its cursor.
            pub(super) struct $edge($node);
            |edge, cx| {
                /// Pass it as `after` or `before` to page on from here.
                cursor: String = everyone => $crate::graphql::connection::cursor(&edge.0);
                /// The item.
                node: $node = everyone => &edge.0;
            }
        }
    };
}

/// A listed item's cursor as clients get it.
pub(super) fn cursor(item: &impl Listed) -> String {
    item.cursor().write()
}

pub(super) use connection;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_read_what_they_wrote_and_nothing_else() {
        let user = ("änn".to_owned(), UserId::new());
        assert_eq!(ListCursor::read(&user.write()), Some(user.clone()));
        let conversation = (7, ConversationId::new());
        assert_eq!(ListCursor::read(&conversation.write()), Some(conversation));
        assert_eq!(Seq::read(&7_i64.write()), Some(7));
        for bad in [
            "",
            "x",
            "%",
            &user.write(),
            &(-1_i64).write(),
            &"A".repeat(5_000),
        ] {
            assert_eq!(Seq::read(bad), None);
        }
    }
}
