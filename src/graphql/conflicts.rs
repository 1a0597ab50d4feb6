//! Fields that would answer under one name but are not the same (GraphQL specification, 5.3.2). Validation reports
//! every pair of them, millions in a short document; this stops at the first.
//!
//! Every type of ours is an object type, so all fields of a selection set, spreads followed, are of one type.

use std::collections::{HashMap, HashSet};

use async_graphql::{
    Name, Positioned,
    parser::types::{
        ExecutableDocument, Field, FragmentDefinition, OperationType, Selection, SelectionSet,
    },
};

use super::error::{ErrorReply, code};

type Fragments = HashMap<Name, Positioned<FragmentDefinition>>;

/// Whether fields that are the same select from what they give, so that the values of both are to be merged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Merges {
    Nothing,
    Fields,
}

/// Refuses a document with such fields. How deep it nests was checked before.
pub(super) fn check(document: &ExecutableDocument) -> Result<Merges, ErrorReply> {
    let mut merges = Merges::Nothing;
    for (_, operation) in document.operations.iter() {
        let set = &operation.node.selection_set.node;
        let merged = Merged::of(&[set], &document.fragments)?;
        // The specification does such fields once, the executor would do each.
        if operation.node.ty == OperationType::Mutation
            && let Some(twice) = merged.fields.values().find_map(|fields| fields.get(1))
        {
            let name = &twice.node.response_key().node;
            let sentence = format!("\"{name}\" is there twice; give one of them an alias.");
            return Err(ErrorReply::new(code::VALIDATION_FAILED, sentence).at(vec![twice.pos]));
        }
        merged.check_below(&document.fragments, &mut merges)?;
    }
    for fragment in document.fragments.values() {
        let set = &fragment.node.selection_set.node;
        Merged::of(&[set], &document.fragments)?.check_below(&document.fragments, &mut merges)?;
    }
    Ok(merges)
}

/// The fields of selection sets that are merged into one, spreads followed, by the name that they answer under.
#[derive(Default)]
struct Merged<'a> {
    fields: HashMap<&'a str, Vec<&'a Positioned<Field>>>,
    spreads: HashSet<&'a str>,
    /// Whether two of them have fields of their own.
    merges: bool,
}

impl<'a> Merged<'a> {
    fn of(sets: &[&'a SelectionSet], fragments: &'a Fragments) -> Result<Self, ErrorReply> {
        let mut merged = Self::default();
        sets.iter()
            .try_for_each(|set| merged.collect(set, fragments))?;
        Ok(merged)
    }

    fn collect(
        &mut self,
        set: &'a SelectionSet,
        fragments: &'a Fragments,
    ) -> Result<(), ErrorReply> {
        for selection in &set.items {
            match &selection.node {
                Selection::Field(field) => self.add(field)?,
                Selection::InlineFragment(inline) => {
                    self.collect(&inline.node.selection_set.node, fragments)?;
                }
                Selection::FragmentSpread(spread) => {
                    let name = spread.node.fragment_name.node.as_str();
                    if let Some(fragment) = fragments.get(name) {
                        if self.spreads.insert(name) {
                            self.collect(&fragment.node.selection_set.node, fragments)?;
                        } else {
                            self.merges = true;
                        }
                    }
                }
            }
        }
        Ok(())
    }

    fn add(&mut self, field: &'a Positioned<Field>) -> Result<(), ErrorReply> {
        let name = field.node.response_key().node.as_str();
        let same = self.fields.entry(name).or_default();
        if let Some(first) = same.first()
            && !are_the_same(&first.node, &field.node)
        {
            let sentence =
                format!("Different fields would answer as \"{name}\"; give one of them an alias.");
            return Err(
                ErrorReply::new(code::VALIDATION_FAILED, sentence).at(vec![first.pos, field.pos])
            );
        }
        self.merges |= !same.is_empty() && !field.node.selection_set.node.items.is_empty();
        same.push(field);
        Ok(())
    }

    fn check_below(self, fragments: &'a Fragments, merges: &mut Merges) -> Result<(), ErrorReply> {
        if self.merges {
            *merges = Merges::Fields;
        }
        for same in self.fields.into_values() {
            let sets = same
                .into_iter()
                .map(|field| &field.node.selection_set.node)
                .filter(|set| !set.items.is_empty())
                .collect::<Vec<_>>();
            if !sets.is_empty() {
                Self::of(&sets, fragments)?.check_below(fragments, merges)?;
            }
        }
        Ok(())
    }
}

fn are_the_same(one: &Field, other: &Field) -> bool {
    one.name.node == other.name.node
        && one.arguments.len() == other.arguments.len()
        && one.arguments.iter().all(|(name, value)| {
            other
                .get_argument(&name.node)
                .is_some_and(|other| other.node == value.node)
        })
}

#[cfg(test)]
mod tests {
    use async_graphql::parser::parse_query;

    use super::*;

    fn verdict(document: &str) -> Result<Merges, String> {
        check(&parse_query(document).expect("a document")).map_err(|error| error.message)
    }

    #[test]
    fn what_the_same_field_gives_twice_is_merged() {
        for document in [
            "{ me { id ... { x: directConversation { id } } x: directConversation { kind } } }",
            "{ a: user(id: 1) { id } a: user(id: 1) { username } }",
            "{ messages(first: 1, in: 2) { a } messages(in: 2, first: 1) { b } }",
            "{ me { ...F ...F } } fragment F on User { id }",
        ] {
            assert_eq!(verdict(document), Ok(Merges::Fields), "{document}");
        }
    }

    #[test]
    fn nothing_is_merged_of_what_selects_nothing() {
        for document in [
            "{ me { id } x: me { id ... { username ...F } } } fragment F on User { displayName }",
            "{ a: user(id: 1) { id } b: user(id: 2) { id: username } }",
            "{ me { id id ... { id } ...F } } fragment F on User { id }",
            "mutation { a: logout b: logout }",
        ] {
            assert_eq!(verdict(document), Ok(Merges::Nothing), "{document}");
        }
    }

    #[test]
    fn different_fields_do_not_share_a_name() {
        for document in [
            "{ me { id id: username } }",
            "{ me { ...A ...B } } fragment A on User { x: id } fragment B on User { x: username }",
            "{ user(id: 1) { id } ... on Query { user(id: 2) { id } } }",
            "{ user(id: 1) { id } user { id } }",
            "{ user { id } user(id: 1) { id } }",
            "{ me { id } me { id: username } }",
            "{ me { id } } fragment Unused on User { id id: username }",
        ] {
            let refused = verdict(document).expect_err(document);
            assert!(refused.contains("Different fields"), "{refused}");
        }
    }

    #[test]
    fn a_mutation_does_nothing_twice() {
        for document in [
            "mutation { logout logout }",
            "mutation { logout ...F } fragment F on Mutation { logout }",
            "query A { me { id } } mutation B { a: logout ... { a: logout } }",
        ] {
            let refused = verdict(document).expect_err(document);
            assert!(refused.contains("twice"), "{refused}");
        }
    }
}
