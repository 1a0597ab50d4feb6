//! Objects whose fields are mostly at hand. The executor boxes and joins a future for each field of each object; a page
//! of messages has hundreds of fields that wait for nothing, so these are asked for their value on the spot.

use std::{
    borrow::Cow,
    future::poll_fn,
    pin::{Pin, pin},
    task::Poll,
};

use async_graphql::{
    ContainerType, ContextSelectionSet, OutputType, Positioned, ServerResult, Value,
    parser::types::{Field, Selection, SelectionSet},
    registry::Registry,
    resolver_utils::resolve_container,
};

/// An object, resolved field by field. Answers as the object alone would.
#[derive(Clone)]
pub(super) struct AtHand<T>(pub(super) T);

/// A list of objects that are resolved so.
pub(super) struct AllAtHand<T>(pub(super) Vec<AtHand<T>>);

impl<T> FromIterator<T> for AllAtHand<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        Self(items.into_iter().map(AtHand).collect())
    }
}

/// A value, or what is waited for to have it.
enum Slot<'a> {
    Has(Value),
    Waits(Pin<Box<dyn Future<Output = ServerResult<Value>> + Send + 'a>>),
}

impl<'a> Slot<'a> {
    async fn of(
        later: impl Future<Output = ServerResult<Value>> + Send + 'a,
    ) -> ServerResult<Slot<'a>> {
        let mut later = Box::pin(later);
        Ok(match at_once(later.as_mut()).await {
            Some(value) => Slot::Has(value?),
            None => Slot::Waits(later),
        })
    }
}

/// What a future gives without waiting.
async fn at_once<F: Future>(mut future: Pin<&mut F>) -> Option<F::Output> {
    poll_fn(|context| {
        Poll::Ready(match future.as_mut().poll(context) {
            Poll::Ready(value) => Some(value),
            Poll::Pending => None,
        })
    })
    .await
}

/// Waits for all, side by side, so that what they load is loaded together.
async fn all(mut slots: Vec<Slot<'_>>) -> ServerResult<Vec<Value>> {
    poll_fn(|context| {
        let mut waits = false;
        for slot in &mut slots {
            if let Slot::Waits(later) = slot {
                match later.as_mut().poll(context) {
                    Poll::Ready(Ok(value)) => *slot = Slot::Has(value),
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
    let value = |slot| match slot {
        Slot::Has(value) => Some(value),
        Slot::Waits(_) => None,
    };
    Ok(slots.into_iter().filter_map(value).collect())
}

impl<T: ContainerType> OutputType for AtHand<T> {
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
        let set = &ctx.item.node;
        let mut fields = Vec::with_capacity(set.items.len());
        if !collect(ctx, set, &T::type_name(), &mut fields) || any_twice(&fields) {
            return Box::pin(resolve_container(ctx, &self.0)).await;
        }
        let mut slots = Vec::with_capacity(fields.len());
        for field in &fields {
            if field.node.name.node == "__typename" {
                slots.push(Slot::Has(Value::from(T::type_name().as_ref())));
                continue;
            }
            let value = || async move {
                let ctx = ctx.with_field(field);
                let value = self.0.resolve_field(&ctx).await?;
                Ok(value.unwrap_or_default())
            };
            let is_leaf = field.node.selection_set.node.items.is_empty();
            if is_leaf && let Some(value) = at_once(pin!(value())).await {
                slots.push(Slot::Has(value?));
                continue;
            }
            // A leaf that has to wait is begun anew, boxed. What has fields of its own, which may have added errors to
            // the response by then, is begun once.
            slots.push(Slot::of(value()).await?);
        }
        let keys = fields
            .iter()
            .map(|field| field.node.response_key().node.clone());
        Ok(Value::Object(keys.zip(all(slots).await?).collect()))
    }
}

impl<T: ContainerType> OutputType for AllAtHand<T> {
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
        field: &Positioned<Field>,
    ) -> ServerResult<Value> {
        let mut slots = Vec::with_capacity(self.0.len());
        for (index, item) in self.0.iter().enumerate() {
            let later = async move {
                let ctx = ctx.with_index(index);
                let value = item.resolve(&ctx, field).await;
                value.map_err(|error| ctx.set_error_path(error))
            };
            slots.push(Slot::of(later).await?);
        }
        Ok(Value::List(all(slots).await?))
    }
}

/// The fields of a selection on an object of this type, fragments followed; false when a fragment is missing.
fn collect<'a>(
    ctx: &ContextSelectionSet<'a>,
    set: &'a SelectionSet,
    ty: &str,
    fields: &mut Vec<&'a Positioned<Field>>,
) -> bool {
    set.items.iter().all(|selection| {
        let (on, set) = match &selection.node {
            Selection::Field(field) => {
                fields.push(field);
                return true;
            }
            Selection::InlineFragment(inline) => (
                inline.node.type_condition.as_ref(),
                &inline.node.selection_set,
            ),
            Selection::FragmentSpread(spread) => {
                let name = &spread.node.fragment_name.node;
                let Some(fragment) = ctx.query_env.fragments.get(name) else {
                    return false;
                };
                (
                    Some(&fragment.node.type_condition),
                    &fragment.node.selection_set,
                )
            }
        };
        // Types of ours are objects: no fragment on another one applies.
        on.is_some_and(|on| on.node.on.node != ty) || collect(ctx, &set.node, ty, fields)
    })
}

/// Whether two fields answer under one name, and are to be merged.
fn any_twice(fields: &[&Positioned<Field>]) -> bool {
    let earlier = |(index, field): (usize, &&Positioned<Field>)| {
        let name = &field.node.response_key().node;
        fields[..index]
            .iter()
            .any(|other| other.node.response_key().node == *name)
    };
    fields.iter().enumerate().any(earlier)
}
