//! Objects written as JSON, field by field, as far as their fields are at hand. The executor makes a future for each
//! field of each object, and a tree of what they give; a page of messages has hundreds of fields that wait for
//! nothing, and are only to be written down.

use std::{borrow::Cow, future::poll_fn, pin::Pin, sync::Arc, task::Poll};

use async_graphql::{
    ContainerType, ContextSelectionSet, OutputType, Positioned, ServerResult, Value,
    parser::types::{Field, Selection, SelectionSet},
    registry::Registry,
    resolver_utils::{EnumType, enum_value, resolve_container},
};
use futures_util::future::try_join_all;
use uuid::Uuid;

use super::{RequestContext, conflicts::Merges, json};
use crate::domain::Timestamp;

/// What a field gives when nothing has to be waited for.
pub(super) enum Given<'a> {
    Null,
    Text(&'a str),
    Int(i32),
    Boolean(bool),
    Id(Uuid),
    Item(Value),
    DateTime(Timestamp),
    Object(Box<dyn Fields + 'a>),
}

impl<'a> Given<'a> {
    /// One of an enum's.
    pub(super) fn item(item: impl EnumType) -> Self {
        Self::Item(enum_value(item))
    }

    pub(super) fn object(object: impl Fields + 'a) -> Self {
        Self::Object(Box::new(object))
    }
}

impl<'a> From<Option<&'a str>> for Given<'a> {
    fn from(text: Option<&'a str>) -> Self {
        text.map_or(Self::Null, Self::Text)
    }
}

/// An object that may have fields at hand.
pub(super) trait Fields: Send + Sync {
    /// The type's name in the schema.
    fn of_type(&self) -> &'static str;

    /// What a field without arguments gives, the same as its resolver would; `None` when it takes that one to know.
    fn at_hand<'a>(&'a self, field: &str, request: &'a RequestContext) -> Option<Given<'a>>;
}

impl<T: Fields + ?Sized> Fields for &T {
    fn of_type(&self) -> &'static str {
        T::of_type(self)
    }

    fn at_hand<'a>(&'a self, field: &str, request: &'a RequestContext) -> Option<Given<'a>> {
        T::at_hand(self, field, request)
    }
}

/// An object, answering as the object alone would.
#[derive(Clone)]
pub(super) struct AtHand<T>(pub(super) T);

/// A list of such objects.
pub(super) struct AllAtHand<T>(pub(super) Vec<T>);

impl<T> FromIterator<T> for AllAtHand<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        Self(items.into_iter().collect())
    }
}

impl<T: ContainerType + Fields> OutputType for AtHand<T> {
    fn type_name() -> Cow<'static, str> {
        T::type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        T::create_type_info(registry)
    }

    async fn resolve(
        &self,
        ctx: &ContextSelectionSet<'_>,
        _: &Positioned<Field>,
    ) -> ServerResult<Value> {
        let Some(writer) = Writer::of(ctx) else {
            return Box::pin(resolve_container(ctx, &self.0)).await;
        };
        let mut gapped = Gapped::default();
        writer.add(&mut gapped, &self.0, None).await?;
        gapped.finish().await
    }
}

impl<T: ContainerType + Fields> OutputType for AllAtHand<T> {
    fn type_name() -> Cow<'static, str> {
        Vec::<T>::type_name()
    }

    fn qualified_type_name() -> String {
        Vec::<T>::qualified_type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        Vec::<T>::create_type_info(registry)
    }

    async fn resolve(
        &self,
        ctx: &ContextSelectionSet<'_>,
        _: &Positioned<Field>,
    ) -> ServerResult<Value> {
        let Some(writer) = Writer::of(ctx) else {
            let item = async |(index, item)| resolve_container(&ctx.with_index(index), item).await;
            let items = self.0.iter().enumerate().map(item);
            return Ok(Value::List(Box::pin(try_join_all(items)).await?));
        };
        let mut gapped = Gapped::default();
        gapped.json.push(b'[');
        for (index, item) in self.0.iter().enumerate() {
            if index > 0 {
                gapped.json.push(b',');
            }
            writer.add(&mut gapped, item, Some(index)).await?;
        }
        gapped.json.push(b']');
        gapped.finish().await
    }
}

/// Writes objects as one selection set asks for them.
struct Writer<'a> {
    ctx: &'a ContextSelectionSet<'a>,
    request: &'a RequestContext,
    fields: Vec<Selected<'a>>,
}

/// A field, and what is selected from what it gives; fragments followed, and each name once.
struct Selected<'a> {
    field: &'a Positioned<Field>,
    below: Vec<Self>,
}

impl<'a> Writer<'a> {
    /// `None` where fields of one name are to be merged, which takes the values of both.
    fn of(ctx: &'a ContextSelectionSet<'a>) -> Option<Self> {
        if *ctx.data_opt::<Merges>()? == Merges::Fields {
            return None;
        }
        let mut fields = Vec::new();
        select(ctx, &ctx.item.node, &mut fields)?;
        Some(Self {
            ctx,
            request: ctx.data_opt::<Arc<RequestContext>>()?,
            fields,
        })
    }

