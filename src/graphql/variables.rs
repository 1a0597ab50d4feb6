//! The values of an operation's variables, checked against their types before anything else looks at them (GraphQL
//! specification, 6.1.2).

use std::collections::{HashMap, HashSet};

use async_graphql::{
    Name, Positioned, Variables,
    parser::{
        parse_schema,
        types::{
            BaseType, InputValueDefinition, Type, TypeKind, TypeSystemDefinition,
            VariableDefinition,
        },
    },
};
use async_graphql_value::ConstValue;

use super::error::{ErrorReply, code};

/// The types of a schema that a value can be of.
pub(super) struct InputTypes(HashMap<Name, InputType>);

enum InputType {
    Scalar,
    Enum(HashSet<Name>),
    Object {
        fields: HashMap<Name, InputField>,
        one_of: bool,
    },
}

struct InputField {
    ty: Type,
    has_default: bool,
}

/// Where in a variable's value a rule is broken, and which.
struct Misfit {
    path: String,
    rule: String,
}

impl InputTypes {
    /// Those of a schema in the schema definition language.
    pub(super) fn of(sdl: &str) -> Self {
        let schema = parse_schema(sdl).expect("a schema's own text can be read");
        let mut types = HashMap::new();
        for definition in schema.definitions {
            let TypeSystemDefinition::Type(definition) = definition else {
                continue;
            };
            let definition = definition.node;
            let ty = match definition.kind {
                TypeKind::Scalar => InputType::Scalar,
                TypeKind::Enum(kind) => {
                    let values = kind.values.into_iter();
                    InputType::Enum(values.map(|value| value.node.value.node).collect())
                }
                TypeKind::InputObject(object) => InputType::Object {
                    fields: object.fields.into_iter().map(InputField::named).collect(),
                    one_of: definition
                        .directives
                        .iter()
                        .any(|directive| directive.node.name.node == "oneOf"),
                },
                _ => continue,
            };
            types.insert(definition.name.node, ty);
        }
        for built_in in ["Int", "Float", "String", "Boolean", "ID"] {
            types.insert(Name::new(built_in), InputType::Scalar);
        }
        Self(types)
    }

    /// The values for the variables that are defined, defaults included. One of a type that there is none of has no
    /// value: validation says so.
    pub(super) fn values(
        &self,
        definitions: &[Positioned<VariableDefinition>],
        given: serde_json::Map<String, serde_json::Value>,
    ) -> Result<Variables, ErrorReply> {
        let mut given = given;
        let mut values = Variables::default();
        for definition in definitions {
            let VariableDefinition {
                name,
                var_type,
                default_value,
                ..
            } = &definition.node;
            if !self.0.contains_key(innermost(&var_type.node)) {
                continue;
            }
            let value = match (given.remove(name.node.as_str()), default_value) {
                (Some(given), _) => ConstValue::from_json(given).map_err(|error| error.to_string()),
                (None, Some(default)) => {
                    values.insert(name.node.clone(), default.node.clone());
                    continue;
                }
                (None, None) if var_type.node.nullable => continue,
                (None, None) => Err(format!(
                    "it must be given, as it is of type \"{}\"",
                    var_type.node
                )),
            };
            let refused = |path: String, rule: String| {
                let mut error = ErrorReply::new(
                    code::BAD_USER_INPUT,
                    format!("The variable \"${path}\" does not fit: {rule}."),
                );
                error.extensions.field = Some(path);
                error.at(vec![definition.pos])
            };
            let value = value.map_err(|rule| refused(name.node.to_string(), rule))?;
            self.fits(&var_type.node, &value)
                .map_err(|misfit| refused(format!("{}{}", name.node, misfit.path), misfit.rule))?;
            values.insert(name.node.clone(), value);
        }
        Ok(values)
    }

    fn fits(&self, ty: &Type, value: &ConstValue) -> Result<(), Misfit> {
        match (&ty.base, value) {
            (_, ConstValue::Null) if ty.nullable => Ok(()),
            (BaseType::List(inner), ConstValue::List(items)) => {
                let fits = |(index, item)| {
                    self.fits(inner, item)
                        .map_err(|misfit: Misfit| misfit.below(index))
                };
                items.iter().enumerate().try_for_each(fits)
            }
            // A single value stands for a list of one.
            (BaseType::List(inner), single) if *single != ConstValue::Null => {
                self.fits(inner, single)
            }
            (BaseType::Named(name), value) if self.is_one(name, value)? => Ok(()),
            _ => Err(Misfit::new(format!("it must be of type \"{ty}\""))),
        }
    }

    /// Whether a value is of a named type.
    fn is_one(&self, name: &Name, value: &ConstValue) -> Result<bool, Misfit> {
        Ok(match (self.0.get(name), value) {
            (_, ConstValue::Null) => false,
            (Some(InputType::Enum(values)), ConstValue::String(text)) => {
                values.contains(text.as_str())
            }
            (Some(InputType::Object { fields, one_of }), ConstValue::Object(given)) => {
                for (name, value) in given {
                    let Some(field) = fields.get(name) else {
                        return Err(Misfit::new("its type has no such field".into()).below(name));
                    };
                    self.fits(&field.ty, value)
                        .map_err(|misfit| misfit.below(name))?;
                }
                let missing = fields.iter().find(|(name, field)| {
                    !field.ty.nullable && !field.has_default && !given.contains_key(*name)
                });
                if let Some((name, field)) = missing {
                    let rule = format!("it must be given, as it is of type \"{}\"", field.ty);
                    return Err(Misfit::new(rule).below(name));
                }
                if *one_of
                    && (given.len() != 1 || given.values().any(|one| *one == ConstValue::Null))
                {
                    return Err(Misfit::new(
                        "exactly one of its fields must be given".into(),
                    ));
                }
                true
            }
            (Some(InputType::Scalar), value) => match (name.as_str(), value) {
                ("Int", ConstValue::Number(number)) => number
                    .as_i64()
                    .is_some_and(|number| i32::try_from(number).is_ok()),
                ("Float", ConstValue::Number(_))
                | ("String" | "ID", ConstValue::String(_))
                | ("Boolean", ConstValue::Boolean(_)) => true,
                ("ID", ConstValue::Number(number)) => number.is_i64(),
                ("Int" | "Float" | "String" | "ID" | "Boolean", _) => false,
                // Scalars of our own look for themselves.
                _ => true,
            },
            _ => false,
        })
    }
}

