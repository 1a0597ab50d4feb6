//! Where an operation uses a variable, as a client that is told of a value knows the argument that it fills.

use std::collections::HashSet;

use apollo_compiler::{
    ExecutableDocument, Name,
    ast::Value,
    executable::{Operation, Selection, SelectionSet},
};

/// The path of the first argument, or part of one, that a variable fills; `None` where it fills none, as one in a directive.
pub(super) fn path_of(
    variable: &Name,
    operation: &Operation,
    document: &ExecutableDocument,
) -> Option<String> {
    let mut look = Look {
        variable,
        document,
        spread: HashSet::new(),
    };
    look.among(&operation.selection_set)
}

struct Look<'a> {
    variable: &'a Name,
    document: &'a ExecutableDocument,
    /// The fragments that were looked at.
    spread: HashSet<&'a Name>,
}

impl<'a> Look<'a> {
    fn among(&mut self, set: &'a SelectionSet) -> Option<String> {
        set.selections.iter().find_map(|selection| match selection {
            Selection::Field(field) => {
                let mut arguments = field.arguments.iter();
                let found =
                    arguments.find_map(|argument| self.under(&argument.name, &argument.value));
                found.or_else(|| {
                    let below = field.selection_set.as_ref()?;
                    self.among(below)
                })
            }
            Selection::InlineFragment(inline) => self.among(&inline.selection_set),
            Selection::FragmentSpread(named) => {
                let fragment = self.document.fragments.get(&named.fragment_name)?;
                let is_new = self.spread.insert(&named.fragment_name);
                is_new.then(|| self.among(&fragment.selection_set))?
            }
        })
    }

    /// The path of the variable where it is in a value, or in a part of it, of this name.
    fn under(&self, name: &str, value: &Value) -> Option<String> {
        let below = match value {
            Value::Variable(used) => return (used == self.variable).then(|| name.to_owned()),
            Value::List(items) => {
                let mut items = items.iter().enumerate();
                items.find_map(|(index, item)| self.under(&index.to_string(), item))
            }
            Value::Object(fields) => fields
                .iter()
                .find_map(|(name, value)| self.under(name, value)),
            _ => None,
        };
        below.map(|below| format!("{name}.{below}"))
    }
}