    /// Writes an object, which has this place in a list, but for what it has to wait for.
    async fn add<T: ContainerType + Fields>(
        &self,
        gapped: &mut Gapped<'a>,
        object: &'a T,
        index: Option<usize>,
    ) -> ServerResult<()> {
        gapped.json.push(b'{');
        for selected in &self.fields {
            json::write_key(&mut gapped.json, selected.key());
            let start = gapped.json.len();
            if selected
                .write(&mut gapped.json, object, self.request)
                .is_none()
            {
                gapped.json.truncate(start);
                let value = resolve(self.ctx, object, index, selected.field);
                gapped.add(value).await?;
            }
        }
        gapped.json.push(b'}');
        Ok(())
    }
}

impl Selected<'_> {
    fn key(&self) -> &str {
        &self.field.node.response_key().node
    }

    /// Writes what an object gives; `None` when that, or something in it, is not at hand.
    fn write(
        &self,
        json: &mut Vec<u8>,
        object: &dyn Fields,
        request: &RequestContext,
    ) -> Option<()> {
        let name = self.field.node.name.node.as_str();
        if name == "__typename" {
            return json::write_plain(json, object.of_type()).ok();
        }
        match object.at_hand(name, request)? {
            Given::Null => json.extend_from_slice(b"null"),
            Given::Text(text) => serde_json::to_writer(json, text).ok()?,
            Given::Int(number) => serde_json::to_writer(json, &number).ok()?,
            Given::Boolean(value) => serde_json::to_writer(json, &value).ok()?,
            Given::Id(id) => json::write_plain(json, id.hyphenated()).ok()?,
            Given::Item(item) => json::write_value(json, &item),
            Given::DateTime(at) => json::write_plain(json, at).ok()?,
            Given::Object(object) => {
                json.push(b'{');
                for selected in &self.below {
                    json::write_key(json, selected.key());
                    selected.write(json, &*object, request)?;
                }
                json.push(b'}');
            }
        }
        Some(())
    }
}

/// The fields of a selection; `None` when a fragment is missing. Types of ours are objects, so that every fragment
/// that passed validation applies.
fn select<'a>(
    ctx: &ContextSelectionSet<'a>,
    set: &'a SelectionSet,
    selection: &mut Vec<Selected<'a>>,
) -> Option<()> {
    for item in &set.items {
        let set = match &item.node {
            Selection::Field(field) => {
                let mut selected = Selected {
                    field,
                    below: Vec::new(),
                };
                if selection.iter().all(|other| other.key() != selected.key()) {
                    select(ctx, &field.node.selection_set.node, &mut selected.below)?;
                    selection.push(selected);
                }
                continue;
            }
            Selection::InlineFragment(inline) => &inline.node.selection_set,
            Selection::FragmentSpread(spread) => {
                let name = &spread.node.fragment_name.node;
                &ctx.query_env.fragments.get(name)?.node.selection_set
            }
        };
        select(ctx, &set.node, selection)?;
    }
    Some(())
}

async fn resolve<T: ContainerType>(
    ctx: &ContextSelectionSet<'_>,
    object: &T,
    index: Option<usize>,
    field: &Positioned<Field>,
) -> ServerResult<Value> {
    let ctx = match index {
        Some(index) => &ctx.with_index(index),
        None => ctx,
    };
    let ctx = ctx.with_field(field);
    Ok(object.resolve_field(&ctx).await?.unwrap_or_default())
}

/// JSON with gaps for what is waited for.
#[derive(Default)]
struct Gapped<'a> {
    json: Vec<u8>,
    gaps: Vec<Gap<'a>>,
}

struct Gap<'a> {
    /// Where in the JSON it is.
    at: usize,
    filling: Filling<'a>,
}

enum Filling<'a> {
    Waits(Pin<Box<dyn Future<Output = ServerResult<Value>> + Send + 'a>>),
    Has(Value),
}

impl<'a> Gapped<'a> {
    /// Appends a value, or leaves a gap for it when it is not there at once.
    async fn add(
        &mut self,
        later: impl Future<Output = ServerResult<Value>> + Send + 'a,
    ) -> ServerResult<()> {
        let mut later = Box::pin(later);
        match poll_fn(|context| Poll::Ready(later.as_mut().poll(context))).await {
            Poll::Ready(value) => json::write_value(&mut self.json, &value?),
            Poll::Pending => self.gaps.push(Gap {
                at: self.json.len(),
                filling: Filling::Waits(later),
            }),
        }
        Ok(())
    }

    /// Waits for all that is missing, side by side, so that what is loaded is loaded together.
    async fn finish(mut self) -> ServerResult<Value> {
        if self.gaps.is_empty() {
            return Ok(json::written(self.json));
        }
        poll_fn(|context| {
            let mut waits = false;
            for gap in &mut self.gaps {
                if let Filling::Waits(later) = &mut gap.filling {
                    match later.as_mut().poll(context) {
                        Poll::Ready(Ok(value)) => gap.filling = Filling::Has(value),
                        Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                        Poll::Pending => waits = true,
                    }
                }
            }
            if waits {
                Poll::Pending
            } else {
                Poll::Ready(Ok(()))
            }
        })
        .await?;
        let mut json = Vec::with_capacity(2 * self.json.len());
        let mut from = 0;
        for gap in &self.gaps {
            json.extend_from_slice(&self.json[from..gap.at]);
            if let Filling::Has(value) = &gap.filling {
                json::write_value(&mut json, value);
            }
            from = gap.at;
        }
        json.extend_from_slice(&self.json[from..]);
        Ok(json::written(json))
    }
}
