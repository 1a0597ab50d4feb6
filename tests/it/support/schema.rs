//! The schema as tests read it, and a call of each of its root fields.

use std::collections::BTreeMap;

use async_graphql::parser::{
    parse_schema,
    types::{BaseType, OperationType, Type, TypeDefinition, TypeKind, TypeSystemDefinition},
};

/// The types of a text in the schema definition language, by name.
pub fn types(sdl: &str) -> BTreeMap<String, TypeDefinition> {
    let document = parse_schema(sdl).expect("a schema");
    let types = document
        .definitions
        .into_iter()
        .filter_map(|one| match one {
            TypeSystemDefinition::Type(ty) => Some((ty.node.name.node.to_string(), ty.node)),
            _ => None,
        });
    types.collect()
}

/// One root field, asked for with whatever its required arguments take.
pub struct RootCall {
    pub kind: OperationType,
    pub field: String,
    pub document: String,
}

/// A call of every root field of the server's schema.
pub fn root_calls() -> Vec<RootCall> {
    let types = types(&chinwag::graphql::sdl());
    let kinds = [
        (OperationType::Query, "Query"),
        (OperationType::Mutation, "Mutation"),
        (OperationType::Subscription, "Subscription"),
    ];
    let mut calls = Vec::new();
    for (kind, root) in kinds {
        let TypeKind::Object(object) = &types[root].kind else {
            panic!("{root} is an object")
        };
        for field in &object.fields {
            let field = &field.node;
            let required = |ty: &Type, default: bool| !ty.nullable && !default;
            let arguments = field
                .arguments
                .iter()
                .filter(|one| required(&one.node.ty.node, one.node.default_value.is_some()))
                .map(|one| format!("{}: {}", one.node.name, example(&types, &one.node.ty.node)))
                .collect::<Vec<_>>();
            let arguments = match arguments.as_slice() {
                [] => String::new(),
                some => format!("({})", some.join(", ")),
            };
            let composite = matches!(
                types.get(innermost(&field.ty.node)).map(|ty| &ty.kind),
                Some(TypeKind::Object(_) | TypeKind::Interface(_))
            );
            let below = if composite { " { __typename }" } else { "" };
            calls.push(RootCall {
                kind,
                field: field.name.to_string(),
                document: format!("{kind} {{ {}{arguments}{below} }}", field.name),
            });
        }
    }
    calls
}

fn innermost(ty: &Type) -> &str {
    match &ty.base {
        BaseType::Named(name) => name.as_str(),
        BaseType::List(inner) => innermost(inner),
    }
}

/// A value of a type, as short as may be.
fn example(types: &BTreeMap<String, TypeDefinition>, ty: &Type) -> String {
    let name = match &ty.base {
        BaseType::List(inner) => return format!("[{}]", example(types, inner)),
        BaseType::Named(name) => name.as_str(),
    };
    match (name, types.get(name).map(|ty| (&ty.kind, &ty.directives))) {
        (_, Some((TypeKind::InputObject(object), directives))) => {
            let one_of = directives.iter().any(|one| one.node.name.node == "oneOf");
            let fields = object.fields.iter().enumerate().filter(|(index, field)| {
                let field = &field.node;
                (one_of && *index == 0)
                    || (!field.ty.node.nullable && field.default_value.is_none())
            });
            let fields = fields.map(|(_, field)| {
                format!(
                    "{}: {}",
                    field.node.name,
                    example(types, &field.node.ty.node)
                )
            });
            format!("{{ {} }}", fields.collect::<Vec<_>>().join(", "))
        }
        (_, Some((TypeKind::Enum(values), _))) => values.values[0].node.value.to_string(),
        ("Int" | "Float", _) => "1".into(),
        ("Boolean", _) => "true".into(),
        _ => "\"00000000-0000-0000-0000-000000000001\"".into(),
    }
}
