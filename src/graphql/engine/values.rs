//! Values that clients give: an operation's variables and a field's arguments (GraphQL specification, 6.1.2 and 6.4.1).

use std::fmt::Display;

use apollo_compiler::{
    ExecutableDocument, Node, Schema,
    ast::{Type, Value, VariableDefinition},
    executable::Operation,
    request::coerce_variable_values,
    response::{JsonMap, JsonValue},
    schema::ExtendedType,
    validation::Valid,
};
use async_graphql::{InputType, Name, Pos, Value as Constant};

use super::{
    declare::{Argument, bare},
    document::locations,
    uses,
};
use crate::{
    error::Error,
    graphql::error::{ErrorReply, code},
};

/// The values of an operation's variables, defaults included.
///
/// # Errors
/// Of the one that does not fit its type, the path of the argument that it fills.
pub(super) fn variables(
    schema: &Valid<Schema>,
    document: &ExecutableDocument,
    operation: &Operation,
    given: &JsonMap,
) -> Result<Valid<JsonMap>, ErrorReply> {
    let with_defaults = with_long_defaults(operation, given);
    let given = with_defaults.as_ref().unwrap_or(given);
    coerce_variable_values(schema, operation, given).map_err(|error| {
        let misfit = operation
            .variables
            .iter()
            .find_map(|variable| Some((variable, misfit(schema, variable, given)?)));
        let Some((variable, Misfit { path, rule })) = misfit else {
            return ErrorReply::new(code::BAD_USER_INPUT, error.message().to_string());
        };
        let name = &variable.name;
        let message = format!("The variable \"${name}{path}\" does not fit: {rule}.");
        let mut error = ErrorReply::new(code::BAD_USER_INPUT, message);
        let argument = uses::path_of(name, operation, document);
        let argument = argument.as_deref().unwrap_or(name.as_str());
        error.extensions.field = Some(format!("{argument}{path}"));
        error.at(locations(variable.location(), &document.sources))
    })
}

/// What is given, with the defaults of what is not, where these hold numbers beyond 64 bits: those can only be ids, and the
/// coercion would round them first. `None` where there are no such.
fn with_long_defaults(operation: &Operation, given: &JsonMap) -> Option<JsonMap> {
    let mut with_defaults = None;
    for variable in &operation.variables {
        let name = variable.name.as_str();
        if let Some(default) = &variable.default_value
            && !given.contains_key(name)
            && has_long_integer(default)
        {
            let default =
                constant(default, &JsonMap::new()).and_then(|value| value.into_json().ok());
            let with_defaults = with_defaults.get_or_insert_with(|| given.clone());
            with_defaults.insert(name, default.unwrap_or_default().into());
        }
    }
    with_defaults
}

fn has_long_integer(value: &Value) -> bool {
    match value {
        Value::Int(number) => number.as_str().parse::<i64>().is_err(),
        Value::List(items) => items.iter().any(|item| has_long_integer(item)),
        Value::Object(fields) => fields.iter().any(|(_, value)| has_long_integer(value)),
        _ => false,
    }
}

/// Writes whole numbers without a fraction, as JavaScript does, which knows but one kind of number: `1.0` is 1.
pub(super) fn without_empty_fractions(values: &mut JsonMap) {
    values.values_mut().for_each(without_empty_fraction);
}

fn without_empty_fraction(value: &mut JsonValue) {
    /// Up to here, 2 to the power of 53, all whole numbers are exact.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    match value {
        JsonValue::Number(number) if number.is_f64() => {
            let whole = number
                .as_f64()
                .filter(|number| number.fract() == 0.0 && number.abs() <= EXACT);
            #[expect(
                clippy::cast_possible_truncation,
                reason = "it is whole, and not too large"
            )]
            if let Some(whole) = whole {
                *number = (whole as i64).into();
            }
        }
        JsonValue::Array(items) => items.iter_mut().for_each(without_empty_fraction),
        JsonValue::Object(fields) => without_empty_fractions(fields),
        _ => {}
    }
}

/// Where in a variable's value a rule is broken, and which.
struct Misfit {
    path: String,
    rule: String,
}

impl Misfit {
    /// Of the value as a whole.
    fn whole(rule: String) -> Self {
        let path = String::new();
        Self { path, rule }
    }

    /// The same of a part of a value, one step down.
    fn below(self, step: impl Display) -> Self {
        let path = format!(".{step}{}", self.path);
        Self { path, ..self }
    }
}

fn misfit(schema: &Schema, variable: &Node<VariableDefinition>, given: &JsonMap) -> Option<Misfit> {
    let ty = &variable.ty;
    match given.get(variable.name.as_str()) {
        Some(value) => misfit_in(schema, ty, value),
        None if ty.is_non_null() && variable.default_value.is_none() => {
            let rule = format!("it must be given, as it is of type \"{ty}\"");
            Some(Misfit::whole(rule))
        }
        None => None,
    }
}