impl InputField {
    fn named(definition: Positioned<InputValueDefinition>) -> (Name, Self) {
        let InputValueDefinition {
            name,
            ty,
            default_value,
            ..
        } = definition.node;
        let field = Self {
            ty: ty.node,
            has_default: default_value.is_some(),
        };
        (name.node, field)
    }
}

impl Misfit {
    fn new(rule: String) -> Self {
        Self {
            path: String::new(),
            rule,
        }
    }

    fn below(self, step: impl std::fmt::Display) -> Self {
        Self {
            path: format!(".{step}{}", self.path),
            rule: self.rule,
        }
    }
}

fn innermost(ty: &Type) -> &Name {
    match &ty.base {
        BaseType::Named(name) => name,
        BaseType::List(inner) => innermost(inner),
    }
}

#[cfg(test)]
mod tests {
    use async_graphql::parser::parse_query;
    use serde_json::json;

    use super::*;

    const SDL: &str = "
        scalar DateTime
        enum Kind { DIRECT GROUP }
        input Ref @oneOf { userId: ID conversationId: ID }
        input Send { to: Ref! body: String! times: Int! = 1 at: DateTime kinds: [Kind!] }
        type Query { id: ID }
    ";

    /// The path at fault, or the values.
    fn values(definitions: &str, given: serde_json::Value) -> Result<serde_json::Value, String> {
        let document = parse_query(format!("query({definitions}) {{ id }}")).expect("a document");
        let (_, operation) = document.operations.iter().next().expect("an operation");
        let serde_json::Value::Object(given) = given else {
            panic!("no object")
        };
        InputTypes::of(SDL)
            .values(&operation.node.variable_definitions, given)
            .map(|values| serde_json::to_value(values).expect("JSON"))
            .map_err(|error| error.extensions.field.expect("a field"))
    }

    #[test]
    fn values_that_fit_are_taken_and_others_left_out() {
        let send = json!({ "to": { "userId": 7 }, "body": "hi", "at": "any", "kinds": "GROUP" });
        for (definitions, given, expected) in [
            ("$a: Int!", json!({ "a": 1, "b": [] }), json!({ "a": 1 })),
            ("$a: Int = 3", json!({}), json!({ "a": 3 })),
            ("$a: Int = 3", json!({ "a": null }), json!({ "a": null })),
            ("$a: Int", json!({}), json!({})),
            (
                "$a: Float, $b: ID, $c: Boolean",
                json!({ "a": 1, "b": "x", "c": true }),
                json!({ "a": 1, "b": "x", "c": true }),
            ),
            ("$a: [[ID!]]!", json!({ "a": "x" }), json!({ "a": "x" })),
            (
                "$a: [[ID!]]!",
                json!({ "a": [null, ["x"]] }),
                json!({ "a": [null, ["x"]] }),
            ),
            ("$a: Send!", json!({ "a": send }), json!({ "a": send })),
            (
                "$a: Nothing!, $b: Query",
                json!({ "a": 1, "b": {} }),
                json!({}),
            ),
        ] {
            assert_eq!(values(definitions, given), Ok(expected), "{definitions}");
        }
    }

    #[test]
    fn values_that_do_not_fit_are_refused_by_their_path() {
        for (definitions, given, path) in [
            ("$a: Int!", json!({}), "a"),
            ("$a: Int!", json!({ "a": null }), "a"),
            ("$a: Int", json!({ "a": "1" }), "a"),
            ("$a: Int", json!({ "a": 1.5 }), "a"),
            ("$a: Int", json!({ "a": 2_147_483_648_u64 }), "a"),
            ("$a: ID", json!({ "a": { "$ne": null } }), "a"),
            ("$a: ID", json!({ "a": ["x"] }), "a"),
            ("$a: String", json!({ "a": 1 }), "a"),
            ("$a: Boolean", json!({ "a": "true" }), "a"),
            ("$a: Kind", json!({ "a": "OTHER" }), "a"),
            ("$a: [ID!]!", json!({ "a": null }), "a"),
            ("$a: [ID!]", json!({ "a": ["x", null] }), "a.1"),
            ("$a: Send", json!({ "a": "x" }), "a"),
            (
                "$a: Send",
                json!({ "a": { "to": { "userId": 1 } } }),
                "a.body",
            ),
            ("$a: Send", json!({ "a": { "to": {}, "body": "" } }), "a.to"),
            (
                "$a: Ref",
                json!({ "a": { "userId": 1, "conversationId": null } }),
                "a",
            ),
            ("$a: Ref", json!({ "a": { "userId": null } }), "a"),
            ("$a: Ref", json!({ "a": { "else": 1 } }), "a.else"),
            (
                "$a: Send",
                json!({ "a": { "to": { "userId": [] }, "body": "" } }),
                "a.to.userId",
            ),
        ] {
            assert_eq!(
                values(definitions, given),
                Err(path.to_owned()),
                "{definitions}"
            );
        }
    }
}
