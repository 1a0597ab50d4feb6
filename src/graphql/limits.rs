//! What a document may cost, found out before it is validated and in time linear in its length.
//!
//! Each fragment is measured once, however often it is spread, and validation, which follows spreads, only ever sees
//! documents that are small with all spreads followed.

use std::collections::HashMap;

use async_graphql::{
    Name, Positioned, Variables,
    parser::types::{
        ExecutableDocument, Field, FragmentDefinition, OperationDefinition, Selection, SelectionSet,
    },
};
use async_graphql_value::{ConstValue, Value};

use super::error::{ErrorReply, code};
use crate::domain::{Limits, page::MAX_PAGE};

/// Nested brackets that a document may have: the parser recurses on each.
const MAX_NESTING: usize = 200;
/// Selections below `__schema` and `__type`, spreads followed: graphql-js's standard query has about 100.
const MAX_INTROSPECTION: u64 = 400;
/// Levels below `__schema` and `__type`: graphql-js's standard query has 13.
const MAX_INTROSPECTION_DEPTH: u64 = 20;
/// How often the lists that lead from one type to another may be nested, as graphql-js's
/// `MaxIntrospectionDepthRule` counts: each level multiplies the answer by the size of the schema.
const MAX_INTROSPECTION_LISTS: u64 = 2;

/// What a selection costs with all its spreads followed. Everything saturates.
#[derive(Clone, Copy, Debug, Default)]
struct Cost {
    /// A field counts 1, a page its size times what it holds.
    complexity: u64,
    depth: u64,
    /// Fields at the top of it.
    top: u64,
    aliases: u64,
    directives: u64,
    /// Selections below introspection fields.
    introspection: u64,
    introspection_depth: u64,
    introspection_lists: u64,
    /// `login` and `signup` at the top of it.
    sign_ins: u64,
}

impl Cost {
    fn beside(self, other: Self) -> Self {
        Self {
            complexity: self.complexity.saturating_add(other.complexity),
            depth: self.depth.max(other.depth),
            top: self.top.saturating_add(other.top),
            aliases: self.aliases.saturating_add(other.aliases),
            directives: self.directives.saturating_add(other.directives),
            introspection: self.introspection.saturating_add(other.introspection),
            introspection_depth: self.introspection_depth.max(other.introspection_depth),
            introspection_lists: self.introspection_lists.max(other.introspection_lists),
            sign_ins: self.sign_ins.saturating_add(other.sign_ins),
        }
    }
}

/// Refuses a text whose brackets nest deeper than any sensible document's, before the parser recurses on them.
pub(super) fn check_nesting(document: &str) -> Result<(), ErrorReply> {
    let (mut depth, mut in_string, mut in_comment, mut escaped) = (0_usize, false, false, false);
    for byte in document.bytes() {
        match byte {
            b'\n' | b'\r' => (in_comment, in_string) = (false, false),
            _ if in_comment => {}
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'#' => in_comment = true,
            b'{' | b'[' | b'(' => depth += 1,
            b'}' | b']' | b')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_NESTING {
            return Err(too_complex("This document is nested too deeply."));
        }
    }
    Ok(())
}

/// Measures everything in a document and refuses what is over a limit. `chosen` is the operation that will run: a
/// page size in the variables is its.
pub(super) fn check(
    document: &ExecutableDocument,
    chosen: &OperationDefinition,
    variables: &Variables,
    limits: &Limits,
) -> Result<(), ErrorReply> {
    let mut meter = Meter {
        fragments: &document.fragments,
        chosen,
        variables,
        measured: HashMap::new(),
    };
    // Validation visits all of a document, also what will not run.
    for (_, operation) in document.operations.iter() {
        let cost = meter.selection_set(&operation.node.selection_set.node, false)?;
        let mut cost = cost;
        cost.directives = cost
            .directives
            .saturating_add(count(operation.node.directives.len()));
        refuse_over(cost, limits)?;
        if cost.top > count(limits.root_fields) {
            return Err(too_complex(format!(
                "An operation has at most {} root fields.",
                limits.root_fields
            )));
        }
        if cost.sign_ins > 1 {
            return Err(too_complex("An operation has at most one login or signup."));
        }
    }
    for name in document.fragments.keys() {
        refuse_over(meter.fragment(name, false)?, limits)?;
    }
    Ok(())
}

