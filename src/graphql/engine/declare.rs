//! What a declaration says of a type: once, by the macros beside. Everything else follows from that: the SDL, how a
//! field is resolved and written, who may share it, what it may cost.

use std::{any::type_name, sync::Arc};

use async_graphql::{
    InputType,
    indexmap::{IndexMap, IndexSet},
    registry::{MetaField, MetaInputValue, MetaType, ObjectBuilder, Registry},
};

use super::{answer::Answer, macros::leaf, values::Arguments};
use crate::graphql::RequestContext;

/// An object type of the schema.
pub struct Type {
    pub(super) name: &'static str,
    description: &'static str,
    pub(super) fields: Vec<Field>,
}

/// A field of an object type.
pub struct Field {
    pub(super) name: &'static str,
    description: &'static str,
    pub(super) arguments: Vec<Argument>,
    pub(super) shape: Shape,
    pub(super) possible_types: PossibleTypes,
    pub(super) audience: Audience,
    pub(super) size: Size,
    /// Whether it runs without what others have done meanwhile being read first.
    pub(super) without_news: bool,
    register: fn(&mut Registry) -> String,
}

/// An argument of a field.
pub struct Argument {
    pub(super) name: &'static str,
    description: &'static str,
    default: Option<String>,
    /// Whether null may be given for it.
    pub(super) nullable: bool,
    register: fn(&mut Registry) -> String,
}

/// For whom a field is the same in one event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// For all who may see the object.
    Everyone,
    /// For its owner alone; to all others it is null.
    Owner,
    /// Each reader's own, but known when an event goes out to it: a hole in what they share.
    Reader,
    /// Each reader's own, or of the moment: an event that shows it is made for each reader.
    Each,
}

/// By how much the cost of what is selected from a field counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// Once: it gives one thing, or the items of a page that counts itself.
    One,
    /// So often as `first` or `last` asks for, which is at most so much, or else as is usual.
    Page { usual: u64, most: i32 },
    /// About so often.
    About(u64),
}

/// Where null may stand in what a field gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    pub(super) nullable: bool,
    pub(super) items: Option<Box<Self>>,
}

/// The types of the objects that a field may give; none for a leaf.
pub type PossibleTypes = &'static [fn() -> &'static Type];

/// A Rust type as the type of a field in the schema.
pub trait Typed {
    const POSSIBLE_TYPES: PossibleTypes = &[];
    /// Whether it holds many, so that its field has to say how many.
    const MANY: bool = false;

    fn shape() -> Shape {
        Shape {
            nullable: false,
            items: None,
        }
    }

    /// Makes the type known; gives it as SDL writes it.
    fn register(registry: &mut Registry) -> String;
}

impl<T: Typed> Typed for Option<T> {
    const POSSIBLE_TYPES: PossibleTypes = T::POSSIBLE_TYPES;
    const MANY: bool = T::MANY;

    fn shape() -> Shape {
        Shape {
            nullable: true,
            ..T::shape()
        }
    }

    fn register(registry: &mut Registry) -> String {
        T::register(registry).trim_end_matches('!').to_owned()
    }
}

impl<T: Typed> Typed for Vec<T> {
    const POSSIBLE_TYPES: PossibleTypes = T::POSSIBLE_TYPES;
    const MANY: bool = true;

    fn shape() -> Shape {
        Shape {
            nullable: false,
            items: Some(Box::new(T::shape())),
        }
    }

    fn register(registry: &mut Registry) -> String {
        format!("[{}]!", T::register(registry))
    }
}

leaf!(String, i32, bool, async_graphql::ID);

/// An object of one of the schema's types.
pub trait Object: Send + Sync {
    /// Its type.
    fn declared(&self) -> &'static Type;

    /// What a field gives, by its place in the declaration.
    fn resolve<'a>(
        &'a self,
        field: usize,
        arguments: &mut Arguments,
        cx: &Arc<RequestContext>,
    ) -> Answer<'a>;
}

/// A Rust type as one of the schema's object types.
pub trait Declared: Send + Sync + Sized + 'static {
    /// Whether it is a page, which holds many.
    const PAGE: bool = false;

    fn table() -> &'static Table<Self>;
}

/// An object type with the resolvers of its fields.
pub struct Table<T: 'static> {
    declared: Type,
    resolvers: Vec<Resolver<T>>,
}

pub type Resolver<T> = for<'a> fn(&'a T, &mut Arguments, &Arc<RequestContext>) -> Answer<'a>;