fn misfit_in(schema: &Schema, ty: &Type, value: &JsonValue) -> Option<Misfit> {
    let wrong = |what: &str| Misfit::whole(format!("{what} is not of type \"{ty}\""));
    if value.is_null() {
        return ty.is_non_null().then(|| wrong("null"));
    }
    if ty.is_list() {
        let item = ty.item_type();
        return match value.as_array() {
            Some(items) => items
                .iter()
                .enumerate()
                .find_map(|(index, value)| Some(misfit_in(schema, item, value)?.below(index))),
            None => misfit_in(schema, item, value),
        };
    }
    let ExtendedType::InputObject(object) = schema.types.get(ty.inner_named_type())? else {
        let fits = fits_leaf(schema, ty.inner_named_type(), value);
        return (!fits).then(|| wrong("this"));
    };
    let Some(fields) = value.as_object() else {
        return Some(wrong("this"));
    };
    if let Some(unknown) = fields
        .keys()
        .find(|name| !object.fields.contains_key(name.as_str()))
    {
        let rule = format!("\"{}\" has no such field", object.name);
        return Some(Misfit::whole(rule).below(unknown.as_str()));
    }
    if object.is_one_of() && (fields.len() != 1 || fields.values().any(JsonValue::is_null)) {
        let rule = "exactly one of its fields is given, and not null";
        return Some(Misfit::whole(rule.into()));
    }
    object.fields.iter().find_map(|(name, field)| {
        let found = match fields.get(name.as_str()) {
            Some(value) => misfit_in(schema, &field.ty, value)?,
            None if field.is_required() => Misfit::whole("it must be given".into()),
            None => return None,
        };
        Some(found.below(name))
    })
}

fn fits_leaf(schema: &Schema, name: &str, value: &JsonValue) -> bool {
    match (name, schema.types.get(name)) {
        ("Int", _) => value
            .as_i64()
            .is_some_and(|number| i32::try_from(number).is_ok()),
        ("Float", _) => value.is_number(),
        ("String", _) => value.is_string(),
        ("Boolean", _) => value.is_boolean(),
        ("ID", _) => value.is_string() || value.is_i64(),
        (_, Some(ExtendedType::Enum(kind))) => value
            .as_str()
            .is_some_and(|value| kind.values.contains_key(value)),
        _ => true,
    }
}

/// The values of a field's arguments, as far as they are given.
#[derive(Clone, Debug, Default)]
pub struct Arguments(Vec<(&'static str, Constant)>);

impl Arguments {
    /// Of what a document says, with the values of its variables.
    ///
    /// # Errors
    /// Null where there may be none, which a nullable variable may bring.
    pub(super) fn of(
        said: &[(&'static Argument, Node<Value>)],
        variables: &JsonMap,
    ) -> Result<Self, Error> {
        if said.is_empty() {
            return Ok(Self::default());
        }
        let mut values = Vec::with_capacity(said.len());
        for (argument, value) in said {
            let Some(value) = constant(value, variables) else {
                continue;
            };
            if value == Constant::Null && !argument.nullable {
                return Err(Error::bad_input(argument.name, "This must not be null."));
            }
            values.push((argument.name, value));
        }
        Ok(Self(values))
    }

    /// The value of an argument; what is not given has its default.
    ///
    /// # Errors
    /// It does not fit.
    pub fn take<T: InputType>(
        &mut self,
        name: &'static str,
        default: Option<T>,
    ) -> Result<T, Error> {
        let name = bare(name);
        let place = self.0.iter().position(|(other, _)| *other == name);
        let value = place.map(|place| self.0.swap_remove(place).1);
        match (value, default) {
            (None, Some(default)) => Ok(default),
            (value, _) => T::parse(value).map_err(|error| {
                Error::bad_input(name, error.into_server_error(Pos::default()).message)
            }),
        }
    }
}

/// A value with its variables replaced; `None` for a variable that has none.
fn constant(value: &Value, variables: &JsonMap) -> Option<Constant> {
    Some(match value {
        Value::Null => Constant::Null,
        Value::Variable(name) => from_json(variables.get(name.as_str())?),
        Value::Enum(name) => Constant::Enum(Name::new(name.as_str())),
        Value::String(text) => Constant::String(text.clone()),
        Value::Boolean(value) => Constant::Boolean(*value),
        // One beyond 64 bits can only be an ID, which is text.
        Value::Int(number) => number
            .as_str()
            .parse::<i64>()
            .map_or_else(|_| Constant::String(number.as_str().into()), Into::into),
        Value::Float(number) => number_of(number.as_str()),
        // An item without a value is null.
        Value::List(items) => Constant::List(
            items
                .iter()
                .map(|item| constant(item, variables).unwrap_or(Constant::Null))
                .collect(),
        ),
        Value::Object(fields) => Constant::Object(
            fields
                .iter()
                .filter_map(|(name, value)| {
                    Some((Name::new(name.as_str()), constant(value, variables)?))
                })
                .collect(),
        ),
    })
}

/// A whole number, where a value is one.
pub(super) fn integer(value: &Value, variables: &JsonMap) -> Option<i64> {
    match value {
        Value::Int(number) => number.as_str().parse().ok(),
        Value::Variable(name) => variables.get(name.as_str())?.as_i64(),
        _ => None,
    }
}

fn number_of(text: &str) -> Constant {
    text.parse().map_or(Constant::Null, Constant::Number)
}

fn from_json(value: &JsonValue) -> Constant {
    // Only bytes are no JSON, and JSON does not hold them.
    let json = serde_json::to_value(value).unwrap_or_default();
    Constant::from_json(json).unwrap_or_default()
}
