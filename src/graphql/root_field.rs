//! The fields at the root of an operation, which fragments may hide.

use std::collections::{HashMap, HashSet};

use async_graphql::{
    Name, Positioned,
    parser::types::{ExecutableDocument, FragmentDefinition, Selection, SelectionSet},
};

use super::{
    document::{choose, choose_mut},
    error::{ErrorReply, code},
};

/// The first field that runs; how deep fragments nest is bounded by the document's limits.
pub(super) fn first<'a>(
    set: &'a SelectionSet,
    fragments: &'a HashMap<Name, Positioned<FragmentDefinition>>,
) -> Option<&'a Name> {
    set.items
        .iter()
        .find_map(|selection| match &selection.node {
            Selection::Field(field) => Some(&field.node.name.node),
            Selection::InlineFragment(inline) => first(&inline.node.selection_set.node, fragments),
            Selection::FragmentSpread(spread) => {
                let fragment = fragments.get(&spread.node.fragment_name.node)?;
                first(&fragment.node.selection_set.node, fragments)
            }
        })
}

/// Demands exactly one root field of a subscription (GraphQL specification, 5.2.4.1) and puts it where the executor
/// looks for it: not inside fragments.
pub(super) fn flatten(
    document: &mut ExecutableDocument,
    name: Option<&str>,
) -> Result<(), ErrorReply> {
    let mut fields = Vec::new();
    let chosen = choose(document, name)?;
    if !root_fields(&chosen.selection_set.node, &document.fragments, &mut fields)? {
        // A fragment that does not fit here: validation says so.
        return Ok(());
    }
    let Some(field) = merged(&fields) else {
        let sentence = "A subscription has exactly one root field.";
        return Err(ErrorReply::new(code::VALIDATION_FAILED, sentence));
    };
    let used_before = spreads(document);
    if let Some(chosen) = choose_mut(&mut document.operations, name) {
        chosen.selection_set.node.items = vec![field];
    }
    // Validation refuses fragments that nobody spreads; these were spread by what was just flattened.
    let used_now = spreads(document);
    document
        .fragments
        .retain(|name, _| used_now.contains(name) || !used_before.contains(name));
    Ok(())
}

/// The one field that several selections of it make, as fragments of several components do; `None` for several.
fn merged(fields: &[&Positioned<Selection>]) -> Option<Positioned<Selection>> {
    let (first, others) = fields.split_first()?;
    let mut merged = (*first).clone();
    let Selection::Field(field) = &mut merged.node else {
        return None;
    };
    for other in others {
        let Selection::Field(other) = &other.node else {
            return None;
        };
        let (one, other) = (&mut field.node, &other.node);
        let same = one.response_key().node == other.response_key().node
            && one.name.node == other.name.node
            && one.arguments == other.arguments
            && one.directives.is_empty()
            && other.directives.is_empty();
        if !same {
            return None;
        }
        let more = other.selection_set.node.items.iter().cloned();
        one.selection_set.node.items.extend(more);
    }
    Some(merged)
}

/// Collects the root fields; false when a fragment is unknown or not on `Subscription`.
fn root_fields<'a>(
    set: &'a SelectionSet,
    fragments: &'a HashMap<Name, Positioned<FragmentDefinition>>,
    fields: &mut Vec<&'a Positioned<Selection>>,
) -> Result<bool, ErrorReply> {
    for selection in &set.items {
        let mut names = selection
            .node
            .directives()
            .iter()
            .map(|directive| directive.node.name.node.as_str());
        if names.any(|name| matches!(name, "skip" | "include")) {
            let sentence = "At the root of a subscription there is no @skip and no @include.";
            return Err(ErrorReply::new(code::VALIDATION_FAILED, sentence).at(vec![selection.pos]));
        }
        let (inner, on) = match &selection.node {
            Selection::Field(_) => {
                fields.push(selection);
                continue;
            }
            Selection::InlineFragment(inline) => {
                let on = inline
                    .node
                    .type_condition
                    .as_ref()
                    .map(|condition| condition.node.on.node.as_str());
                (&inline.node.selection_set.node, on)
            }
            Selection::FragmentSpread(spread) => {
                match fragments.get(&spread.node.fragment_name.node) {
                    Some(fragment) => {
                        let on = fragment.node.type_condition.node.on.node.as_str();
                        (&fragment.node.selection_set.node, Some(on))
                    }
                    None => return Ok(false),
                }
            }
        };
        if on.is_some_and(|on| on != "Subscription") || !root_fields(inner, fragments, fields)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Every fragment that some operation reaches.
fn spreads(document: &ExecutableDocument) -> HashSet<Name> {
    fn visit(set: &SelectionSet, document: &ExecutableDocument, seen: &mut HashSet<Name>) {
        for selection in &set.items {
            match &selection.node {
                Selection::Field(field) => visit(&field.node.selection_set.node, document, seen),
                Selection::InlineFragment(inline) => {
                    visit(&inline.node.selection_set.node, document, seen);
                }
                Selection::FragmentSpread(spread) => {
                    let name = &spread.node.fragment_name.node;
                    if seen.insert(name.clone())
                        && let Some(fragment) = document.fragments.get(name)
                    {
                        visit(&fragment.node.selection_set.node, document, seen);
                    }
                }
            }
        }
    }
    let mut seen = HashSet::new();
    for (_, operation) in document.operations.iter() {
        visit(&operation.node.selection_set.node, document, &mut seen);
    }
    seen
}
