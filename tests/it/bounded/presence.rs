//! Changes of presence that nobody reads.

use std::{collections::HashMap, time::Duration};

use serde_json::Value;

use super::*;

/// People who come and go.
const PEOPLE: usize = 30;
/// Sockets of someone who watches and does not read.
const WATCHERS: u64 = 50;
/// Bytes that wait for a WebSocket before nothing more is taken from anywhere (`http/socket/wire.rs`).
const OUTBOX: u64 = MIB;
/// Bytes of what is told of each who came or left.
const CHANGE: u64 = 14 * 2_048;
/// The largest event: everyone at once, which is less than an outbox takes.
const EVENT: u64 = PEOPLE as u64 * CHANGE;

/// Until when all are cut: before they would be for being silent (`Limits::silence`).
const CUT_BY: Duration = Duration::from_secs(40);

fn watch() -> String {
    let fields = (0..14)
        .map(|n| format!("a{n}: avatarUrl "))
        .collect::<String>();
    format!("subscription {{ onlineUsersChanged {{ joined {{ {fields} }} left {{ {fields} }} }} }}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn watchers_that_never_read_hold_a_few_changes_each_and_are_cut() {
    let (_turn, _place, program, [watching, driver]) = program().await;
    let signup = "mutation($input: SignupInput!) { signup(input: $input) { token user { id } } }";
    let avatar = format!("https://example.com/{}", "x".repeat(2_028));
    let mut people = HashMap::new();
    for number in 0..PEOPLE {
        let name = format!("person{number}");
        let input = json!({ "username": name, "password": "password1", "avatarUrl": avatar });
        let data = program
            .anonymous()
            .ok(signup, json!({ "input": input }))
            .await;
        people.insert(name, data["signup"]["token"].clone());
    }
    let growth = Growth::of(&program);
    let mut deaf = Vec::new();
    for _ in 0..WATCHERS {
        let mut socket = narrow(program.address, &watching).await;
        socket.subscribe("1", &watch(), json!({})).await;
        deaf.push(socket);
    }
    // Whoever is told that someone came sends them away, and the other way round.
    let mut driving = Ws::open(program.address).await;
    driving.init(json!({ "token": driver.token })).await;
    let document = "subscription { onlineUsersChanged { joined { username } left { username } } }";
    driving.subscribe("1", document, json!({})).await;
    driving.event("1").await;
    let come = async |name: &str| {
        let mut socket = Ws::open(program.address).await;
        socket.init(json!({ "token": people[name] })).await;
        socket
    };
    let mut here = HashMap::new();
    for name in people.keys() {
        here.insert(name.clone(), come(name).await);
    }
    let coming_and_going = async {
        let all_are_cut = f64::from(u32::try_from(PEOPLE).expect("a few")) + 1.0;
        while metric(&program, "chinwag_sockets").await > all_are_cut {
            let event = driving.event("1").await["onlineUsersChanged"].clone();
            for name in names(&event["joined"]) {
                here.remove(&name);
            }
            for name in names(&event["left"]) {
                if people.contains_key(&name) {
                    here.insert(name.clone(), come(&name).await);
                }
            }
            growth.look(&program);
        }
    };
    tokio::time::timeout(CUT_BY, coming_and_going)
        .await
        .expect("those that do not read are cut");
    // In its outbox, with one event that goes beyond; one that is half written, and one that is being made.
    growth.is_at_most(WATCHERS * (CONNECTION + OUTBOX + 3 * EVENT) + ROOM);
}

/// The usernames in a list of users.
fn names(users: &Value) -> Vec<String> {
    let users = users.as_array().expect("a list").iter();
    let name = |user: &Value| user["username"].as_str().expect("a name").to_owned();
    users.map(name).collect()
}