fn refuse_over(cost: Cost, limits: &Limits) -> Result<(), ErrorReply> {
    let checks = [
        (cost.depth, count(limits.depth), "levels of nested fields"),
        (cost.complexity, count(limits.complexity), "of complexity"),
        (cost.aliases, count(limits.aliases), "aliases"),
        (cost.directives, count(limits.directives), "directives"),
        (
            cost.introspection,
            MAX_INTROSPECTION,
            "introspection fields",
        ),
        (
            cost.introspection_depth,
            MAX_INTROSPECTION_DEPTH,
            "levels of introspection",
        ),
        (
            cost.introspection_lists,
            MAX_INTROSPECTION_LISTS,
            "nested lists of types in introspection",
        ),
    ];
    match checks.into_iter().find(|(found, most, _)| found > most) {
        Some((_, most, what)) => Err(too_complex(format!(
            "This document is too large: at most {most} {what}."
        ))),
        None => Ok(()),
    }
}

fn too_complex(message: impl Into<String>) -> ErrorReply {
    ErrorReply::new(code::TOO_COMPLEX, message)
}

fn count(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

struct Meter<'a> {
    fragments: &'a HashMap<Name, Positioned<FragmentDefinition>>,
    chosen: &'a OperationDefinition,
    variables: &'a Variables,
    /// By name and by whether it is spread below an introspection field; `None` while it is being measured.
    measured: HashMap<(&'a str, bool), Option<Cost>>,
}

impl<'a> Meter<'a> {
    fn selection_set(
        &mut self,
        set: &'a SelectionSet,
        introspecting: bool,
    ) -> Result<Cost, ErrorReply> {
        let mut sum = Cost::default();
        for selection in &set.items {
            let mut cost = match &selection.node {
                Selection::Field(field) => self.field(&field.node, introspecting)?,
                Selection::InlineFragment(inline) => {
                    self.selection_set(&inline.node.selection_set.node, introspecting)?
                }
                Selection::FragmentSpread(spread) => {
                    self.fragment(spread.node.fragment_name.node.as_str(), introspecting)?
                }
            };
            cost.directives = cost
                .directives
                .saturating_add(count(selection.node.directives().len()));
            sum = sum.beside(cost);
        }
        Ok(sum)
    }

    fn fragment(&mut self, name: &str, introspecting: bool) -> Result<Cost, ErrorReply> {
        // Validation names a spread of nothing better.
        let Some((name, fragment)) = self.fragments.get_key_value(name) else {
            return Ok(Cost::default());
        };
        let key = (name.as_str(), introspecting);
        match self.measured.get(&key) {
            Some(Some(cost)) => return Ok(*cost),
            Some(None) => {
                let sentence = format!("The fragment \"{name}\" spreads itself.");
                return Err(
                    ErrorReply::new(code::VALIDATION_FAILED, sentence).at(vec![fragment.pos])
                );
            }
            None => {}
        }
        self.measured.insert(key, None);
        let mut cost = self.selection_set(&fragment.node.selection_set.node, introspecting)?;
        cost.directives = cost
            .directives
            .saturating_add(count(fragment.node.directives.len()));
        self.measured.insert(key, Some(cost));
        Ok(cost)
    }

    fn field(&mut self, field: &'a Field, introspecting: bool) -> Result<Cost, ErrorReply> {
        let name = field.name.node.as_str();
        let enters = matches!(name, "__schema" | "__type");
        let below = self.selection_set(&field.selection_set.node, introspecting || enters)?;
        let aliases = below
            .aliases
            .saturating_add(u64::from(field.alias.is_some()));
        if introspecting || enters {
            let list = matches!(
                name,
                "fields" | "interfaces" | "possibleTypes" | "inputFields"
            );
            return Ok(Cost {
                complexity: u64::from(enters),
                depth: u64::from(enters),
                top: 1,
                aliases,
                directives: below.directives,
                introspection: below.introspection.saturating_add(1),
                introspection_depth: below.introspection_depth.saturating_add(1),
                introspection_lists: below.introspection_lists.saturating_add(u64::from(list)),
                sign_ins: 0,
            });
        }
        Ok(Cost {
            complexity: below
                .complexity
                .saturating_mul(self.size(field))
                .saturating_add(1),
            depth: below.depth.saturating_add(1),
            top: 1,
            aliases,
            directives: below.directives,
            introspection: below.introspection,
            introspection_depth: below.introspection_depth,
            introspection_lists: below.introspection_lists,
            sign_ins: u64::from(matches!(name, "login" | "signup")),
        })
    }

    /// How many items a field's list may hold: what is asked for, or what is usual.
    fn size(&self, field: &Field) -> u64 {
        let most = u64::from(MAX_PAGE.unsigned_abs());
        let asked = ["first", "last"]
            .into_iter()
            .find_map(|name| self.number(&field.get_argument(name)?.node));
        match field.name.node.as_str() {
            // A page over the limit is refused by its field, which can say which argument is at fault.
            "sidebarUsers" | "conversations" | "messages" => asked.unwrap_or(50).clamp(1, most),
            "onlineUsers" | "joined" | "left" => 50,
            "members" | "reactions" | "users" => 5,
            _ => 1,
        }
    }

    fn number(&self, value: &Value) -> Option<u64> {
        match value {
            Value::Number(number) => number.as_u64().or(Some(0)),
            Value::Variable(name) => {
                let default = || {
                    let definition = self
                        .chosen
                        .variable_definitions
                        .iter()
                        .find(|one| one.node.name.node == *name);
                    definition.and_then(|definition| definition.node.default_value())
                };
                match self.variables.get(name).or_else(default) {
                    Some(ConstValue::Number(number)) => number.as_u64().or(Some(0)),
                    _ => None,
                }
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use async_graphql::parser::parse_query;

    use super::*;

    fn verdict(document: &str) -> Result<(), String> {
        check_nesting(document).map_err(|error| error.message)?;
        let parsed = parse_query(document).map_err(|error| error.to_string())?;
        let (_, chosen) = parsed.operations.iter().next().expect("an operation");
        let limits = Limits::default();
        check(&parsed, &chosen.node, &Variables::default(), &limits).map_err(|error| error.message)
    }

    #[test]
    fn a_chain_of_doubling_fragments_is_refused_without_being_followed() {
        let links = 60;
        let chain =
            (0..links).map(|n| format!("fragment F{n} on User {{ ...F{} ...F{} }} ", n + 1, n + 1));
        let document = format!(
            "{{ me {{ ...F0 }} }} {} fragment F{links} on User {{ id }}",
            chain.collect::<String>()
        );
        let refused = verdict(&document).expect_err("too large");
        assert!(refused.contains("complexity"), "{refused}");
    }

    #[test]
    fn pages_multiply_what_they_hold() {
        assert!(verdict("{ conversations(first: 100) { nodes { id unreadCount } } }").is_ok());
        assert!(
            verdict(
                "{ conversations(first: 100) { nodes { messages(last: 100) { nodes { id } } } } }"
            )
            .is_err()
        );
        assert!(verdict("{ conversations { nodes { messages { nodes { id } } } } }").is_err());
        let by_variable = "query($n: Int! = 100) { conversations(first: $n) { nodes { messages(last: $n) { nodes { id } } } } }";
        assert!(verdict(by_variable).is_err());
        assert!(
            verdict("{ conversations(first: -1) { nodes { id } } }").is_ok(),
            "its field refuses it"
        );
    }

    #[test]
    fn fragments_that_spread_themselves_are_refused() {
        for document in [
            "{ me { ...A } } fragment A on User { ...A }",
            "{ me { id } } fragment A on User { ...B } fragment B on User { directConversation { members { user { ...A } } } }",
        ] {
            assert!(
                verdict(document)
                    .expect_err("circular")
                    .contains("spreads itself")
            );
        }
    }

    #[test]
    fn brackets_are_counted_outside_strings_and_comments() {
        let deep = "{a".repeat(10_000);
        assert!(verdict(&deep).is_err());
        let harmless = format!(
            "{{ user(id: \"{}\\\"[[\") {{ id }} }} # {}",
            "{".repeat(500),
            "[".repeat(500)
        );
        assert_eq!(verdict(&harmless), Ok(()));
    }

    #[test]
    fn introspection_that_goes_round_in_circles_is_refused() {
        let round =
            "{ __schema { types { fields { type { fields { type { fields { name } } } } } } } }";
        assert!(verdict(round).is_err());
    }

    #[test]
    fn what_nobody_runs_is_measured_too() {
        let aliases = (0..40).map(|n| format!("a{n}: id ")).collect::<String>();
        assert!(
            verdict(&format!(
                "query A {{ me {{ id }} }} query B {{ me {{ {aliases} }} }}"
            ))
            .is_err()
        );
        assert!(
            verdict(&format!(
                "{{ me {{ id }} }} fragment F on User {{ {aliases} }}"
            ))
            .is_err()
        );
    }
}
