//! How types are declared, so that a topic's file reads like the schema that it declares.

/// Leaves are what async-graphql knows them as.
macro_rules! leaf {
    ($($type:ty),+) => {$(
        impl $crate::graphql::engine::Typed for $type {
            fn register(registry: &mut async_graphql::registry::Registry) -> String {
                <$type as async_graphql::OutputType>::create_type_info(registry)
            }
        }
    )+};
}
pub(in crate::graphql) use leaf;

/// Declares fields of a type, as a function that gives them:
///
/// ```text
/// fields! { queries of Query |_query, cx| {
///     /// Its description.
///     name(/// What it is for.
///          argument: Type = default, …): Type = audience[size] => what it gives at once;
///     name: Type = audience soon a [`Soon`](super::Soon);
///     name: Type = audience loads { what is waited for, as a Result };
///     name: Type = audience without_news { the same, before which what others have done meanwhile is not read };
/// } }
/// ```
///
/// The audience is one of `everyone`, `owner(whose)`, `reader` and `each` ([`Audience`]). What holds many says how
/// much: `[page 50]`, `[page 10 of at most so many]`, `[about 5]`, or `[counted]` for the items of a page ([`Size`]).
macro_rules! fields {
    (
        $function:ident of $name:ty, |$this:ident, $cx:ident| {
            $(
                $(#[doc = $doc:literal])+
                $field:ident $(( $( $(#[doc = $arg_doc:literal])+ $arg:ident : $arg_type:ty $(= $default:expr)? ),+ $(,)? ))?
                : $type:ty = $audience:ident $(($owner:expr))? $([ $($size:tt)+ ])?
                $(loads $later:block)? $(without_news $written:block)? $(soon $soon:expr)? $(=> $now:expr)?
            ;)+
        }
    ) => {
        #[allow(non_snake_case, reason = "arguments are called as in the schema")]
        #[allow(unused_variables, reason = "not every field needs its object and the request")]
        pub(in $crate::graphql) fn $function() -> $crate::graphql::engine::FieldDefinitions<$name> {
            use $crate::graphql::engine::{self, declare};
            vec![$({
                const SIZE: declare::Size = engine::macros::size!($($($size)+)?);
                const _: () = assert!(
                    <$type as engine::Typed>::MANY == engine::macros::many!($($($size)+)?),
                    "what holds many says how many, and nothing else does"
                );
                const AUDIENCE: declare::Audience = engine::macros::audience!($audience $(($owner))?);
                const _: () = assert!(
                    !(matches!(AUDIENCE, declare::Audience::Owner) && engine::macros::many!($($later)? $($written)? $($soon)?)),
                    "what only its owner sees is at hand"
                );
                fn resolve<'a>(
                    $this: &'a $name,
                    arguments: &mut engine::Arguments,
                    $cx: &std::sync::Arc<$crate::graphql::RequestContext>,
                ) -> engine::Answer<'a> {
                    $($(
                        let $arg = match arguments.take::<$arg_type>(
                            stringify!($arg),
                            engine::macros::optional!($($default)?),
                        ) {
                            Ok(value) => value,
                            Err(error) => return engine::Answer::failed(error),
                        };
                    )+)?
                    $( let owner = $owner; )?
                    $( let answer = engine::Answer::Now(engine::Gives::<'a, $type>::give($now)); )?
                    $( let answer = engine::Soon::answer::<$type>($soon); )?
                    $(
                        let ($this, $cx) = ($this.clone(), $cx.clone());
                        let answer = engine::Answer::later::<$type, _>(async move { $later });
                    )?
                    $(
                        let ($this, $cx) = ($this.clone(), $cx.clone());
                        let answer = engine::Answer::later::<$type, _>(async move { $written });
                    )?
                    $( let answer = { let _ = stringify!($owner); answer.only_for(owner) }; )?
                    answer
                }
                let arguments = vec![$($(
                    declare::Argument::new::<$arg_type>(
                        stringify!($arg),
                        concat!($($arg_doc, "\n"),+),
                        engine::macros::optional!($($default)?),
                    )
                ),+)?];
                let field = declare::Field::new::<$type>(
                    stringify!($field),
                    concat!($($doc, "\n"),+),
                    arguments,
                    AUDIENCE,
                    SIZE,
                    engine::macros::many!($($written)?),
                );
                (field, resolve as declare::Resolver<$name>)
            }),+]
        }
    };
}
pub(in crate::graphql) use fields;

/// Declares an object type, with what holds it, which is to be cheap to clone:
///
/// ```text
/// object! {
///     /// Its description.
///     pub(super) struct Name { what it holds }
///     |this, cx| { its fields }
/// }
/// ```
///
/// With `[page]` before its fields it is one that holds many.
macro_rules! object {
    ($(#[doc = $doc:literal])+ $vis:vis struct $name:ident ( $($held:tt)* ); $($declared:tt)+) => {
        $(#[doc = $doc])+
        #[derive(Clone)]
        $vis struct $name($($held)*);
        $crate::graphql::engine::object! { @fields of $name, [$($doc)+] $($declared)+ }
    };
    ($(#[doc = $doc:literal])+ $vis:vis struct $name:ident { $($held:tt)+ } $($declared:tt)+) => {
        $(#[doc = $doc])+
        #[derive(Clone)]
        $vis struct $name { $($held)+ }
        $crate::graphql::engine::object! { @fields of $name, [$($doc)+] $($declared)+ }
    };
    (@fields of $name:ident, [$($doc:literal)+] $([$page:ident])? |$this:ident, $cx:ident| { $($fields:tt)+ }) => {
        impl $crate::graphql::engine::Declared for $name {
            const PAGE: bool = $crate::graphql::engine::macros::many!($($page)?);

            fn table() -> &'static $crate::graphql::engine::Table<Self> {
                use $crate::graphql::engine::{Table, fields};
                fields! { declared of $name, |$this, $cx| { $($fields)+ } }
                static TABLE: std::sync::LazyLock<Table<$name>> = std::sync::LazyLock::new(|| {
                    Table::new(stringify!($name), concat!($($doc, "\n"),+), declared())
                });
                &TABLE
            }
        }
    };
}
pub(in crate::graphql) use object;

/// Declares an interface by the types that implement it:
/// `interface! { /// Its description. Name of Type | Type { /// A field. name: Type; } }`.
macro_rules! interface {
    (
        $(#[doc = $doc:literal])+
        $name:ident of $($of:ident)|+ {
            $( $(#[doc = $field_doc:literal])+ $field:ident : $type:ty; )+
        }
    ) => {
        $(#[doc = $doc])+
        pub(in $crate::graphql) struct $name(Box<dyn $crate::graphql::engine::Object>);

        impl $crate::graphql::engine::Typed for $name {
            const POSSIBLE_TYPES: $crate::graphql::engine::declare::PossibleTypes =
                &[$($crate::graphql::engine::declare::declaration::<$of>),+];

            fn register(registry: &mut async_graphql::registry::Registry) -> String {
                use $crate::graphql::engine::{Typed, declare};
                $( <$of as Typed>::register(registry); )+
                let fields = [$((
                    stringify!($field),
                    concat!($($field_doc, "\n"),+),
                    <$type as Typed>::register(registry),
                )),+];
                let name = stringify!($name);
                declare::register_interface(registry, name, concat!($($doc, "\n"),+), fields, Self::POSSIBLE_TYPES)
            }
        }

        impl<'a> $crate::graphql::engine::Gives<'a, $name> for $name {
            fn give(self) -> $crate::graphql::engine::Given<'a> {
                $crate::graphql::engine::Given::Object(self.0)
            }
        }

        $(
            impl From<$of> for $name {
                fn from(object: $of) -> Self {
                    Self(Box::new(object))
                }
            }
        )+
    };
}
pub(in crate::graphql) use interface;

macro_rules! audience {
    (everyone) => {
        $crate::graphql::engine::declare::Audience::Everyone
    };
    (owner($owner:expr)) => {
        $crate::graphql::engine::declare::Audience::Owner
    };
    (reader) => {
        $crate::graphql::engine::declare::Audience::Reader
    };
    (each) => {
        $crate::graphql::engine::declare::Audience::Each
    };
}
pub(in crate::graphql) use audience;

macro_rules! size {
    () => {
        $crate::graphql::engine::declare::Size::One
    };
    (counted) => {
        $crate::graphql::engine::declare::Size::One
    };
    (page $usual:literal) => {
        $crate::graphql::engine::macros::size!(page $usual of $crate::domain::page::MAX_PAGE)
    };
    (page $usual:literal of $most:expr) => {
        $crate::graphql::engine::declare::Size::Page {
            usual: $usual,
            most: $most,
        }
    };
    (about $usual:literal) => {
        $crate::graphql::engine::declare::Size::About($usual)
    };
}
pub(in crate::graphql) use size;

macro_rules! many {
    () => {
        false
    };
    ($($size:tt)+) => {
        true
    };
}
pub(in crate::graphql) use many;

macro_rules! optional {
    () => {
        None
    };
    ($value:expr) => {
        Some($value)
    };
}
pub(in crate::graphql) use optional;
