//! Variables without a value: an argument or input field that is nothing but such a variable counts as left out
//! (GraphQL specification, 6.4.1), so that its default holds. The executor would take it for null.

use std::collections::{HashMap, HashSet};

use async_graphql::{
    Name, Positioned, Variables,
    parser::types::{FragmentDefinition, OperationDefinition, Selection, SelectionSet},
};
use async_graphql_value::Value;

/// Takes such arguments and fields out of the operation that will run and of all fragments, and the definitions of
/// their variables with them.
pub(super) fn take_out(
    operation: &mut OperationDefinition,
    fragments: &mut HashMap<Name, Positioned<FragmentDefinition>>,
    variables: &Variables,
) {
    let definitions = &mut operation.variable_definitions;
    let names = definitions.iter().map(|one| one.node.name.node.clone());
    let mut omitted = Omitted {
        without_value: names.filter(|name| !variables.contains_key(name)).collect(),
        taken_out: HashSet::new(),
    };
    if omitted.without_value.is_empty() {
        return;
    }
    omitted.visit(&mut operation.selection_set.node);
    for fragment in fragments.values_mut() {
        omitted.visit(&mut fragment.node.selection_set.node);
    }
    definitions.retain(|one| !omitted.taken_out.contains(&one.node.name.node));
}

struct Omitted {
    without_value: HashSet<Name>,
    taken_out: HashSet<Name>,
}

impl Omitted {
    fn visit(&mut self, set: &mut SelectionSet) {
        for selection in &mut set.items {
            match &mut selection.node {
                Selection::Field(field) => {
                    let field = &mut field.node;
                    field
                        .arguments
                        .retain_mut(|(_, value)| self.keeps(&mut value.node));
                    self.visit(&mut field.selection_set.node);
                }
                Selection::InlineFragment(inline) => {
                    self.visit(&mut inline.node.selection_set.node);
                }
                Selection::FragmentSpread(_) => {}
            }
        }
    }

    /// Whether something is left of a value.
    fn keeps(&mut self, value: &mut Value) -> bool {
        match value {
            Value::Variable(name) if self.without_value.contains(name) => {
                self.taken_out.insert(name.clone());
                false
            }
            Value::Object(fields) => {
                fields.retain(|_, field| self.keeps(field));
                true
            }
            Value::List(items) => {
                for item in items {
                    if !self.keeps(item) {
                        *item = Value::Null;
                    }
                }
                true
            }
            _ => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use async_graphql::parser::{parse_query, types::DocumentOperations};
    use serde_json::json;

    use super::*;

    /// The arguments of the first field, and the variables that are left.
    fn left(document: &str, values: serde_json::Value) -> (String, Vec<String>) {
        let mut document = parse_query(document).expect("a document");
        let DocumentOperations::Single(operation) = &mut document.operations else {
            panic!("one operation")
        };
        let operation = &mut operation.node;
        let values = Variables::from_json(values);
        take_out(operation, &mut document.fragments, &values);
        let Selection::Field(field) = &operation.selection_set.node.items[0].node else {
            panic!("a field")
        };
        let arguments = field.node.arguments.iter();
        let arguments = arguments.map(|(name, value)| format!("{name}: {value}"));
        let variables = operation.variable_definitions.iter();
        (
            arguments.collect::<Vec<_>>().join(", "),
            variables.map(|one| one.node.name.to_string()).collect(),
        )
    }

    #[test]
    fn what_has_no_value_is_left_out() {
        let document = "query($a: Int, $b: Int, $c: Int) { f(x: $a, y: { z: $b }, l: [$c]) }";
        let (arguments, variables) = left(document, json!({}));
        assert_eq!(arguments, "y: {}, l: [null]");
        assert!(variables.is_empty());
        let (arguments, variables) = left(document, json!({ "a": null, "b": 1, "c": 2 }));
        assert_eq!(arguments, "x: $a, y: {z: $b}, l: [$c]");
        assert_eq!(variables, ["a", "b", "c"]);
    }

    #[test]
    fn what_validation_has_to_see_stays() {
        let (arguments, variables) = left("query($unused: Int) { f(x: $unknown) }", json!({}));
        assert_eq!(
            (arguments.as_str(), variables),
            ("x: $unknown", vec!["unused".to_owned()])
        );
    }
}
