//! What running an operation comes to: its fields collected and merged by the specification (6.3.2 and 5.3.2), with
//! fragments followed and directives decided, for one set of values of the variables in them.

use std::{cell::Cell, collections::HashSet};

use apollo_compiler::{
    ExecutableDocument, Name, Node,
    ast::{Argument as Said, DirectiveList, Value},
    collections::IndexMap,
    executable::{Field as Selected, Operation, OperationType, Selection, SelectionSet},
    parser::SourceSpan,
    response::{JsonMap, JsonValue},
};

use super::{
    declare::{Argument, Audience, Field, Shape, Type},
    page_sizes::PageSize,
    schema,
};

/// What an operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OperationKind {
    Query,
    Mutation,
    Subscription,
}

impl OperationKind {
    pub(super) const ALL: [Self; 3] = [Self::Query, Self::Mutation, Self::Subscription];
}

/// An operation's fields, ready to run.
pub(super) struct Plan {
    pub(super) kind: OperationKind,
    /// The operation's.
    pub(super) name: Option<Name>,
    pub(super) fields: Vec<PlannedField>,
    /// Whether readers of one event may share what comes of it.
    pub(super) shared: bool,
    /// Whether all that others have done by now has to be read before it runs. Not for fields that say so, as long as only
    /// what is the same for all is selected from them: that is of the message just written and of its conversation, of
    /// which everything before was known when it was written.
    pub(super) needs_news: bool,
    /// The variables in what is selected from the root fields.
    pub(super) variables: Vec<Name>,
    /// Of its pages, as far as it says how large they are to be.
    pub(super) page_sizes: Vec<PageSize>,
    /// How many fields it has.
    pub(super) size: usize,
}

/// The variable with this name is null and the condition of a `@skip` or an `@include`, which must not be null: validation
/// lets it pass (5.8.5), running does not (6.4.1).
pub(super) struct NullCondition(pub(super) Name);

/// A field with all that is selected from what it gives.
pub(super) struct PlannedField {
    /// What it answers under.
    pub(super) key: Name,
    /// The same as JSON, with its colon.
    pub(super) prefix: Box<[u8]>,
    pub(super) kind: FieldKind,
    pub(super) location: Option<SourceSpan>,
    /// For each type of object that it may give; none for a leaf.
    below: Vec<(&'static Type, Vec<Self>)>,
}

/// What stands behind a field.
pub(super) enum FieldKind {
    TypeName(&'static str),
    /// `__schema` or `__type`.
    Introspection,
    Field {
        /// Its place in its type's declaration.
        index: usize,
        declared: &'static Field,
        arguments: Vec<(&'static Argument, Node<Value>)>,
    },
}

impl PlannedField {
    /// What is selected from an object of this type.
    pub(super) fn below(&self, declared: &'static Type) -> &[Self] {
        let found = self
            .below
            .iter()
            .find(|(other, _)| std::ptr::eq(*other, declared));
        found.map_or(&[], |(_, fields)| fields)
    }

    /// What is selected from an object, for each type that it may be of.
    pub(super) fn all_below(&self) -> impl Iterator<Item = &[Self]> {
        self.below.iter().map(|(_, fields)| fields.as_slice())
    }

    fn is_without_news(&self) -> bool {
        matches!(&self.kind, FieldKind::Field { declared, .. } if declared.without_news)
    }

    pub(super) fn shape(&self) -> &Shape {
        const LEAF: &Shape = &Shape {
            nullable: false,
            items: None,
        };
        match &self.kind {
            FieldKind::Field { declared, .. } => &declared.shape,
            FieldKind::TypeName(_) | FieldKind::Introspection => LEAF,
        }
    }
}

impl Plan {
    /// Of an operation of a valid document.
    pub(super) fn of(
        document: &ExecutableDocument,
        operation: &Operation,
        variables: &JsonMap,
    ) -> Result<Self, NullCondition> {
        let kind = operation.operation_type.into();
        let collector = Collector {
            document,
            variables,
            null: Cell::new(None),
            size: Cell::new(0),
        };
        let fields = collector.fields(schema::root(kind), &[&operation.selection_set]);
        if let Some(name) = collector.null.take() {
            return Err(NullCondition(name));
        }
        let (mut same_for_all, mut used) = (true, Vec::new());
        for below in fields.iter().flat_map(|field| &field.below) {
            look_at(&below.1, &mut same_for_all, &mut used);
        }
        let needs_news = !(same_for_all && fields.iter().all(PlannedField::is_without_news));
        used.sort_unstable();
        used.dedup();
        let mut page_sizes = Vec::new();
        PageSize::gather(&fields, &mut page_sizes);
        Ok(Self {
            kind,
            name: operation.name.clone(),
            fields,
            shared: same_for_all && kind == OperationKind::Subscription,
            needs_news,
            variables: used,
            page_sizes,
            size: collector.size.get(),
        })
    }

    /// The name of the first root field that is in the schema; metrics are counted by it.
    pub(super) fn root_field_name(&self) -> &'static str {
        let declared = |field: &PlannedField| match &field.kind {
            FieldKind::Field { declared, .. } => Some(declared.name),
            _ => None,
        };
        self.fields.iter().find_map(declared).unwrap_or("other")
    }
}

impl From<OperationType> for OperationKind {
    fn from(kind: OperationType) -> Self {
        match kind {
            OperationType::Query => Self::Query,
            OperationType::Mutation => Self::Mutation,
            OperationType::Subscription => Self::Subscription,
        }
    }
}

/// The variables in the directives of a selection.
pub(super) fn conditions(set: &SelectionSet, found: &mut Vec<Name>) {
    for selection in &set.selections {
        for directive in &selection.directives().0 {
            let values = directive.arguments.iter().map(|argument| &argument.value);
            values.for_each(|value| variables_in(value, found));
        }
        match selection {
            Selection::Field(field) => {
                field
                    .selection_set
                    .iter()
                    .for_each(|set| conditions(set, found));
            }
            Selection::InlineFragment(inline) => conditions(&inline.selection_set, found),
            Selection::FragmentSpread(_) => {}
        }
    }
}

/// Finds out whether fields are the same for all who may see them, and which variables they use.
fn look_at(fields: &[PlannedField], same_for_all: &mut bool, used: &mut Vec<Name>) {
    for field in fields {
        if let FieldKind::Field {
            declared,
            arguments,
            ..
        } = &field.kind
        {
            *same_for_all &= declared.audience != Audience::Each;
            for (_, value) in arguments {
                variables_in(value, used);
            }
        }
        for below in field.all_below() {
            look_at(below, same_for_all, used);
        }
    }
}

fn variables_in(value: &Value, used: &mut Vec<Name>) {
    match value {
        Value::Variable(name) => used.push(name.clone()),
        Value::List(items) => items.iter().for_each(|item| variables_in(item, used)),
        Value::Object(fields) => {
            let values = fields.iter().map(|(_, value)| value);
            values.for_each(|value| variables_in(value, used));
        }
        _ => {}
    }
}

struct Collector<'a> {
    document: &'a ExecutableDocument,
    variables: &'a JsonMap,
    /// A condition that is null.
    null: Cell<Option<Name>>,
    /// Fields planned so far.
    size: Cell<usize>,
}

/// Everything that is selected under each key, in the order in which the keys come.
type Collected<'a> = IndexMap<&'a Name, Vec<&'a Node<Selected>>>;

impl<'a> Collector<'a> {
    /// The fields that these selections have of a type.
    fn fields(&self, of: &'static Type, sets: &[&'a SelectionSet]) -> Vec<PlannedField> {
        let mut collected = Collected::default();
        let mut spread = HashSet::new();
        for set in sets {
            self.collect(of, set, &mut spread, &mut collected);
        }
        let planned = collected
            .into_iter()
            .filter_map(|(key, selected)| self.planned(of, key, &selected));
        planned.collect()
    }

