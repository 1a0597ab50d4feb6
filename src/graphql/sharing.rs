//! Who may be given the same answer to the same event, by what a document selects.

use std::collections::{BTreeSet, HashMap};

use async_graphql::{
    Name, Positioned, Variables,
    parser::types::{
        Directive, ExecutableDocument, Field, FragmentDefinition, Selection, SelectionSet,
    },
};
use async_graphql_value::Value;

/// What of an event's payload hangs on who reads it, apart from its cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Audience {
    /// Everyone reads the same.
    Everyone,
    /// A message's sender reads one thing, and everyone else another.
    SenderAndOthers,
    /// Each reader is told what is theirs, or what holds at this moment.
    Each,
}

/// How far one answer serves several readers of an event.
#[derive(Debug)]
pub(super) struct Sharing {
    pub(super) audience: Audience,
    /// The variables that the selection uses: with other values the answer is another.
    variables: BTreeSet<Name>,
}

impl Sharing {
    /// Of a query on an event.
    pub(super) fn of(query: &ExecutableDocument) -> Self {
        let mut survey = Survey {
            fragments: &query.fragments,
            audience: Audience::Everyone,
            variables: BTreeSet::new(),
        };
        for (_, operation) in query.operations.iter() {
            survey.set(&operation.node.selection_set.node, "Subscription");
        }
        Self {
            audience: survey.audience,
            variables: survey.variables,
        }
    }

    /// The values of the variables that count, as text.
    pub(super) fn key(&self, variables: &Variables) -> String {
        let values = self.variables.iter().filter_map(|name| {
            let value = variables.get(name)?;
            Some(format!("{name}={value};"))
        });
        values.collect()
    }
}

/// Who may share a field, and the type of what it gives. What is not named here is each reader's own: it is the
/// viewer's, or holds only for a moment, or takes arguments.
fn shared(parent: &str, field: &str) -> Option<(Audience, &'static str)> {
    let everyone = |ty| Some((Audience::Everyone, ty));
    match (parent, field) {
        (_, "__typename")
        | ("NewMessage", "cursor")
        | ("Message", "id" | "body" | "seq" | "sentAt")
        | ("Conversation", "id" | "kind" | "createdAt")
        | ("User", "id" | "username" | "displayName" | "avatarUrl" | "createdAt")
        | ("TypingEvent", "typing") => everyone(""),
        ("Message", "clientMessageId") => Some((Audience::SenderAndOthers, "")),
        ("Subscription", "newMessage") => everyone("NewMessage"),
        ("NewMessage", "message") => everyone("Message"),
        ("Subscription", "onlineUsersChanged") => everyone("OnlineUsersChange"),
        ("Subscription", "typing") => everyone("TypingEvent"),
        ("Message" | "TypingEvent", "conversation") => everyone("Conversation"),
        ("Message", "sender")
        | ("TypingEvent", "user")
        | ("OnlineUsersChange", "joined" | "left") => everyone("User"),
        _ => None,
    }
}

struct Survey<'a> {
    fragments: &'a HashMap<Name, Positioned<FragmentDefinition>>,
    audience: Audience,
    variables: BTreeSet<Name>,
}

impl<'a> Survey<'a> {
    /// How deep selections nest, fragments included, is bounded by the document's limits.
    fn set(&mut self, set: &'a SelectionSet, ty: &str) {
        for selection in &set.items {
            self.directives(selection.node.directives());
            match &selection.node {
                Selection::Field(field) => self.field(&field.node, ty),
                Selection::InlineFragment(inline) => self.set(&inline.node.selection_set.node, ty),
                Selection::FragmentSpread(spread) => {
                    if let Some(fragment) = self.fragments.get(&spread.node.fragment_name.node) {
                        self.directives(&fragment.node.directives);
                        self.set(&fragment.node.selection_set.node, ty);
                    }
                }
            }
            if self.audience == Audience::Each {
                return;
            }
        }
    }

    fn field(&mut self, field: &'a Field, ty: &str) {
        match shared(ty, &field.name.node).filter(|_| field.arguments.is_empty()) {
            Some((audience, below)) => {
                self.audience = self.audience.max(audience);
                self.set(&field.selection_set.node, below);
            }
            None => self.audience = Audience::Each,
        }
    }

    fn directives(&mut self, directives: &[Positioned<Directive>]) {
        for (_, value) in directives.iter().flat_map(|one| &one.node.arguments) {
            if let Value::Variable(name) = &value.node {
                self.variables.insert(name.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use async_graphql::parser::parse_query;

    use super::*;

    fn sharing(selection: &str) -> Sharing {
        Sharing::of(&parse_query(format!("{{ {selection} }}")).expect("a document"))
    }

    #[test]
    fn what_is_the_same_for_all_is_for_everyone() {
        for selection in [
            "newMessage { cursor message { id body seq sentAt sender { id username displayName avatarUrl } } }",
            "newMessage { message { ... on Message { id conversation { id kind } } } __typename }",
            "onlineUsersChanged { joined { id displayName } left { id } }",
            "typing { conversation { id } user { id } typing }",
        ] {
            assert_eq!(
                sharing(selection).audience,
                Audience::Everyone,
                "{selection}"
            );
        }
    }

    #[test]
    fn a_client_message_id_is_the_senders_wherever_it_hides() {
        for selection in [
            "newMessage { message { clientMessageId } }",
            "newMessage { message { a: clientMessageId id } }",
            "newMessage { ... { message { ... on Message { clientMessageId } } } }",
            "newMessage { ...F } } fragment F on NewMessage { message { clientMessageId }",
        ] {
            assert_eq!(
                sharing(selection).audience,
                Audience::SenderAndOthers,
                "{selection}"
            );
        }
    }

    #[test]
    fn what_is_the_viewers_or_of_the_moment_is_not_shared() {
        for selection in [
            "newMessage { message { conversation { unreadCount } } }",
            "newMessage { message { clientMessageId conversation { members { role } } } }",
            "newMessage { message { sender { online } } }",
            "newMessage { message { sender { lastSeenAt } } }",
            "newMessage { message { sender { directConversation { id } } } }",
            "newMessage { message { replyTo { id } } }",
            "onlineUsersChanged { joined { directConversation { id } } }",
            "conversationChanged { id }",
            "newMessage { ...F } } fragment F on NewMessage { message { conversation { lastMessage { id } } }",
        ] {
            assert_eq!(sharing(selection).audience, Audience::Each, "{selection}");
        }
    }

    #[test]
    fn only_the_variables_of_the_selection_count() {
        let sharing = sharing("newMessage { message { id @include(if: $b) body @skip(if: $a) } }");
        let key = |variables: serde_json::Value| sharing.key(&Variables::from_json(variables));
        let both = key(serde_json::json!({ "a": true, "b": false, "after": "x" }));
        assert_eq!(
            both,
            key(serde_json::json!({ "b": false, "a": true, "after": "y" }))
        );
        assert_ne!(both, key(serde_json::json!({ "b": true, "a": true })));
    }
}
