//! What a document costs, found out before it is validated and in time linear in its length: each fragment is
//! measured once, however often it is spread.

use std::collections::HashMap;

use async_graphql::{
    Name, Positioned, Variables,
    parser::types::{
        Directive, ExecutableDocument, Field, FragmentDefinition, OperationDefinition, Selection,
        SelectionSet,
    },
};
use async_graphql_value::{ConstValue, Value};

use super::error::{ErrorReply, code};
use crate::domain::page::MAX_PAGE;

/// Selection sets inside each other, those of fragments and spreads included: as many as the executor takes.
const MAX_LEVELS: u64 = 32;
/// Arguments of one field; validation compares all with all where the field is there twice.
const MAX_ARGUMENTS: usize = 32;
/// What a use of a variable adds to the size of its value: an error says where it is used.
const VARIABLE: u64 = 10;
/// Bytes of text that weigh as much as a value without any.
const BYTES_PER_VALUE: usize = 32;

/// What a selection costs with all its spreads followed. Everything saturates.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cost {
    /// A field counts 1, a page its size times what it holds.
    pub(super) complexity: u64,
    pub(super) depth: u64,
    /// Fields at the top of it.
    pub(super) top: u64,
    pub(super) aliases: u64,
    pub(super) directives: u64,
    /// Values in arguments, with those of variables; a page's size times what it holds.
    pub(super) values: u64,
    /// Fields that validation looks at: once for each selection set between them and their parent's field.
    pub(super) visits: u64,
    /// Selection sets inside each other, those of fragments and spreads included.
    levels: u64,
    /// Introspection fields, each list's size times what it holds.
    pub(super) introspection: u64,
    pub(super) introspection_depth: u64,
    pub(super) introspection_lists: u64,
    /// `login` and `signup` at the top of it.
    pub(super) sign_ins: u64,
}

impl Cost {
    /// Of what validation names as unknown: no less than a field, as spreads of it multiply, too.
    const UNKNOWN: Self = Self {
        complexity: 1,
        depth: 0,
        top: 1,
        aliases: 0,
        directives: 0,
        values: 0,
        visits: 1,
        levels: 0,
        introspection: 0,
        introspection_depth: 0,
        introspection_lists: 0,
        sign_ins: 0,
    };

    fn beside(self, other: Self) -> Self {
        Self {
            complexity: self.complexity.saturating_add(other.complexity),
            depth: self.depth.max(other.depth),
            top: self.top.saturating_add(other.top),
            aliases: self.aliases.saturating_add(other.aliases),
            directives: self.directives.saturating_add(other.directives),
            values: self.values.saturating_add(other.values),
            visits: self.visits.saturating_add(other.visits),
            levels: self.levels.max(other.levels),
            introspection: self.introspection.saturating_add(other.introspection),
            introspection_depth: self.introspection_depth.max(other.introspection_depth),
            introspection_lists: self.introspection_lists.max(other.introspection_lists),
            sign_ins: self.sign_ins.saturating_add(other.sign_ins),
        }
    }
}

/// Measures one document.
pub(super) struct Meter<'a> {
    fragments: &'a HashMap<Name, Positioned<FragmentDefinition>>,
    variables: &'a Variables,
    /// What a use of each variable weighs.
    weights: HashMap<&'a Name, u64>,
    /// By name and by whether it is spread below an introspection field; `None` while it is being measured.
    measured: HashMap<(&'a str, bool), Option<Cost>>,
}

impl<'a> Meter<'a> {
    /// For a document that is asked for with these variables.
    pub(super) fn new(document: &'a ExecutableDocument, variables: &'a Variables) -> Self {
        let weigh = |(name, value)| (name, VARIABLE.saturating_add(constant(value)));
        Self {
            fragments: &document.fragments,
            variables,
            weights: variables.iter().map(weigh).collect(),
            measured: HashMap::new(),
        }
    }

    pub(super) fn operation(
        &mut self,
        operation: &'a OperationDefinition,
    ) -> Result<Cost, ErrorReply> {
        let cost = self.selection_set(&operation.selection_set.node, false, 0)?;
        Ok(cost.beside(self.directives(&operation.directives)))
    }

    /// Of a fragment that somebody may spread.
    pub(super) fn fragment(&mut self, name: &str) -> Result<Cost, ErrorReply> {
        self.spread(name, false, 0)
    }

    /// `level` is how many selection sets there are around this one.
    fn selection_set(
        &mut self,
        set: &'a SelectionSet,
        introspecting: bool,
        level: u64,
    ) -> Result<Cost, ErrorReply> {
        refuse_below(level)?;
        let mut sum = Cost::default();
        for selection in &set.items {
            let cost = match &selection.node {
                Selection::Field(field) => self.field(&field.node, introspecting, level)?,
                Selection::InlineFragment(inline) => {
                    self.selection_set(&inline.node.selection_set.node, introspecting, level + 1)?
                }
                Selection::FragmentSpread(spread) => {
                    let name = spread.node.fragment_name.node.as_str();
                    self.spread(name, introspecting, level + 1)?
                }
            };
            sum = sum
                .beside(cost)
                .beside(self.directives(selection.node.directives()));
        }
        if !set.items.is_empty() {
            sum.levels += 1;
        }
        sum.visits = sum.visits.saturating_add(sum.top);
        Ok(sum)
    }

