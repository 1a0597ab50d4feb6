//! Writes fields as JSON while they are resolved. A field that has to be waited for leaves a gap, and gets a text of its
//! own that is put there in the end. All such fields are waited for side by side, so that what they load is loaded together.

use std::{
    future::poll_fn,
    task::{Context, Poll},
};

use apollo_compiler::response::{JsonMap, JsonValue};

use super::{
    answer::{Answer, Failure, Given, Hole, Later},
    declare::{Object, Shape},
    document::locations,
    execute::{Resolved, Run},
    json,
    plan::{FieldKind, PlannedField},
    texts::{self, Gap, Place, Text},
    values::Arguments,
};
use crate::{
    error::Error,
    graphql::error::{ErrorReply, PathSegment},
};

/// What may not be null came to null: its parent is to be null in its place, or the nearest one around it that may (6.4.4).
pub(super) struct Nulled;

type Written = Result<(), Nulled>;

/// A step on the way to a field in a response.
#[derive(Clone, Copy)]
enum Step<'p> {
    Key(&'p str),
    Index(usize),
}

/// A field that is waited for.
struct Pending<'p> {
    later: Later,
    field: &'p PlannedField,
    text: usize,
    place: usize,
    path: Vec<Step<'p>>,
}

pub(super) struct Writer<'p> {
    run: Run<'p>,
    introspected: Result<JsonMap, Error>,
    texts: Vec<Text>,
    places: Vec<Place>,
    pending: Vec<Pending<'p>>,
    errors: Vec<ErrorReply>,
    path: Vec<Step<'p>>,
    /// The text that is being written, and the innermost place around what comes next.
    text: usize,
    place: usize,
    out: Vec<u8>,
}

impl<'p> Writer<'p> {
    /// The place of the whole response.
    const WHOLE: usize = 0;

    pub(super) fn new(run: Run<'p>, introspected: Result<JsonMap, Error>) -> Self {
        let whole = Place {
            text: 0,
            from: 0,
            to: 0,
            around: Self::WHOLE,
            is_null: false,
        };
        Self {
            run,
            introspected,
            texts: vec![Text::default()],
            places: vec![whole],
            pending: Vec::new(),
            errors: Vec::new(),
            path: Vec::new(),
            text: 0,
            place: Self::WHOLE,
            out: b"{".to_vec(),
        }
    }

    /// Writes a field of the operation, unless nothing can come of it any more.
    pub(super) fn write_root(&mut self, write: impl FnOnce(&mut Self) -> Written) {
        if !self.places[Self::WHOLE].is_null && write(self).is_err() {
            self.nullify(Self::WHOLE);
        }
    }

    /// Writes a field whose object is there already.
    pub(super) fn given(&mut self, object: &dyn Object, field: &'p PlannedField) -> Written {
        self.key(field);
        self.at(Step::Key(&field.key), |this| this.object(object, field))
    }

    /// Writes what is one step further on the way from the response's top.
    fn at(&mut self, step: Step<'p>, write: impl FnOnce(&mut Self) -> Written) -> Written {
        self.path.push(step);
        let whole = write(self);
        self.path.pop();
        whole
    }

    fn fields(&mut self, object: &dyn Object, fields: &'p [PlannedField]) -> Written {
        self.out.push(b'{');
        for field in fields {
            self.field(object, field)?;
        }
        self.out.push(b'}');
        Ok(())
    }

    fn key(&mut self, field: &PlannedField) {
        if self.out.last() != Some(&b'{') {
            self.out.push(b',');
        }
        self.out.extend_from_slice(&field.prefix);
    }

