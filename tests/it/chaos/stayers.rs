//! People who are connected to every process that runs, and see from each who comes, goes and types.

use std::{
    collections::HashSet,
    convert::Infallible,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use futures_util::future::join_all;
use parking_lot::Mutex;
use rand::{RngExt, rngs::StdRng};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout};

use super::{
    Scene,
    fleet::{PROCESSES, millis},
    listener::{GREETED_WITHIN, greeted, send},
};
use crate::support::{
    eventually,
    ws::{PATIENCE, Ws},
};

const PRESENCE: &str = "subscription { online: onlineUsersChanged { joined { id } left { id } } }";
const TYPING: &str = "subscription { typing { user { id } typing } }";
const TYPE: &str =
    "mutation($in: ConversationRef!, $typing: Boolean!) { setTyping(in: $in, typing: $typing) }";

/// Who has heard nothing for so long connects anew.
const LONGEST_SILENCE: Duration = Duration::from_mins(1);

/// Two who stay, and talk to each other.
pub struct Stayers<'a> {
    scene: &'a Scene,
    people: [usize; 2],
    seats: Vec<Seat>,
    /// Everyone has seen both of them, so that nobody may lose sight of them any more.
    are_there: AtomicBool,
    faults: Mutex<Vec<String>>,
}

/// One's place at one process.
struct Seat {
    person: usize,
    process: usize,
    view: Mutex<View>,
}

/// What is seen from there, by ids.
#[derive(Default)]
struct View {
    /// Nothing before the first event, or without a socket.
    online: Option<HashSet<String>>,
    typing: HashSet<String>,
}

impl<'a> Stayers<'a> {
    /// Two who have a conversation.
    pub async fn new(scene: &'a Scene, people: [usize; 2]) -> Self {
        let hello = json!({ "to": scene.with(people[1]), "body": "hello" });
        scene.at(people[0], 0).say(hello).await;
        let seats = people.into_iter().flat_map(|person| {
            (0..PROCESSES).map(move |process| Seat {
                person,
                process,
                view: Mutex::default(),
            })
        });
        Self {
            scene,
            people,
            seats: seats.collect(),
            are_there: AtomicBool::new(false),
            faults: Mutex::default(),
        }
    }

    /// Keeps them connected; a process that comes back is connected to at once.
    pub async fn stay(&self) -> Infallible {
        join_all(self.seats.iter().map(|seat| self.keep(seat))).await;
        unreachable!("nobody leaves")
    }