    fn spread(&mut self, name: &str, introspecting: bool, level: u64) -> Result<Cost, ErrorReply> {
        let Some((name, fragment)) = self.fragments.get_key_value(name) else {
            return Ok(Cost {
                introspection: u64::from(introspecting),
                ..Cost::UNKNOWN
            });
        };
        let key = (name.as_str(), introspecting);
        match self.measured.get(&key) {
            Some(Some(cost)) => {
                refuse_below(level + cost.levels)?;
                return Ok(*cost);
            }
            Some(None) => {
                let sentence = format!("The fragment \"{name}\" spreads itself.");
                return Err(
                    ErrorReply::new(code::VALIDATION_FAILED, sentence).at(vec![fragment.pos])
                );
            }
            None => {}
        }
        self.measured.insert(key, None);
        let cost = self.selection_set(&fragment.node.selection_set.node, introspecting, level)?;
        let cost = cost.beside(self.directives(&fragment.node.directives));
        self.measured.insert(key, Some(cost));
        Ok(cost)
    }

    fn field(
        &mut self,
        field: &'a Field,
        introspecting: bool,
        level: u64,
    ) -> Result<Cost, ErrorReply> {
        if field.arguments.len() > MAX_ARGUMENTS {
            return Err(too_complex(format!(
                "A field has at most {MAX_ARGUMENTS} arguments."
            )));
        }
        let name = field.name.node.as_str();
        let enters = matches!(name, "__schema" | "__type");
        let introspecting = introspecting || enters;
        let below = self.selection_set(&field.selection_set.node, introspecting, level + 1)?;
        let values = field
            .arguments
            .iter()
            .map(|(_, value)| self.weight(&value.node));
        let values = values.fold(0, u64::saturating_add);
        let counted = Cost {
            top: 1,
            aliases: below
                .aliases
                .saturating_add(u64::from(field.alias.is_some())),
            sign_ins: 0,
            ..below
        };
        if introspecting {
            let list = matches!(
                name,
                "fields" | "interfaces" | "possibleTypes" | "inputFields"
            );
            return Ok(Cost {
                complexity: u64::from(enters),
                depth: u64::from(enters),
                values: below.values.saturating_add(values),
                introspection: below
                    .introspection
                    .saturating_mul(listed(name))
                    .saturating_add(1),
                introspection_depth: below.introspection_depth.saturating_add(1),
                introspection_lists: below.introspection_lists.saturating_add(u64::from(list)),
                ..counted
            });
        }
        let size = self.size(field);
        Ok(Cost {
            complexity: below.complexity.saturating_mul(size).saturating_add(1),
            depth: below.depth.saturating_add(1),
            values: below.values.saturating_mul(size).saturating_add(values),
            sign_ins: u64::from(matches!(name, "login" | "signup")),
            ..counted
        })
    }

    fn directives(&self, directives: &[Positioned<Directive>]) -> Cost {
        let arguments = directives.iter().flat_map(|one| &one.node.arguments);
        let values = arguments.map(|(_, value)| self.weight(&value.node));
        Cost {
            directives: count(directives.len()),
            values: values.fold(0, u64::saturating_add),
            ..Cost::default()
        }
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
        let number = match value {
            Value::Number(number) => number,
            Value::Variable(name) => match self.variables.get(name)? {
                ConstValue::Number(number) => number,
                _ => return None,
            },
            _ => return None,
        };
        Some(number.as_u64().unwrap_or(0))
    }

    fn weight(&self, value: &Value) -> u64 {
        let sum = |weights: &mut dyn Iterator<Item = u64>| weights.fold(1, u64::saturating_add);
        match value {
            Value::Variable(name) => self.weights.get(name).copied().unwrap_or(VARIABLE),
            Value::String(text) => text_weight(text),
            Value::List(items) => sum(&mut items.iter().map(|item| self.weight(item))),
            Value::Object(fields) => sum(&mut fields.values().map(|field| self.weight(field))),
            _ => 1,
        }
    }
}

/// About how much a list of introspection holds: so many types, with so many fields each on average.
fn listed(name: &str) -> u64 {
    match name {
        "types" => 60,
        "fields" | "directives" => 4,
        _ => 1,
    }
}

fn constant(value: &ConstValue) -> u64 {
    match value {
        ConstValue::String(text) => text_weight(text),
        ConstValue::List(items) => items.iter().map(constant).fold(1, u64::saturating_add),
        ConstValue::Object(fields) => fields.values().map(constant).fold(1, u64::saturating_add),
        _ => 1,
    }
}

fn text_weight(text: &str) -> u64 {
    1 + count(text.len() / BYTES_PER_VALUE)
}

fn refuse_below(level: u64) -> Result<(), ErrorReply> {
    if level > MAX_LEVELS {
        return Err(too_complex("This document is nested too deeply."));
    }
    Ok(())
}

pub(super) fn too_complex(message: impl Into<String>) -> ErrorReply {
    ErrorReply::new(code::TOO_COMPLEX, message)
}

pub(super) fn count(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}
