//! What a field gives, as the executor writes it.

use std::{borrow::Cow, future::Future, pin::Pin, sync::Arc};

use async_graphql::{ID, resolver_utils::EnumType};

use super::declare::{Declared, Object};
use crate::{
    domain::{Identifies, Timestamp, TypeId, UserId},
    error::Error,
};

/// A value of the schema's types.
pub enum Given<'a> {
    Null,
    Text(Cow<'a, str>),
    Int(i32),
    Boolean(bool),
    Id(TypeId),
    /// A value of an enum, by its name.
    Item(&'static str),
    DateTime(Timestamp),
    Object(Box<dyn Object + 'a>),
    /// An object that is part of the one whose field gives it.
    Borrowed(&'a dyn Object),
    List(Vec<Self>),
    Hole(Hole),
}

/// What each reader of an event has of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hole {
    /// What its reader has had with it.
    Cursor,
    /// What its reader has had before it.
    Previous,
    /// Whether its reader is among these.
    Among(Arc<[UserId]>),
    /// JSON that its owner sees, and everyone else null.
    OwnersOnly { owner: UserId, json: Box<str> },
}

/// Everything that went wrong in one field; never empty.
#[derive(Debug)]
pub struct Failure(pub Vec<Error>);

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self(vec![error])
    }
}

impl From<Vec<Error>> for Failure {
    fn from(errors: Vec<Error>) -> Self {
        Self(errors)
    }
}

/// What is waited for.
pub type Later = Pin<Box<dyn Future<Output = Result<Given<'static>, Failure>> + Send>>;

/// A field's answer.
pub enum Answer<'a> {
    Now(Given<'a>),
    Failed(Failure),
    Later(Later),
    /// To everyone else it is null.
    OwnersOnly(UserId, Given<'a>),
}

impl Answer<'_> {
    pub fn failed(error: impl Into<Failure>) -> Self {
        Self::Failed(error.into())
    }

    /// What a future gives, as a value of type `T`.
    pub fn later<T, V>(waits: impl Future<Output = Result<V, Failure>> + Send + 'static) -> Self
    where
        V: Gives<'static, T>,
    {
        Self::Later(Box::pin(async move { Ok(waits.await?.give()) }))
    }

    /// The same, for nobody but its owner.
    pub fn only_for(self, owner: UserId) -> Self {
        match self {
            Self::Now(given) => Self::OwnersOnly(owner, given),
            other => other,
        }
    }
}

/// What can stand for a value of the schema's type `T`.
pub trait Gives<'a, T>: Sized {
    fn give(self) -> Given<'a>;
}

impl<'a> Gives<'a, String> for &'a str {
    fn give(self) -> Given<'a> {
        Given::Text(Cow::Borrowed(self))
    }
}

impl<'a> Gives<'a, String> for String {
    fn give(self) -> Given<'a> {
        Given::Text(Cow::Owned(self))
    }
}

impl<'a> Gives<'a, String> for Hole {
    fn give(self) -> Given<'a> {
        Given::Hole(self)
    }
}

impl<'a> Gives<'a, bool> for Hole {
    fn give(self) -> Given<'a> {
        Given::Hole(self)
    }
}

impl<'a> Gives<'a, i32> for i32 {
    fn give(self) -> Given<'a> {
        Given::Int(self)
    }
}

impl<'a> Gives<'a, bool> for bool {
    fn give(self) -> Given<'a> {
        Given::Boolean(self)
    }
}

impl<'a, I: Identifies> Gives<'a, ID> for I {
    fn give(self) -> Given<'a> {
        Given::Id(self.typed())
    }
}

impl<'a> Gives<'a, ID> for &'a str {
    fn give(self) -> Given<'a> {
        Given::Text(Cow::Borrowed(self))
    }
}

impl<'a, T: Declared> Gives<'a, T> for T {
    fn give(self) -> Given<'a> {
        Given::Object(Box::new(self))
    }
}

impl<'a, T: Declared> Gives<'a, T> for &'a T {
    fn give(self) -> Given<'a> {
        Given::Borrowed(self)
    }
}

impl<'a, T: Declared> Gives<'a, Vec<T>> for &'a [T] {
    fn give(self) -> Given<'a> {
        Given::List(self.iter().map(Gives::give).collect())
    }
}

impl<'a> Gives<'a, Vec<String>> for &'a [&'static str] {
    fn give(self) -> Given<'a> {
        let texts = self.iter().map(|text| Given::Text(Cow::Borrowed(*text)));
        Given::List(texts.collect())
    }
}

impl<'a, T, V: Gives<'a, T>> Gives<'a, Vec<T>> for Vec<V> {
    fn give(self) -> Given<'a> {
        Given::List(self.into_iter().map(Gives::give).collect())
    }
}

impl<'a, T, V: Gives<'a, T>> Gives<'a, Option<T>> for Option<V> {
    fn give(self) -> Given<'a> {
        self.map_or(Given::Null, Gives::give)
    }
}

/// The name of one of an enum's items.
pub fn item<T: EnumType>(value: T) -> Given<'static> {
    let found = T::items().iter().find(|item| item.value == value);
    found.map_or(Given::Null, |item| Given::Item(item.name))
}

/// What is often known already, and else has to be loaded.
pub enum Soon<V> {
    Now(V),
    Failed(Error),
    Later(Pin<Box<dyn Future<Output = Result<V, Error>> + Send>>),
}

impl<V: Send + 'static> Soon<V> {
    /// What a future gives.
    pub fn later(waits: impl Future<Output = Result<V, Error>> + Send + 'static) -> Self {
        Self::Later(Box::pin(waits))
    }

    /// Something that may be null, and is not.
    pub fn some(self) -> Soon<Option<V>> {
        match self {
            Self::Now(value) => Soon::Now(Some(value)),
            Self::Failed(error) => Soon::Failed(error),
            Self::Later(waits) => Soon::later(async move { waits.await.map(Some) }),
        }
    }

    /// As a value of type `T`.
    pub fn answer<T>(self) -> Answer<'static>
    where
        V: Gives<'static, T>,
    {
        match self {
            Self::Now(value) => Answer::Now(value.give()),
            Self::Failed(error) => Answer::failed(error),
            Self::Later(waits) => Answer::Later(Box::pin(async move { Ok(waits.await?.give()) })),
        }
    }
}

impl<V> From<Result<V, Error>> for Soon<V> {
    fn from(result: Result<V, Error>) -> Self {
        result.map_or_else(Self::Failed, Self::Now)
    }
}
