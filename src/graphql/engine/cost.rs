//! What a document costs, found out before it is validated and in time linear in its length: each fragment is
//! measured once, however often it is spread.

use std::collections::{HashMap, HashSet};

use apollo_compiler::{
    Name, Node,
    ast::{
        Definition, DirectiveList, Document, Field, FragmentDefinition, OperationDefinition,
        Selection, Value,
    },
    parser::SourceMap,
    response::{JsonMap, JsonValue},
};

use super::{
    declare::{Size, Type},
    document::locations,
    measure::{
        Cost,
        Measure::{
            Aliases, Complexity, Depth, Directives, Introspection, IntrospectionDepth,
            IntrospectionLists, Levels, SignIns, Top, Values, Visits,
        },
    },
    schema, values,
};
use crate::graphql::error::{ErrorReply, code};

/// Selection sets inside each other, those of fragments and spreads included. Whatever walks a document calls itself once
/// for each of them.
const MAX_LEVELS: u64 = 32;
/// Arguments of one field; validation compares all with all where the field is there twice.
const MAX_ARGUMENTS: usize = 32;
/// What a use of a variable weighs besides its value, as an error about it says where it is used.
const VARIABLE: u64 = 10;
/// Bytes of a name: each error about it repeats it.
const MAX_NAME: usize = 200;
/// Bytes of text that weigh as much as a value without any.
const BYTES_PER_VALUE: usize = 32;

