//! A model of the whole: people do whatever comes to their minds while others read over links that break. Each reader
//! makes a picture of what it is told, and in the end each picture is what queries say.
//!
//! Chance comes from `MODEL_SEED`; there are `MODEL_ROUNDS` rounds.

mod actor;
mod reader;
mod world;

use std::{env, sync::atomic::AtomicBool};

use futures_util::future::join_all;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};

use self::{actor::Actor, reader::Reader, world::World};
use crate::{
    on_both_stores,
    support::{
        Client, TestApp,
        feed::{Feed, Scope, Window},
        picture::{Picture, Truth},
        store::{StoreKind, mongo_is_there},
    },
};

/// People in a round, and how many things each of them does.
const PEOPLE: usize = 5;
const ACTIONS: usize = 60;

/// Readers for each person.
const READERS: usize = 2;

on_both_stores!(what_readers_are_told_is_in_the_end_what_queries_say);

async fn what_readers_are_told_is_in_the_end_what_queries_say(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    rounds(&[&app]).await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_readers_of_two_servers_are_told_is_in_the_end_what_queries_say() {
    if !mongo_is_there().await {
        return;
    }
    let app = TestApp::start(StoreKind::Mongo).await;
    let beside = app.beside(|_| {}).await;
    rounds(&[&app, &beside]).await;
    tokio::join!(app.stop(), beside.stop());
}

fn number(name: &str, default: u64) -> u64 {
    env::var(name).map_or(default, |text| {
        text.parse()
            .unwrap_or_else(|_| panic!("{name} is no number"))
    })
}

/// What chance is for someone alone.
fn fork(random: &mut StdRng) -> StdRng {
    StdRng::seed_from_u64(random.random())
}

async fn rounds(apps: &[&TestApp]) {
    let (rounds, seed) = (number("MODEL_ROUNDS", 2), number("MODEL_SEED", 1));
    println!("MODEL_ROUNDS={rounds} MODEL_SEED={seed}");
    let mut random = StdRng::seed_from_u64(seed);
    for number in 0..rounds {
        round(apps, number, &mut random).await;
    }
}

async fn round(apps: &[&TestApp], number: u64, random: &mut StdRng) {
    let world = World::new(apps, number, PEOPLE).await;
    let mut readers = Vec::new();
    for person in 0..PEOPLE {
        for _ in 0..READERS {
            readers.push(Reader::new(&world, person, fork(random)).await);
        }
    }
    let over = AtomicBool::new(false);
    let acting = async {
        let actors = (0..PEOPLE).map(|person| Actor {
            world: &world,
            person,
            random: fork(random),
        });
        let actors: Vec<_> = actors.collect();
        let done = join_all(actors.into_iter().map(|actor| actor.act(ACTIONS))).await;
        over.store(true, std::sync::atomic::Ordering::Relaxed);
        done
    };
    let reading = join_all(readers.iter_mut().map(|reader| reader.wander(&over)));
    let (done, _) = tokio::join!(acting, reading);
    world.last_words().await;
    for person in 0..PEOPLE {
        let truth = world.agreed(person).await;
        for reader in readers.iter_mut().filter(|reader| reader.person == person) {
            reader.finish(&truth).await;
        }
    }
    println!(
        "round {number}: {} things done, {} refused; {} events over {} links",
        done.iter().map(|done| done.done).sum::<usize>(),
        done.iter().map(|done| done.refused).sum::<usize>(),
        readers
            .iter()
            .map(|reader| reader.picture.events)
            .sum::<usize>(),
        readers.iter().map(|reader| reader.links).sum::<usize>(),
    );
}