    pub(super) fn field(&mut self, object: &dyn Object, field: &'p PlannedField) -> Written {
        self.key(field);
        let step = Step::Key(&field.key);
        let (index, arguments) = match &field.kind {
            FieldKind::TypeName(name) => {
                json::write_plain(&mut self.out, name);
                return Ok(());
            }
            FieldKind::Introspection => {
                return match &self.introspected {
                    Ok(told) => {
                        let told = told.get(field.key.as_str());
                        json::write(&mut self.out, told.unwrap_or(&JsonValue::Null));
                        Ok(())
                    }
                    Err(error) => {
                        let failure = error.clone().into();
                        self.at(step, |this| this.failed_as(failure, field, false))
                    }
                };
            }
            FieldKind::Field {
                index, arguments, ..
            } => (*index, arguments),
        };
        match Arguments::of(arguments, &self.run.operation.variables) {
            Ok(mut arguments) => {
                let answer = object.resolve(index, &mut arguments, &self.run.cx);
                self.at(step, |this| this.answer(answer, field))
            }
            Err(error) => self.at(step, |this| this.failed(error.into(), field)),
        }
    }

    fn answer(&mut self, answer: Answer<'_>, field: &'p PlannedField) -> Written {
        match answer {
            Answer::Now(given) => self.value(given, field, field.shape()),
            Answer::Failed(failure) => self.failed(failure, field),
            Answer::Later(later) => {
                self.texts.push(Text::default());
                let text = self.texts.len() - 1;
                self.gap(Gap::Text(text));
                self.pending.push(Pending {
                    later,
                    field,
                    text,
                    place: self.place,
                    path: self.path.clone(),
                });
                Ok(())
            }
            Answer::OwnersOnly(owner, given) => {
                let from = self.out.len();
                self.value(given, field, field.shape())?;
                let own = self.out.split_off(from);
                let json = String::from_utf8_lossy(&own).into();
                self.gap(Gap::Hole(Hole::OwnersOnly { owner, json }));
                Ok(())
            }
        }
    }

    fn gap(&mut self, gap: Gap) {
        self.texts[self.text].gaps.push((self.out.len(), gap));
    }

    fn value(&mut self, given: Given<'_>, field: &'p PlannedField, shape: &'p Shape) -> Written {
        match given {
            Given::Null if shape.nullable => self.out.extend_from_slice(b"null"),
            Given::Null => {
                let error = Error::Internal(format!("{} is null", field.key));
                return self.failed_as(error.into(), field, false);
            }
            Given::Text(text) => json::write(&mut self.out, &*text),
            Given::Int(number) => json::write(&mut self.out, &number),
            Given::Boolean(value) => json::write(&mut self.out, &value),
            Given::Id(id) => json::write_id(&mut self.out, id),
            Given::Item(name) => json::write_plain(&mut self.out, name),
            Given::DateTime(at) => json::write_plain(&mut self.out, at),
            Given::Hole(hole) => self.gap(Gap::Hole(hole)),
            Given::Object(object) => {
                return self.nullable(shape, |this| this.object(&*object, field));
            }
            Given::Borrowed(object) => {
                return self.nullable(shape, |this| this.object(object, field));
            }
            Given::List(items) => {
                return self.nullable(shape, |this| this.list(items, field, shape));
            }
        }
        Ok(())
    }

    fn object(&mut self, object: &dyn Object, field: &'p PlannedField) -> Written {
        self.fields(object, field.below(object.declared()))
    }

    fn list(
        &mut self,
        items: Vec<Given<'_>>,
        field: &'p PlannedField,
        shape: &'p Shape,
    ) -> Written {
        let shape = shape.items.as_deref().unwrap_or(shape);
        self.out.push(b'[');
        for (index, item) in items.into_iter().enumerate() {
            if index > 0 {
                self.out.push(b',');
            }
            self.at(Step::Index(index), |this| this.value(item, field, shape))?;
        }
        self.out.push(b']');
        Ok(())
    }