    async fn keep(&self, seat: &Seat) -> Infallible {
        loop {
            if let Some(mut socket) = self.sit_down(seat).await {
                while let Ok(Ok(message)) = timeout(LONGEST_SILENCE, socket.next_or_close()).await
                    && self.see(seat, &message)
                {}
            }
            *seat.view.lock() = View::default();
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// A socket on which both are watched; nothing when the process is not there.
    async fn sit_down(&self, seat: &Seat) -> Option<Ws> {
        let init = json!({ "token": self.scene.people[seat.person].token });
        let greeting = greeted(self.scene.addresses[seat.process], init);
        let mut socket = timeout(GREETED_WITHIN, greeting).await.ok()??;
        for (id, query) in [("online", PRESENCE), ("typing", TYPING)] {
            let subscribe = json!({ "id": id, "type": "subscribe", "payload": { "query": query } });
            send(&mut socket, subscribe).await?;
        }
        Some(socket)
    }

    /// Takes in what is told; whether it goes on.
    fn see(&self, seat: &Seat, message: &Value) -> bool {
        let data = &message["payload"]["data"];
        let mut view = seat.view.lock();
        if let Some(typing) = data.get("typing") {
            let who = id(&typing["user"]);
            if typing["typing"] == true {
                view.typing.insert(who);
            } else {
                view.typing.remove(&who);
            }
            return true;
        }
        let Some(change) = data.get("online") else {
            let code = &message["payload"][0]["extensions"]["code"];
            if code != "SERVICE_UNAVAILABLE" {
                self.complain(seat, &message.to_string());
            }
            return false;
        };
        let [joined, left] = ["joined", "left"].map(|field| ids(&change[field]));
        let are_there = self.are_there.load(Ordering::Relaxed);
        match &mut view.online {
            None => {
                if are_there && !self.both().is_subset(&joined) {
                    self.complain(seat, &format!("someone who stays is missing: {change}"));
                }
                view.online = Some(joined);
            }
            Some(online) => {
                let is_change = left.is_subset(online) && joined.is_disjoint(online);
                if !is_change {
                    self.complain(seat, &format!("{change} to {online:?}"));
                }
                if are_there && !self.both().is_disjoint(&left) {
                    self.complain(seat, &format!("someone who stays left: {change}"));
                }
                online.retain(|who| !left.contains(who));
                online.extend(joined);
            }
        }
        true
    }

    fn complain(&self, seat: &Seat, fault: &str) {
        let Seat {
            person, process, ..
        } = seat;
        let fault = format!("from {person}'s seat at process {process}: {fault}");
        self.faults.lock().push(fault);
    }

    /// The ids of the two.
    fn both(&self) -> HashSet<String> {
        let ids = self
            .people
            .map(|person| self.scene.people[person].id.clone());
        ids.into()
    }

    /// Waits until everyone sees both from everywhere. From then on nobody may lose sight of them.
    pub async fn arrive(&self) {
        eventually("both who stay are seen from everywhere", async || {
            self.seats.iter().all(|seat| {
                let view = seat.view.lock();
                let online = view.online.as_ref();
                online.is_some_and(|online| self.both().is_subset(online))
            })
        })
        .await;
        self.are_there.store(true, Ordering::Relaxed);
    }

    /// One of them types and stops, here and there, until then.
    pub async fn fidget(&self, until: Instant, mut random: StdRng) {
        while Instant::now() < until {
            sleep(millis(&mut random, 50, 1_000)).await;
            let process = random.random_range(0..PROCESSES);
            let typing = self.types_at(process, random.random_bool(0.5));
            // A process that is stopped may answer when it likes.
            let _ = timeout(Duration::from_secs(1), typing).await;
        }
    }

    async fn types_at(&self, process: usize, typing: bool) {
        let [one, other] = self.people;
        let variables = json!({ "in": self.scene.with(other), "typing": typing });
        self.scene.at(one, process).try_run(TYPE, variables).await;
    }

    /// Waits until everyone sees the truth: just these two are there, and nobody types.
    async fn see_the_truth(&self) {
        let both = self.both();
        let deadline = Instant::now() + PATIENCE;
        loop {
            let mut wrong = Vec::new();
            for Seat {
                person,
                process,
                view,
            } in &self.seats
            {
                let View { online, typing } = &*view.lock();
                if online.as_ref() != Some(&both) || !typing.is_empty() {
                    wrong.push(format!(
                        "{person} at {process}: {online:?} are online, {typing:?} type"
                    ));
                }
            }
            if wrong.is_empty() {
                return;
            }
            assert!(Instant::now() < deadline, "not {both:?} alone: {wrong:#?}");
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// Once all others have left and all is well: what is seen from everywhere is so, and what is typed anywhere is seen
    /// everywhere. Gives what was wrong all the time.
    pub async fn finish(&self) -> Vec<String> {
        self.see_the_truth().await;
        let shown = "{ onlineUsers { id } sidebarUsers { nodes { id online lastSeenAt } } }";
        for process in 0..PROCESSES {
            let client = self.scene.at(self.people[0], process);
            let data = client.ok(shown, json!({})).await;
            assert_eq!(ids(&data["onlineUsers"]), self.both());
            for user in data["sidebarUsers"]["nodes"].as_array().expect("a list") {
                let stays = self.both().contains(&id(user));
                let is_right = user["online"] == stays && user["lastSeenAt"].is_null() == stays;
                assert!(is_right, "process {process}: {user}");
            }
        }
        let typist = self.scene.people[self.people[0]].id.clone();
        let watchers = || {
            let seats = self.seats.iter();
            seats.filter(|seat| seat.person == self.people[1])
        };
        for process in 0..PROCESSES {
            self.types_at(process, true).await;
            eventually("typing is seen from everywhere", async || {
                watchers().all(|seat| seat.view.lock().typing.contains(&typist))
            })
            .await;
            self.types_at(process, false).await;
            self.see_the_truth().await;
        }
        std::mem::take(&mut self.faults.lock())
    }
}

fn id(user: &Value) -> String {
    user["id"].as_str().expect("an id").to_owned()
}

fn ids(users: &Value) -> HashSet<String> {
    users.as_array().expect("a list").iter().map(id).collect()
}
