//! The schema: what frontends were promised is there, everything says what it is, and the file is current.

use std::{collections::BTreeMap, fs};

use async_graphql::parser::types::{
    FieldDefinition, InputValueDefinition, InterfaceType, ObjectType, TypeDefinition, TypeKind,
};

use crate::support::schema::types;

/// Names, types and nullability that no change may break.
const CONTRACT: &str = include_str!("schema/contract.graphql");

/// Every part of a type by its path, with its type: fields, arguments, input fields, values.
fn parts(ty: &TypeDefinition) -> BTreeMap<String, String> {
    let mut parts = BTreeMap::new();
    let mut input = |path: String, value: &InputValueDefinition| {
        parts.insert(path, value.ty.to_string());
    };
    match &ty.kind {
        TypeKind::InputObject(object) => {
            for field in &object.fields {
                input(field.node.name.to_string(), &field.node);
            }
        }
        TypeKind::Object(ObjectType { implements, fields })
        | TypeKind::Interface(InterfaceType { implements, fields }) => {
            for FieldDefinition {
                name, arguments, ..
            } in fields.iter().map(|field| &field.node)
            {
                for argument in arguments {
                    input(format!("{name}({})", argument.node.name), &argument.node);
                }
            }
            for field in fields {
                parts.insert(field.node.name.to_string(), field.node.ty.to_string());
            }
            for interface in implements {
                parts.insert(format!("implements {}", interface.node), String::new());
            }
        }
        TypeKind::Enum(kind) => {
            for value in &kind.values {
                parts.insert(value.node.value.to_string(), String::new());
            }
        }
        TypeKind::Scalar => {}
        TypeKind::Union(_) => panic!("{} is of a kind that is not used", ty.name),
    }
    parts
}

fn kind(ty: &TypeDefinition) -> (std::mem::Discriminant<TypeKind>, Vec<String>) {
    let directives = ty.directives.iter().map(|one| one.node.name.to_string());
    (
        std::mem::discriminant(&ty.kind),
        directives.filter(|name| name == "oneOf").collect(),
    )
}

#[test]
fn everything_that_was_promised_is_there() {
    let ours = types(&chinwag::graphql::sdl());
    for (name, promised) in types(CONTRACT) {
        let there = ours
            .get(&name)
            .unwrap_or_else(|| panic!("there is no {name}"));
        assert_eq!(kind(there), kind(&promised), "{name}");
        let there = parts(there);
        for (part, ty) in parts(&promised) {
            assert_eq!(there.get(&part), Some(&ty), "{name}.{part}");
        }
    }
}

#[test]
fn nothing_more_is_asked_for_than_was_promised() {
    let ours = types(&chinwag::graphql::sdl());
    for (name, promised) in types(CONTRACT) {
        let promised = parts(&promised);
        for (part, ty) in parts(&ours[&name]) {
            let is_input =
                part.contains('(') || matches!(ours[&name].kind, TypeKind::InputObject(_));
            let of_a_new_field = part
                .split('(')
                .next()
                .is_some_and(|field| !promised.contains_key(field));
            let required = is_input && ty.ends_with('!') && !promised.contains_key(&part);
            assert!(
                !required || (of_a_new_field && part.contains('(')),
                "{name}.{part}: {ty} would break clients"
            );
        }
    }
}

#[test]
fn every_part_says_what_it_is() {
    let sentence = |path: &str, description: Option<&str>| {
        let description = description.unwrap_or_else(|| panic!("{path} says nothing"));
        assert!(
            description.len() >= 4 && description.ends_with(['.', ')']),
            "{path}: {description}"
        );
    };
    for (name, ty) in types(&chinwag::graphql::sdl()) {
        let of = |description: &Option<async_graphql::Positioned<String>>| {
            description.as_ref().map(|text| text.node.clone())
        };
        sentence(&name, of(&ty.description).as_deref());
        match &ty.kind {
            TypeKind::Object(ObjectType { fields, .. })
            | TypeKind::Interface(InterfaceType { fields, .. }) => {
                for field in fields.iter().map(|field| &field.node) {
                    sentence(
                        &format!("{name}.{}", field.name),
                        of(&field.description).as_deref(),
                    );
                    for argument in field.arguments.iter().map(|argument| &argument.node) {
                        sentence(
                            &format!("{name}.{}({})", field.name, argument.name),
                            of(&argument.description).as_deref(),
                        );
                    }
                }
            }
            TypeKind::InputObject(object) => {
                for field in object.fields.iter().map(|field| &field.node) {
                    sentence(
                        &format!("{name}.{}", field.name),
                        of(&field.description).as_deref(),
                    );
                }
            }
            TypeKind::Enum(kind) => {
                for value in kind.values.iter().map(|value| &value.node) {
                    sentence(
                        &format!("{name}.{}", value.value),
                        of(&value.description).as_deref(),
                    );
                }
            }
            _ => {}
        }
    }
}

#[test]
fn the_file_is_current() {
    let kept =
        fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/schema.graphql")).expect("a file");
    assert!(
        kept == chinwag::graphql::sdl(),
        "run `cargo run -- schema > schema.graphql`"
    );
}
