//! Pages in GraphQL: connections, edges and cursors after the GraphQL cursor connections specification.

use async_graphql::SimpleObject;
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use uuid::Uuid;

use crate::domain::{ConversationId, Seq, Timestamp, UserId};

/// Where a page stands in its list.
#[derive(SimpleObject)]
pub(super) struct PageInfo {
    /// Whether there is more before this page.
    pub(super) has_previous_page: bool,
    /// Whether there is more after this page.
    pub(super) has_next_page: bool,
    /// The first edge's cursor; null for an empty page.
    pub(super) start_cursor: Option<String>,
    /// The last edge's cursor; null for an empty page.
    pub(super) end_cursor: Option<String>,
}

/// A cursor of a list, opaque to clients.
pub(super) trait ListCursor: Sized {
    fn write(&self) -> String;
    fn read(text: &str) -> Option<Self>;
}

/// Longest cursor that is looked at: the longest display name, and then some.
const MAX_CURSOR: usize = 1_024;

fn decode(kind: u8, text: &str) -> Option<Vec<u8>> {
    let mut bytes = BASE64_URL_SAFE_NO_PAD
        .decode(Some(text).filter(|text| text.len() <= MAX_CURSOR)?)
        .ok()?;
    (bytes.first() == Some(&kind)).then(|| bytes.split_off(1))
}

fn encode(kind: u8, parts: &[&[u8]]) -> String {
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
impl ListCursor for (Timestamp, ConversationId) {
    fn write(&self) -> String {
        encode(b'c', &[&self.0.0.to_be_bytes(), self.1.0.as_bytes()])
    }

    fn read(text: &str) -> Option<Self> {
        let bytes = decode(b'c', text)?;
        let (at, id) = bytes.split_first_chunk()?;
        Some((
            Timestamp(i64::from_be_bytes(*at)),
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

/// Defines a connection and its edge for one type of node.
macro_rules! connection {
    ($connection:ident, $edge:ident, $node:ident, $doc:literal) => {
        #[doc = $doc]
        pub(super) struct $connection {
            pub(super) items: Vec<$node>,
            pub(super) has_previous: bool,
            pub(super) has_next: bool,
        }

        #[doc = $doc]
        #[async_graphql::Object]
        impl $connection {
            /// The items with their cursors.
            async fn edges(&self) -> $crate::graphql::at_hand::AllAtHand<$edge> {
                let edge = |node: &$node| $edge {
                    cursor: $crate::graphql::connection::cursor(node),
                    node: $crate::graphql::at_hand::AtHand(node.clone()),
                };
                self.items.iter().map(edge).collect()
            }

            /// The items alone.
            async fn nodes(&self) -> $crate::graphql::at_hand::AllAtHand<&$node> {
                self.items.iter().collect()
            }

            /// Where this page stands in the list.
            async fn page_info(&self) -> $crate::graphql::connection::PageInfo {
                use $crate::graphql::connection::cursor;
                $crate::graphql::connection::PageInfo {
                    has_previous_page: self.has_previous,
                    has_next_page: self.has_next,
                    start_cursor: self.items.first().map(cursor),
                    end_cursor: self.items.last().map(cursor),
                }
            }
        }

        /// An item and its cursor.
        pub(super) struct $edge {
            cursor: String,
            node: $crate::graphql::at_hand::AtHand<$node>,
        }

        /// An item and its cursor.
        #[async_graphql::Object]
        impl $edge {
            /// Pass it as `after` or `before` to page on from here.
            async fn cursor(&self) -> &str {
                &self.cursor
            }

            /// The item.
            async fn node(&self) -> &$crate::graphql::at_hand::AtHand<$node> {
                &self.node
            }
        }

        impl $crate::graphql::at_hand::Fields for $edge {
            fn of_type(&self) -> &'static str {
                stringify!($edge)
            }

            fn at_hand<'a>(
                &'a self,
                field: &str,
                _: &'a $crate::graphql::RequestContext,
            ) -> Option<$crate::graphql::at_hand::Given<'a>> {
                use $crate::graphql::at_hand::Given;
                match field {
                    "cursor" => Some(Given::Text(&self.cursor)),
                    "node" => Some(Given::object(&self.node.0)),
                    _ => None,
                }
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
        let conversation = (Timestamp(7), ConversationId::new());
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