    /// Writes something in whose place null may stand, if its shape says so.
    fn nullable(&mut self, shape: &Shape, write: impl FnOnce(&mut Self) -> Written) -> Written {
        if !shape.nullable {
            return write(self);
        }
        let (from, waiting) = (self.out.len(), self.pending.len());
        let around = std::mem::replace(&mut self.place, self.places.len());
        self.places.push(Place {
            text: self.text,
            from,
            to: 0,
            around,
            is_null: false,
        });
        let whole = write(self);
        let place = std::mem::replace(&mut self.place, around);
        if whole.is_err() {
            self.pending.truncate(waiting);
            self.out.truncate(from);
            let text = &mut self.texts[self.text];
            text.gaps.retain(|(at, _)| *at < from);
            self.out.extend_from_slice(b"null");
        }
        if self.pending.len() == waiting {
            // Nothing in it can fail any more.
            self.places.truncate(place);
        } else {
            self.places[place].to = self.out.len();
        }
        Ok(())
    }

    fn failed(&mut self, failure: Failure, field: &'p PlannedField) -> Written {
        self.failed_as(failure, field, field.shape().nullable)
    }

    fn failed_as(
        &mut self,
        Failure(errors): Failure,
        field: &'p PlannedField,
        nullable: bool,
    ) -> Written {
        let path = self.path.iter().map(|step| match step {
            Step::Key(key) => PathSegment::Field((*key).to_owned()),
            Step::Index(index) => PathSegment::Index(*index),
        });
        let path = path.collect::<Vec<_>>();
        let sources = &self.run.operation.document.valid.sources;
        for error in &errors {
            let mut error = ErrorReply::from(error).at(locations(field.location, sources));
            error.path.clone_from(&path);
            self.errors.push(error);
        }
        if nullable {
            self.out.extend_from_slice(b"null");
            Ok(())
        } else {
            Err(Nulled)
        }
    }

    /// Waits for all that is pending, and what comes of it.
    pub(super) async fn settle(&mut self) {
        poll_fn(|context| self.poll_pending(context)).await;
    }

    fn poll_pending(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let mut next = 0;
        while next < self.pending.len() {
            match self.pending[next].later.as_mut().poll(context) {
                Poll::Pending => next += 1,
                Poll::Ready(given) => {
                    let pending = self.pending.swap_remove(next);
                    let before = self.pending.len();
                    self.fill(pending, given);
                    if self.pending.len() < before {
                        // Others were given up, and those left have moved.
                        next = 0;
                    }
                }
            }
        }
        if self.pending.is_empty() {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }

    /// Writes what was waited for into its text.
    fn fill(&mut self, pending: Pending<'p>, given: Result<Given<'static>, Failure>) {
        let Pending {
            field,
            text,
            place,
            path,
            ..
        } = pending;
        let outer = (
            std::mem::take(&mut self.out),
            std::mem::replace(&mut self.text, text),
            std::mem::replace(&mut self.place, place),
            std::mem::replace(&mut self.path, path),
        );
        let whole = match given {
            Ok(given) => self.value(given, field, field.shape()),
            Err(failure) => self.failed(failure, field),
        };
        self.texts[text].json = std::mem::replace(&mut self.out, outer.0);
        (self.text, self.place, self.path) = (outer.1, outer.2, outer.3);
        if whole.is_err() {
            self.nullify(place);
        }
    }

    /// Lets null stand in a place. What is waited for inside is given up.
    fn nullify(&mut self, place: usize) {
        self.places[place].is_null = true;
        let places = &self.places;
        self.pending.retain(|pending| {
            let mut around = pending.place;
            while around != place && around != Self::WHOLE {
                around = places[around].around;
            }
            around != place
        });
    }

    pub(super) fn finish(mut self) -> Resolved {
        self.out.push(b'}');
        self.texts[0].json = std::mem::take(&mut self.out);
        let (data, holes) = if self.places[Self::WHOLE].is_null {
            (b"null".to_vec(), Vec::new())
        } else {
            texts::together(self.texts, &self.places[1..])
        };
        Resolved {
            data,
            errors: self.errors,
            holes,
        }
    }
}