/// The fields of a type as they are declared, with their resolvers.
pub type FieldDefinitions<T> = Vec<(Field, Resolver<T>)>;

impl<T: Declared> Table<T> {
    /// Of a type with these fields.
    pub fn new(name: &'static str, description: &'static str, fields: FieldDefinitions<T>) -> Self {
        let (fields, resolvers) = fields.into_iter().unzip();
        let declared = Type {
            name,
            description: description.trim(),
            fields,
        };
        Self {
            declared,
            resolvers,
        }
    }
}

/// A type's declaration.
pub fn declaration<T: Declared>() -> &'static Type {
    &T::table().declared
}

impl<T: Declared> Object for T {
    fn declared(&self) -> &'static Type {
        declaration::<T>()
    }

    fn resolve<'a>(
        &'a self,
        field: usize,
        arguments: &mut Arguments,
        cx: &Arc<RequestContext>,
    ) -> Answer<'a> {
        (T::table().resolvers[field])(self, arguments, cx)
    }
}

impl<T: Declared> Typed for T {
    const POSSIBLE_TYPES: PossibleTypes = &[declaration::<T>];
    const MANY: bool = T::PAGE;

    fn register(registry: &mut Registry) -> String {
        let declared = declaration::<T>();
        if !registry.types.contains_key(declared.name) {
            // Its fields may lead back to it.
            let known = ObjectBuilder::new(declared.name, IndexMap::new());
            let name = declared.name.to_owned();
            registry.types.insert(name.clone(), known.build());
            let fields = declared.fields.iter().map(|field| field.meta(registry));
            let described = ObjectBuilder::new(declared.name, fields.collect())
                .description(text(declared.description))
                .rust_typename(type_name::<T>());
            registry.types.insert(name, described.build());
        }
        format!("{}!", declared.name)
    }
}

impl Field {
    pub fn new<T: Typed>(
        name: &'static str,
        description: &'static str,
        arguments: Vec<Argument>,
        audience: Audience,
        size: Size,
        without_news: bool,
    ) -> Self {
        Self {
            name: bare(name),
            description: description.trim(),
            arguments,
            shape: T::shape(),
            possible_types: T::POSSIBLE_TYPES,
            audience,
            size,
            without_news,
            register: T::register,
        }
    }

    fn meta(&self, registry: &mut Registry) -> (String, MetaField) {
        let mut meta = MetaField::new(self.name, (self.register)(registry));
        meta.description = text(self.description);
        for argument in &self.arguments {
            let mut input = MetaInputValue::new(argument.name, (argument.register)(registry));
            input.description = text(argument.description);
            input.default_value.clone_from(&argument.default);
            meta.args.insert(argument.name.to_owned(), input);
        }
        (self.name.to_owned(), meta)
    }
}

impl Argument {
    pub fn new<T: InputType>(
        name: &'static str,
        description: &'static str,
        default: Option<T>,
    ) -> Self {
        Self {
            name: bare(name),
            description: description.trim(),
            default: default.map(|default| default.to_value().to_string()),
            nullable: !T::qualified_type_name().ends_with('!'),
            register: T::create_type_info,
        }
    }
}

fn text(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

/// `in` is a word of Rust.
pub fn bare(name: &'static str) -> &'static str {
    name.strip_prefix("r#").unwrap_or(name)
}

/// Puts an interface into a registry, for its SDL.
pub fn register_interface<const N: usize>(
    registry: &mut Registry,
    name: &'static str,
    description: &'static str,
    fields: [(&'static str, &'static str, String); N],
    of: PossibleTypes,
) -> String {
    let possible = of.iter().map(|of| of().name.to_owned());
    let possible = possible.collect::<IndexSet<_>>();
    for of in &possible {
        registry.add_implements(of, name);
    }
    let fields = fields.into_iter().map(|(name, description, ty)| {
        let mut meta = MetaField::new(name, ty);
        meta.description = text(description.trim());
        (name.to_owned(), meta)
    });
    let interface = MetaType::Interface {
        name: name.to_owned(),
        description: text(description.trim()),
        fields: fields.collect(),
        possible_types: possible,
        extends: false,
        keys: None,
        visible: None,
        inaccessible: false,
        tags: Vec::new(),
        rust_typename: Some(name),
        directive_invocations: Vec::new(),
        requires_scopes: Vec::new(),
    };
    registry.types.insert(name.to_owned(), interface);
    format!("{name}!")
}
