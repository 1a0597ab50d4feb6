//! What a document may cost, looked at before it is validated. Validation, which follows spreads and compares
//! fields with fields, only ever sees documents that are small by these measures.

use async_graphql::{Variables, parser::types::ExecutableDocument};

use super::{
    error::{ErrorReply, code},
    meter::{Cost, Meter, count, too_complex},
};
use crate::domain::Limits;

/// Operations in a document; validation follows the fragments of each.
const MAX_OPERATIONS: usize = 10;
/// Variables of one operation; validation looks through them at each use.
pub(super) const MAX_VARIABLES: usize = 100;
/// Values in a document's arguments, with those of variables; validation copies them at each use.
const MAX_VALUES: u64 = 20_000;
/// Fields that validation looks at, once for each selection set between them and their parent's field.
const MAX_VISITS: u64 = 50_000;
/// Introspection fields, each list's size times what it holds: graphql-js's standard query comes to about 25,000.
const MAX_INTROSPECTION: u64 = 50_000;
/// Levels below `__schema` and `__type`: graphql-js's standard query has 13.
const MAX_INTROSPECTION_DEPTH: u64 = 20;
/// How often the lists that lead from one type to another may be nested, as graphql-js's
/// `MaxIntrospectionDepthRule` counts: each level multiplies the answer by the size of the schema.
const MAX_INTROSPECTION_LISTS: u64 = 2;

/// Measures everything in a document, also what will not run, and refuses what is over a limit. `introspection` is
/// whether there may be any.
pub(super) fn check(
    document: &ExecutableDocument,
    variables: &Variables,
    limits: &Limits,
    introspection: bool,
) -> Result<(), ErrorReply> {
    if document.operations.iter().count() > MAX_OPERATIONS {
        return Err(too_complex(format!(
            "A document has at most {MAX_OPERATIONS} operations."
        )));
    }
    let mut meter = Meter::new(document, variables);
    let mut all = Vec::new();
    for (_, operation) in document.operations.iter() {
        if operation.node.variable_definitions.len() > MAX_VARIABLES {
            return Err(too_complex(format!(
                "An operation has at most {MAX_VARIABLES} variables."
            )));
        }
        let cost = meter.operation(&operation.node)?;
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
        all.push(cost);
    }
    for name in document.fragments.keys() {
        let cost = meter.fragment(name)?;
        refuse_over(cost, limits)?;
        all.push(cost);
    }
    let total = |part: fn(&Cost) -> u64| all.iter().map(part).fold(0, u64::saturating_add);
    if !introspection && total(|cost| cost.introspection) > 0 {
        let sentence = "Introspection is switched off here.";
        return Err(ErrorReply::new(code::VALIDATION_FAILED, sentence));
    }
    if total(|cost| cost.visits) > MAX_VISITS || total(|cost| cost.values) > MAX_VALUES {
        return Err(too_complex("This document is too large all in all."));
    }
    Ok(())
}

fn refuse_over(cost: Cost, limits: &Limits) -> Result<(), ErrorReply> {
    let checks = [
        (cost.depth, count(limits.depth), "levels of nested fields"),
        (cost.complexity, count(limits.complexity), "of complexity"),
        (cost.aliases, count(limits.aliases), "aliases"),
        (cost.directives, count(limits.directives), "directives"),
        (cost.values, MAX_VALUES, "values in arguments"),
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

#[cfg(test)]
mod tests {
    use async_graphql::parser::parse_query;

    use super::*;

    fn verdict(document: &str) -> Result<(), String> {
        verdict_on(document, &serde_json::json!({}))
    }

    fn verdict_on(document: &str, variables: &serde_json::Value) -> Result<(), String> {
        let parsed = parse_query(document).expect("a document");
        let variables = Variables::from_json(variables.clone());
        check(&parsed, &variables, &Limits::default(), true).map_err(|error| error.message)
    }

    #[test]
    fn a_chain_of_doubling_fragments_is_refused_without_being_followed() {
        let links = 24;
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
        let by_variable = "query($n: Int!) { conversations(first: $n) { nodes { messages(last: $n) { nodes { id } } } } }";
        assert!(verdict_on(by_variable, &serde_json::json!({ "n": 100 })).is_err());
        assert!(verdict_on(by_variable, &serde_json::json!({ "n": 5 })).is_ok());
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