/// The types that an object may have from which something is selected; none below an introspection field and where there is
/// no such type.
type Parents<'a> = &'a [&'static Type];

/// Measures one document.
pub(super) struct Meter<'a> {
    fragments: HashMap<&'a str, &'a Node<FragmentDefinition>>,
    variables: Option<&'a JsonMap>,
    sources: &'a SourceMap,
    /// What a use of each variable weighs.
    weights: HashMap<&'a str, u64>,
    /// By name and by whether it is spread below an introspection field; `None` while it is being measured.
    measured: HashMap<(&'a str, bool), Option<Cost>>,
}

impl<'a> Meter<'a> {
    /// For a document that is asked for with these variables; without them it is measured as if they said the least.
    pub(super) fn new(document: &'a Document, variables: Option<&'a JsonMap>) -> Self {
        let weigh = |(name, value): (&'a _, _)| {
            let name: &'a apollo_compiler::response::serde_json_bytes::ByteString = name;
            (name.as_str(), VARIABLE.saturating_add(json_weight(value)))
        };
        let fragments = document
            .definitions
            .iter()
            .filter_map(|definition| match definition {
                Definition::FragmentDefinition(fragment) => {
                    Some((fragment.name.as_str(), fragment))
                }
                _ => None,
            });
        Self {
            fragments: fragments.collect(),
            variables,
            sources: &document.sources,
            weights: variables.into_iter().flatten().map(weigh).collect(),
            measured: HashMap::new(),
        }
    }

    pub(super) fn operation(
        &mut self,
        operation: &'a Node<OperationDefinition>,
    ) -> Result<Cost, ErrorReply> {
        operation.name.as_ref().map_or(Ok(()), refuse_long)?;
        for variable in &operation.variables {
            refuse_long(&variable.name)?;
            refuse_long(variable.ty.inner_named_type())?;
            let Some(default) = &variable.default_value else {
                continue;
            };
            self.weight(default)?;
            if default.is_null() && variable.ty.is_non_null() {
                // The validator does not look (5.6.1).
                let sentence = format!("The variable \"${}\" must not be null.", variable.name);
                let error = ErrorReply::new(code::VALIDATION_FAILED, sentence);
                return Err(error.at(locations(default.location(), self.sources)));
            }
        }
        let parents = [schema::root(operation.operation_type.into())];
        let set = &operation.selection_set;
        let cost = self.selection_set(set, &parents, false, 0)?;
        Ok(cost.beside(self.directives(&operation.directives)?))
    }

    /// Of a fragment that somebody may spread.
    pub(super) fn fragment(&mut self, name: &'a str) -> Result<Cost, ErrorReply> {
        self.spread(name, false, 0)
    }

    /// `level` is how many selection sets there are around this one.
    fn selection_set(
        &mut self,
        set: &'a [Selection],
        parents: Parents<'_>,
        introspecting: bool,
        level: u64,
    ) -> Result<Cost, ErrorReply> {
        refuse_below(level)?;
        let mut sum = Cost::default();
        for selection in set {
            let (cost, directives) = match selection {
                Selection::Field(field) => (
                    self.field(field, parents, introspecting, level)?,
                    &field.directives,
                ),
                Selection::InlineFragment(inline) => {
                    let narrowed = inline.type_condition.as_ref();
                    narrowed.map_or(Ok(()), refuse_long)?;
                    let parents = narrowed.map_or(parents, |name| schema::possible(name));
                    let set = &inline.selection_set;
                    (
                        self.selection_set(set, parents, introspecting, level + 1)?,
                        &inline.directives,
                    )
                }
                Selection::FragmentSpread(spread) => {
                    refuse_long(&spread.fragment_name)?;
                    let name = spread.fragment_name.as_str();
                    (
                        self.spread(name, introspecting, level + 1)?,
                        &spread.directives,
                    )
                }
            };
            sum = sum.beside(cost).beside(self.directives(directives)?);
        }
        Ok(sum.plus(Levels, 1).plus(Visits, sum.get(Top)))
    }

    fn spread(
        &mut self,
        name: &'a str,
        introspecting: bool,
        level: u64,
    ) -> Result<Cost, ErrorReply> {
        let Some(fragment) = self.fragments.get(name).copied() else {
            return Ok(Cost::unknown().with(Introspection, u64::from(introspecting)));
        };
        let key = (name, introspecting);
        match self.measured.get(&key) {
            Some(Some(cost)) => {
                refuse_below(level + cost.get(Levels))?;
                return Ok(*cost);
            }
            Some(None) => {
                let sentence = format!("The fragment \"{name}\" spreads itself.");
                let at = locations(fragment.location(), self.sources);
                return Err(ErrorReply::new(code::VALIDATION_FAILED, sentence).at(at));
            }
            None => {}
        }
        self.measured.insert(key, None);
        refuse_long(&fragment.name)?;
        refuse_long(&fragment.type_condition)?;
        let parents = schema::possible(&fragment.type_condition);
        let cost = self.selection_set(&fragment.selection_set, parents, introspecting, level)?;
        let cost = cost.beside(self.directives(&fragment.directives)?);
        self.measured.insert(key, Some(cost));
        Ok(cost)
    }

    fn field(
        &mut self,
        field: &'a Node<Field>,
        parents: Parents<'_>,
        introspecting: bool,
        level: u64,
    ) -> Result<Cost, ErrorReply> {
        refuse_long(&field.name)?;
        field.alias.as_ref().map_or(Ok(()), refuse_long)?;
        if field.arguments.len() > MAX_ARGUMENTS {
            return Err(too_complex(format!(
                "A field has at most {MAX_ARGUMENTS} arguments."
            )));
        }
        let name = field.name.as_str();
        let enters = matches!(name, "__schema" | "__type");
        let introspecting = introspecting || enters;
        let mut declared = parents.iter().flat_map(|parent| &parent.fields);
        let declared = declared.find(|declared| declared.name == name);
        let below = declared.map_or(&[][..], |declared| declared.possible_types);
        let below = below.iter().map(|below| below()).collect::<Vec<_>>();
        let below = match field.selection_set.as_deref() {
            Some(set) => self.selection_set(set, &below, introspecting, level + 1)?,
            None => Cost::default(),
        };
        field
            .arguments
            .iter()
            .try_for_each(|said| refuse_long(&said.name))?;
        let values = self.weights(field.arguments.iter().map(|said| &said.value), 0)?;
        let below = below
            .with(Top, 1)
            .plus(Aliases, u64::from(field.alias.is_some()))
            .with(SignIns, 0);
        if introspecting {
            let list = matches!(
                name,
                "fields" | "interfaces" | "possibleTypes" | "inputFields"
            );
            return Ok(below
                .with(Complexity, u64::from(enters))
                .with(Depth, u64::from(enters))
                .plus(Values, values)
                .times(Introspection, listed(name))
                .plus(Introspection, 1)
                .plus(IntrospectionDepth, 1)
                .plus(IntrospectionLists, u64::from(list)));
        }
        let size = declared.map_or(1, |declared| self.size(field, declared.size));
        Ok(below
            .times(Complexity, size)
            .plus(Complexity, 1)
            .plus(Depth, 1)
            .times(Values, size)
            .plus(Values, values)
            .with(SignIns, u64::from(matches!(name, "login" | "signup"))))
    }

    fn directives(&self, directives: &DirectiveList) -> Result<Cost, ErrorReply> {
        let arguments = directives.iter().flat_map(|one| &one.arguments);
        directives
            .iter()
            .try_for_each(|one| refuse_long(&one.name))?;
        arguments
            .clone()
            .try_for_each(|said| refuse_long(&said.name))?;
        let values = self.weights(arguments.map(|said| &said.value), 0)?;
        Ok(Cost::default()
            .with(Directives, count(directives.len()))
            .with(Values, values))
    }

    /// How many items a field's list may hold: what is asked for, or what is usual.
    fn size(&self, field: &Field, size: Size) -> u64 {
        let (usual, most) = match size {
            Size::One => return 1,
            Size::About(usual) => return usual,
            // A page that is to be larger is refused for its size, unless all is too complex anyway.
            Size::Page { usual, most } => (usual, u64::from(most.unsigned_abs())),
        };
        let mut asked = field
            .arguments
            .iter()
            .filter(|said| matches!(said.name.as_str(), "first" | "last"))
            .filter_map(|said| self.number(&said.value));
        asked.next().unwrap_or(usual).clamp(1, most)
    }

    fn number(&self, value: &Value) -> Option<u64> {
        let number = match (value, self.variables) {
            (Value::Variable(_), None) => 1,
            (_, None) => values::integer(value, &JsonMap::new())?,
            (_, Some(variables)) => values::integer(value, variables)?,
        };
        Some(u64::try_from(number).unwrap_or(0))
    }

    fn weight(&self, value: &Node<Value>) -> Result<u64, ErrorReply> {
        Ok(match value.as_ref() {
            Value::Variable(name) => self.weights.get(name.as_str()).copied().unwrap_or(VARIABLE),
            Value::String(text) => text_weight(text),
            Value::List(items) => self.weights(items.iter(), 1)?,
            Value::Enum(name) => {
                refuse_long(name)?;
                1
            }
            Value::Object(fields) => {
                fields.iter().try_for_each(|(name, _)| refuse_long(name))?;
                let mut known = HashSet::new();
                if let Some((twice, _)) = fields.iter().find(|(name, _)| !known.insert(name)) {
                    // The validator does not look (5.6.3).
                    let sentence = format!("The input field \"{twice}\" is given twice.");
                    let error = ErrorReply::new(code::VALIDATION_FAILED, sentence);
                    return Err(error.at(locations(value.location(), self.sources)));
                }
                self.weights(fields.iter().map(|(_, field)| field), 1)?
            }
            _ => 1,
        })
    }

    fn weights<'v>(
        &self,
        mut values: impl Iterator<Item = &'v Node<Value>>,
        own: u64,
    ) -> Result<u64, ErrorReply> {
        values.try_fold(
            own,
            |sum, value| Ok(sum.saturating_add(self.weight(value)?)),
        )
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

fn json_weight(value: &JsonValue) -> u64 {
    match value {
        JsonValue::String(text) => text_weight(text.as_str()),
        JsonValue::Array(items) => items.iter().map(json_weight).fold(1, u64::saturating_add),
        JsonValue::Object(fields) => fields
            .values()
            .map(json_weight)
            .fold(1, u64::saturating_add),
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

fn refuse_long(name: &Name) -> Result<(), ErrorReply> {
    if name.len() > MAX_NAME {
        let sentence = format!("A name has at most {MAX_NAME} characters.");
        return Err(too_complex(sentence));
    }
    Ok(())
}

pub(super) fn too_complex(message: impl Into<String>) -> ErrorReply {
    ErrorReply::new(code::TOO_COMPLEX, message)
}

pub(super) fn count(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}
