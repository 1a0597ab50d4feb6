//! Readers that do not read: what they make the server hold is bounded, and in the end they are cut.
//!
//! Each test is about the program in a process of its own, whose resident memory is looked at all the while.

mod answers;
mod messages;
mod presence;

use std::{
    net::SocketAddr,
    sync::atomic::{AtomicU64, Ordering},
};

use serde_json::json;

use crate::support::{
    Client,
    app::Place,
    eventually,
    program::Program,
    store::StoreKind,
    turns::{self, Turn},
    ws::Ws,
};

/// What else a program holds when it is busy: the store's cache, requests under way, the words of messages that are being
/// indexed, what the allocator keeps.
const ROOM: u64 = 48 * MIB;
/// What an open connection holds that nothing waits for.
const CONNECTION: u64 = 48 * KIB;

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;

/// What a program holds beyond what it held before.
struct Growth {
    before: u64,
    most: AtomicU64,
}

impl Growth {
    fn of(program: &Program) -> Self {
        Self {
            before: program.memory(),
            most: AtomicU64::new(0),
        }
    }

    fn look(&self, program: &Program) {
        self.most.fetch_max(program.memory(), Ordering::Relaxed);
    }

    /// The most that was ever seen.
    fn bytes(&self) -> u64 {
        self.most
            .load(Ordering::Relaxed)
            .saturating_sub(self.before)
    }

    fn is_at_most(&self, bytes: u64) {
        let grown = self.bytes();
        println!("it grew by {} KiB of {} KiB", grown / KIB, bytes / KIB);
        assert!(
            grown <= bytes,
            "it grew by {} KiB, more than {} KiB",
            grown / KIB,
            bytes / KIB
        );
    }
}

/// The program, and so many people.
async fn program<const PEOPLE: usize>() -> (Turn, Place, Program, [Client; PEOPLE]) {
    let turn = turns::one_of_three().await;
    let place = Place::fresh(StoreKind::Embedded).await;
    let program = Program::start(&place).await;
    let signing_up = (0..PEOPLE).map(|number| {
        let someone = program.anonymous();
        async move { someone.sign_up(&format!("user{number}")).await }
    });
    let people = futures_util::future::join_all(signing_up).await;
    let Ok(people) = people.try_into() else {
        unreachable!("as many as were asked for")
    };
    (turn, place, program, people)
}

/// What the program's `/metrics` says of a gauge or counter.
async fn metric(program: &Program, name: &str) -> f64 {
    let request = program
        .anonymous()
        .raw(reqwest::Method::GET, &program.url("/metrics"));
    let page = request.send().await.expect("an answer").text().await;
    let page = page.expect("a text");
    let mut values = page
        .lines()
        .filter_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    values.next().expect(name).parse().expect("a number")
}

/// Waits until so much is left of what a gauge counts.
async fn are_cut(program: &Program, growth: &Growth, gauge: &str, left: f64) {
    eventually(&format!("{gauge} is {left}"), async || {
        growth.look(program);
        metric(program, gauge).await <= left
    })
    .await;
}

/// A greeted socket whose client takes in little.
async fn narrow(address: SocketAddr, client: &Client) -> Ws {
    let mut socket = Ws::open_narrow(address).await;
    socket.init(json!({ "token": client.token })).await;
    socket
}
