//! Who was blocked on one server writes on no other: it is the log that a block is held against.

mod lasting;
mod racing;
mod silent;
mod writing;

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::{
    on_both_stores,
    support::{
        Client, TestApp,
        acts::{self, Answer, text, with},
        app::Place,
        feed::{Feed, Scope, Window},
        store::StoreKind,
    },
};

/// How many fresh pairs something is tried with that went wrong only when a server knew something already.
const PAIRS: usize = 30;

/// A server and another one beside it on the same MongoDB; an embedded store has but one.
struct Servers {
    here: TestApp,
    beside: Option<TestApp>,
}

impl Servers {
    async fn start(kind: StoreKind) -> Self {
        Self::at(Place::fresh(kind).await, kind).await
    }

    /// Others on what earlier ones left.
    async fn at(place: Place, kind: StoreKind) -> Self {
        let here = TestApp::at(place, |_| {}).await;
        let beside = match kind {
            StoreKind::Embedded => None,
            StoreKind::Mongo => Some(here.beside(|_| {}).await),
        };
        Self { here, beside }
    }

    fn there(&self) -> &TestApp {
        self.beside.as_ref().unwrap_or(&self.here)
    }

    /// Two people who just signed up, each on both servers.
    async fn pair(&self, number: usize) -> [Person; 2] {
        let person = async |name: &str| Person::on(self, &format!("{name}{number}")).await;
        tokio::join!(person("ann"), person("bob")).into()
    }

    /// Stops both, and gives what they leave.
    async fn stop(self) -> Place {
        if let Some(beside) = self.beside {
            beside.stop().await;
        }
        self.here.stop().await
    }
}

/// The same person on two servers.
#[derive(Clone)]
struct Person {
    here: Client,
    there: Client,
}

impl Person {
    async fn on(servers: &Servers, name: &str) -> Self {
        let here = servers.here.user(name).await;
        let there = here.at(servers.there().url("/graphql"));
        Self { here, there }
    }

    /// The same person once both servers are others.
    fn again(&self, servers: &Servers) -> Self {
        Self {
            here: self.here.at(servers.here.url("/graphql")),
            there: self.here.at(servers.there().url("/graphql")),
        }
    }
}

async fn unblock(blocker: &Client, blocked: &Client) {
    let document = "mutation($id: ID!) { unblockUser(userId: $id) { id } }";
    blocker.ok(document, json!({ "id": blocked.id })).await;
}

/// Lets a server have in memory who is estranged from whom.
async fn look(viewer: &Client, other: &Client) {
    let document = "query($id: ID!) { user(id: $id) { lastSeenAt } }";
    viewer.ok(document, json!({ "id": other.id })).await;
}

async fn says(from: &Client, to: &Client, body: &str) -> Answer {
    from.sends(json!({ "to": with(to), "body": body })).await
}

/// A message with its client's id.
fn named(to: &Client, body: &str, name: &str) -> Value {
    json!({ "to": with(to), "body": body, "clientMessageId": name })
}

async fn bodies(viewer: &Client, other: &Client) -> Vec<String> {
    let history = viewer.history(&with(other)).await.into_iter();
    history.map(|said| said.body).collect()
}