    fn collect(
        &self,
        of: &'static Type,
        set: &'a SelectionSet,
        spread: &mut HashSet<&'a Name>,
        collected: &mut Collected<'a>,
    ) {
        for selection in &set.selections {
            if !self.is_included(selection.directives()) {
                continue;
            }
            match selection {
                Selection::Field(field) => {
                    collected
                        .entry(field.response_name())
                        .or_default()
                        .push(field);
                }
                Selection::InlineFragment(inline) => {
                    let condition = inline.type_condition.as_ref();
                    if condition.is_none_or(|condition| schema::is(of, condition)) {
                        self.collect(of, &inline.selection_set, spread, collected);
                    }
                }
                Selection::FragmentSpread(named) => {
                    let Some(fragment) = self.document.fragments.get(&named.fragment_name) else {
                        continue;
                    };
                    if spread.insert(&named.fragment_name)
                        && schema::is(of, fragment.type_condition())
                    {
                        self.collect(of, &fragment.selection_set, spread, collected);
                    }
                }
            }
        }
    }

    fn is_included(&self, directives: &DirectiveList) -> bool {
        let says = |name: &str| {
            let directive = directives.get(name)?;
            match directive.specified_argument_by_name("if")?.as_ref() {
                Value::Boolean(value) => Some(*value),
                Value::Variable(name) => {
                    let value = self.variables.get(name.as_str());
                    if value.is_none_or(JsonValue::is_null) {
                        self.null.set(Some(name.clone()));
                    }
                    value?.as_bool()
                }
                _ => None,
            }
        };
        says("skip") != Some(true) && says("include") != Some(false)
    }

    /// Several selections of one field, merged. `None` for what the type does not have, which a valid document does
    /// not select.
    fn planned(
        &self,
        of: &'static Type,
        key: &Name,
        selected: &[&'a Node<Selected>],
    ) -> Option<PlannedField> {
        let first = selected.first()?;
        self.size.set(self.size.get() + 1);
        let (kind, below) = match first.name.as_str() {
            "__typename" => (FieldKind::TypeName(of.name), &[][..]),
            "__schema" | "__type" => (FieldKind::Introspection, &[][..]),
            name => {
                let index = of.fields.iter().position(|field| field.name == name)?;
                let declared = &of.fields[index];
                let arguments = first.arguments.iter();
                let arguments = arguments.filter_map(|argument| said(declared, argument));
                let kind = FieldKind::Field {
                    index,
                    declared,
                    arguments: arguments.collect(),
                };
                (kind, declared.possible_types)
            }
        };
        let sets = selected
            .iter()
            .filter_map(|field| field.selection_set.as_ref())
            .collect::<Vec<_>>();
        let below = below.iter().map(|below| {
            let of = below();
            (of, self.fields(of, &sets))
        });
        Some(PlannedField {
            key: key.clone(),
            // A GraphQL name, in which nothing needs an escape.
            prefix: format!("\"{key}\":").into_bytes().into(),
            kind,
            location: first.name.location().map(|name| {
                let alias = first.alias.as_ref().and_then(Name::location);
                alias.unwrap_or(name)
            }),
            below: below.collect(),
        })
    }
}

fn said(declared: &'static Field, said: &Node<Said>) -> Option<(&'static Argument, Node<Value>)> {
    let mut arguments = declared.arguments.iter();
    let argument = arguments.find(|argument| argument.name == said.name.as_str())?;
    Some((argument, said.value.clone()))
}
