//! A subscriber whose link breaks again and again ends with every message, once and in order.

use std::time::Duration;

use futures_util::future::join_all;
use rand::{RngExt, SeedableRng, rngs::StdRng};

use super::*;
use crate::support::store::mongo_is_there;

on_both_stores!(a_link_that_breaks_at_random_loses_nothing_and_repeats_nothing);

/// Messages by each sender.
const EACH: usize = 120;

async fn a_link_that_breaks_at_random_loses_nothing_and_repeats_nothing(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    for seed in 0..2 {
        break_links(&[&app], seed).await;
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_that_breaks_and_comes_back_at_another_server_loses_and_repeats_nothing() {
    if !mongo_is_there().await {
        return;
    }
    let often = |config: &mut chinwag::app::Config| {
        config.limits.sweep_interval = Duration::from_millis(50);
    };
    let app = TestApp::with(StoreKind::Mongo, often).await;
    let beside = app.beside(often).await;
    for seed in 10..12 {
        break_links(&[&app, &beside], seed).await;
    }
    tokio::join!(app.stop(), beside.stop());
}

/// Someone who reads over links that break.
struct Shaky<'a> {
    apps: &'a [&'a TestApp],
    viewer: &'a Client,
    only: Value,
    reader: Reader,
    random: StdRng,
    breaks: usize,
}

impl<'a> Shaky<'a> {
    async fn new(apps: &'a [&'a TestApp], viewer: &'a Client, only: Value, seed: u64) -> Self {
        let start = stream_cursor(viewer).await;
        let variables = json!({ "in": only, "after": start });
        let mut reader = Reader::open(apps[0].address, viewer, variables).await;
        reader.cursor = start.as_str().map(str::to_owned);
        Self {
            apps,
            viewer,
            only,
            reader,
            random: StdRng::seed_from_u64(seed),
            breaks: 0,
        }
    }

    async fn read_to(&mut self, count: usize) {
        while self.reader.got.len() < count {
            // It breaks after some events or after a while, perhaps before anything came.
            let enough = self.reader.got.len() + self.random.random_range(0..15);
            let a_while = Duration::from_millis(self.random.random_range(0..40));
            let reading = self.reader.read_to(enough.min(count));
            let _ = tokio::time::timeout(a_while, reading).await;
            let app = self.apps[self.random.random_range(0..self.apps.len())];
            let by_init = self.random.random_bool(0.5);
            self.reader
                .resume(app.address, self.viewer, by_init, &self.only)
                .await;
            self.breaks += 1;
        }
    }
}

async fn break_links(apps: &[&TestApp], seed: u64) {
    let name = |name: &str| format!("{name}{seed}");
    let (viewer, ann, eve) = (
        apps[0].user(&name("viewer")).await,
        apps[0].user(&name("ann")).await,
        apps[0].user(&name("eve")).await,
    );
    let mut readers = Vec::new();
    for (only, count) in [
        (Value::Null, 3 * EACH),
        (with(&ann), 2 * EACH),
        (Value::Null, 3 * EACH),
    ] {
        let seed = seed * 100 + readers.len() as u64;
        readers.push((Shaky::new(apps, &viewer, only, seed).await, count));
    }
    let writing = join_all([(&ann, &viewer), (&viewer, &ann), (&eve, &viewer)].map(
        async |(sender, receiver)| {
            for number in 0..EACH {
                let app = apps[number % apps.len()];
                talk(&sender.at(app.url("/graphql")), receiver, 1).await;
            }
        },
    ));
    let reading = join_all(
        readers
            .iter_mut()
            .map(|(reader, count)| reader.read_to(*count)),
    );
    tokio::join!(writing, reading);
    let with_ann = viewer.history(&with(&ann)).await;
    let with_eve = viewer.history(&with(&eve)).await;
    assert_eq!((with_ann.len(), with_eve.len()), (2 * EACH, EACH));
    for (
        Shaky {
            reader,
            only,
            breaks,
            ..
        },
        _,
    ) in readers
    {
        assert!(breaks >= 10, "seed {seed}: only {breaks} breaks");
        let got = reader.has_all().await;
        let from_ann = within(&with_ann[0].conversation, &got);
        assert_eq!(delivery_faults(&with_ann, &from_ann), [], "seed {seed}");
        if only.is_null() {
            let from_eve = within(&with_eve[0].conversation, &got);
            assert_eq!(delivery_faults(&with_eve, &from_eve), [], "seed {seed}");
        }
    }
}
