//! The schema: what the declarations come to, as SDL for clients and as the validator takes it.

use std::{borrow::Cow, marker::PhantomData, pin::Pin, sync::LazyLock};

use apollo_compiler::{
    collections::HashMap,
    schema::{Implementers, Name},
    validation::Valid,
};
use async_graphql::{
    ContainerType, Context, ContextSelectionSet, ObjectType, OutputType, Positioned, Response,
    SDLExportOptions, ServerResult, SubscriptionType, Value, parser::types::Field,
    registry::Registry,
};
use futures_util::Stream;

use super::{
    declare::{Declared, Type, Typed, declaration},
    plan::OperationKind,
};
use crate::graphql::{Mutation, Query, Subscription};

/// The schema in the schema definition language, as `schema.graphql` holds it.
pub fn sdl() -> String {
    let (query, mutation, subscription) = (
        Sdl::<Query>(PhantomData),
        Sdl::<Mutation>(PhantomData),
        Sdl::<Subscription>(PhantomData),
    );
    let options = SDLExportOptions::new()
        .sorted_fields()
        .sorted_arguments()
        .sorted_enum_items()
        .include_specified_by()
        .use_space_ident()
        .prefer_single_line_descriptions();
    async_graphql::Schema::new(query, mutation, subscription).sdl_with_options(options)
}

/// The schema as documents are held against it.
pub(super) struct Validator {
    pub(super) schema: Valid<apollo_compiler::Schema>,
    pub(super) implementers: HashMap<Name, Implementers>,
}

pub(super) static VALIDATOR: LazyLock<Validator> = LazyLock::new(|| {
    let schema = apollo_compiler::Schema::parse_and_validate(sdl(), "schema.graphql")
        .expect("the schema's own text is valid, which a test looks at");
    let implementers = schema.implementers_map();
    Validator {
        schema,
        implementers,
    }
});

/// The type of an operation's root fields.
pub(super) fn root(kind: OperationKind) -> &'static Type {
    match kind {
        OperationKind::Query => declaration::<Query>(),
        OperationKind::Mutation => declaration::<Mutation>(),
        OperationKind::Subscription => declaration::<Subscription>(),
    }
}

/// Whether all objects of a type are of another, which may be an interface.
pub(super) fn is(of: &Type, other: &str) -> bool {
    of.name == other || VALIDATOR.schema.is_subtype(other, of.name)
}

/// The object types that something of this type may be: itself, or those that implement it.
pub(super) fn possible(name: &str) -> &'static [&'static Type] {
    static POSSIBLE: LazyLock<HashMap<String, Vec<&'static Type>>> = LazyLock::new(|| {
        let all = all();
        let composite = VALIDATOR.schema.types.keys();
        let possible = composite.map(|name| {
            let types = all.iter().copied().filter(|of| is(of, name));
            (name.to_string(), types.collect())
        });
        possible.collect()
    });
    POSSIBLE.get(name).map_or(&[], Vec::as_slice)
}

/// All object types.
fn all() -> Vec<&'static Type> {
    let mut all = Vec::new();
    for kind in OperationKind::ALL {
        reach(root(kind), &mut all);
    }
    all
}

fn reach(of: &'static Type, found: &mut Vec<&'static Type>) {
    if !found.iter().any(|known| std::ptr::eq(*known, of)) {
        found.push(of);
        let below = of.fields.iter().flat_map(|field| field.possible_types);
        below.for_each(|below| reach(below(), found));
    }
}

/// Lets async-graphql write the SDL of what is declared. It runs nothing.
struct Sdl<T>(PhantomData<T>);

impl<T: Declared> OutputType for Sdl<T> {
    fn type_name() -> Cow<'static, str> {
        declaration::<T>().name.into()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        T::register(registry)
    }

    async fn resolve(
        &self,
        _: &ContextSelectionSet<'_>,
        _: &Positioned<Field>,
    ) -> ServerResult<Value> {
        Ok(Value::Null)
    }
}

impl<T: Declared> ContainerType for Sdl<T> {
    async fn resolve_field(&self, _: &Context<'_>) -> ServerResult<Option<Value>> {
        Ok(None)
    }
}

impl<T: Declared> ObjectType for Sdl<T> {}

impl<T: Declared> SubscriptionType for Sdl<T> {
    fn type_name() -> Cow<'static, str> {
        declaration::<T>().name.into()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        T::register(registry)
    }

    fn create_field_stream<'a>(
        &'a self,
        _: &'a Context<'_>,
    ) -> Option<Pin<Box<dyn Stream<Item = Response> + Send + 'a>>> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graphql::{
        engine::declare::{Audience, Size},
        source::Source,
    };

    #[test]
    fn what_is_declared_is_a_schema_that_knows_all_its_types() {
        for of in all() {
            let known = VALIDATOR.schema.get_object(of.name).expect(of.name);
            assert_eq!(known.fields.len(), of.fields.len(), "{}", of.name);
            assert!(
                possible(of.name).iter().all(|one| std::ptr::eq(*one, of)),
                "{}",
                of.name
            );
        }
        assert!(is(possible("User")[0], "Node") && !is(possible("Member")[0], "Node"));
        let events = possible("ChatEvent").iter().map(|of| of.name);
        assert_eq!(events.count(), 5);
    }

    #[test]
    fn every_subscription_has_a_source() {
        for field in &root(OperationKind::Subscription).fields {
            assert!(Source::is_known_of(field.name), "{}", field.name);
        }
    }

    #[test]
    fn whatever_holds_many_counts_as_many() {
        for of in all() {
            let page = of.name.ends_with("Connection");
            for field in &of.fields {
                let below = field.possible_types.iter().map(|below| below().name);
                let paged = below.clone().any(|name| name.ends_with("Connection"));
                let many = paged || (field.shape.items.is_some() && !page);
                let place = format!("{}.{}", of.name, field.name);
                assert_eq!(many, field.size != Size::One, "{place}");
                assert!(!paged || matches!(field.size, Size::Page { .. }), "{place}");
            }
        }
    }

    #[test]
    fn what_an_event_shows_is_shared_unless_it_is_each_readers_own() {
        let audience = |of: &str, field: &str| {
            let fields = &possible(of)[0].fields;
            let found = fields.iter().find(|declared| declared.name == field);
            found.expect(field).audience
        };
        for (of, field, expected) in [
            ("Message", "clientMessageId", Audience::Owner),
            ("NewMessage", "cursor", Audience::Reader),
            ("NewMessage", "previous", Audience::Reader),
            ("Conversation", "unreadCount", Audience::Each),
            ("Conversation", "members", Audience::Everyone),
            ("User", "online", Audience::Each),
        ] {
            assert_eq!(audience(of, field), expected, "{of}.{field}");
        }
        for kind in OperationKind::ALL {
            let mut fields = root(kind).fields.iter();
            assert!(fields.all(|field| field.audience == Audience::Each));
        }
    }
}
