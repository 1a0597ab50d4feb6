//! What a document may cost, checked before it is validated. Validation, which follows spreads and compares fields with
//! fields, only ever sees documents that are small by these measures.

use std::collections::HashSet;

use apollo_compiler::{
    ast::{Definition, Document},
    response::JsonMap,
};

use super::{
    cost::{Meter, count, too_complex},
    document::locations,
    measure::{Cost, Measure},
};
use crate::{
    domain::Limits,
    graphql::error::{ErrorReply, code},
};

/// Operations in a document; validation follows the fragments of each.
const MAX_OPERATIONS: usize = 10;
/// Variables of one operation; validation looks through them at each use.
const MAX_VARIABLES: usize = 100;
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

/// Measures everything in a document, also what will not run, and refuses what is over a limit. Without variables it refuses
/// what is over a limit whatever their values are. `introspection` is whether there may be any.
pub(super) fn check(
    document: &Document,
    variables: Option<&JsonMap>,
    limits: &Limits,
    introspection: bool,
) -> Result<(), ErrorReply> {
    let mut meter = Meter::new(document, variables);
    let mut all = Vec::new();
    let mut operations = 0;
    let mut fragments = HashSet::new();
    for definition in &document.definitions {
        let cost = match definition {
            Definition::FragmentDefinition(fragment) => {
                // The validator follows one of the two, which need not be the one that is measured (5.5.1.1).
                if !fragments.insert(&fragment.name) {
                    let sentence = "A document has at most one fragment of a name.";
                    let error = ErrorReply::new(code::VALIDATION_FAILED, sentence);
                    let at = locations(fragment.name.location(), &document.sources);
                    return Err(error.at(at));
                }
                meter.fragment(&fragment.name)?
            }
            Definition::OperationDefinition(operation) => {
                operations += 1;
                if operations > MAX_OPERATIONS {
                    return Err(too_complex(format!(
                        "A document has at most {MAX_OPERATIONS} operations."
                    )));
                }
                if operation.variables.len() > MAX_VARIABLES {
                    return Err(too_complex(format!(
                        "An operation has at most {MAX_VARIABLES} variables."
                    )));
                }
                let cost = meter.operation(operation)?;
                let most = limits.root_fields;
                if cost.get(Measure::Top) > count(most) {
                    return Err(too_complex(format!(
                        "An operation has at most {most} root fields."
                    )));
                }
                if cost.get(Measure::SignIns) > 1 {
                    return Err(too_complex("An operation has at most one login or signup."));
                }
                cost
            }
            _ => continue,
        };
        refuse_over(cost, limits)?;
        all.push(cost);
    }
    let total = |measure| {
        all.iter()
            .fold(0_u64, |sum, cost| sum.saturating_add(cost.get(measure)))
    };
    if !introspection && total(Measure::Introspection) > 0 {
        let sentence = "Introspection is switched off here.";
        return Err(ErrorReply::new(code::VALIDATION_FAILED, sentence));
    }
    if total(Measure::Visits) > MAX_VISITS || total(Measure::Values) > MAX_VALUES {
        return Err(too_complex("This document is too large all in all."));
    }
    Ok(())
}

fn refuse_over(cost: Cost, limits: &Limits) -> Result<(), ErrorReply> {
    use Measure::{
        Aliases, Complexity, Depth, Directives, Introspection, IntrospectionDepth,
        IntrospectionLists, Values,
    };
    let checks = [
        (Depth, count(limits.depth), "levels of nested fields"),
        (Complexity, count(limits.complexity), "of complexity"),
        (Aliases, count(limits.aliases), "aliases"),
        (Directives, count(limits.directives), "directives"),
        (Values, MAX_VALUES, "values in arguments"),
        (Introspection, MAX_INTROSPECTION, "introspection fields"),
        (
            IntrospectionDepth,
            MAX_INTROSPECTION_DEPTH,
            "levels of introspection",
        ),
        (
            IntrospectionLists,
            MAX_INTROSPECTION_LISTS,
            "nested lists of types in introspection",
        ),
    ];
    let over = checks
        .into_iter()
        .find(|(measure, most, _)| cost.get(*measure) > *most);
    over.map_or(Ok(()), |(_, most, what)| {
        let sentence = format!("This document is too large: at most {most} {what}.");
        Err(too_complex(sentence))
    })
}
