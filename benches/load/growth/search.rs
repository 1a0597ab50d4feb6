//! Searching more and more messages.

use std::time::Duration;

use chinwag::domain::UserId;
use serde_json::{Value, json};

use crate::{
    Bench, Result, ensure,
    pages::{first_answer, measure},
    place::Person,
    process::{Meter, Server},
    report::Line,
};

const MESSAGES: [u32; 3] = [10_000, 100_000, 1_000_000];
/// Of one person, and as many of another, with half of the messages in each.
const CONVERSATIONS: u32 = 1_000;
/// Searches for each figure.
const SEARCHES: u32 = 1_000;
const SEARCH: &str = "query($text: String!, $after: String) { searchMessages(text: $text, after: $after) {
    nodes { id body sentAt sender { id username } conversation { id } } pageInfo { hasNextPage endCursor }
} }";

/// One of two, in turn.
fn either<T>(number: u32, one: T, other: T) -> T {
    if number.is_multiple_of(2) { one } else { other }
}

/// What each message says: 15 words, some of which stand in half of all messages, in few, or in the other half's.
fn body(number: u32) -> String {
    let (mine, half) = (
        either(number, "mine", "theirs"),
        either(number / 2, "common", "usual"),
    );
    let (left, right) = if number.is_multiple_of(10_000) {
        ("left", "right")
    } else {
        either(number / 4, ("left", "up"), ("down", "right"))
    };
    let rare = if number.is_multiple_of(200_000) {
        "rare"
    } else {
        "often"
    };
    format!(
        "{mine} {half} {left} {right} {rare} word{number} {} is what they said then, more or less.",
        number % 1_000
    )
}

/// A search by how many messages there are, and what it costs to index them.
pub async fn search(bench: &Bench) -> Result<()> {
    // Enough for 20 pages also in a quick run.
    for messages in MESSAGES.map(|count| bench.count(count).max(10_000)) {
        let place = bench.place();
        let people = place.people(2 + 2 * CONVERSATIONS, "-").await?;
        let (two, others) = people.split_at(2);
        let pairs = others
            .iter()
            .enumerate()
            .map(|(number, other)| [two[number % 2].id, other.id]);
        let pairs: Vec<[UserId; 2]> = pairs.collect();
        place.talks(&pairs, messages, body).await?;
        let server = Server::start(&place).await?;
        let meter = Meter::start(server.process, bench.database)?;
        is_indexed(bench, &server, &two[1], messages - 1).await?;
        Line::new(
            format!("indexing each of {messages} messages later"),
            messages,
        )
        .cost(meter.stop()?)
        .print(bench);
        for (what, text) in [
            ("a word in half of", "common"),
            ("a word in few of", "rare"),
            ("two words of half each, seldom together, of", "left right"),
            ("the beginning of many words of", "wo"),
            ("a word of half of them, none for this one, of", "theirs"),
        ] {
            let request = ask(text, &Value::Null);
            let what = format!("{what} {messages} messages");
            let count = if text == "theirs" {
                SEARCHES / 4
            } else {
                SEARCHES
            };
            measure(bench, &server, &two[0], &request, count, &what).await?;
        }
        let deep = deep(&server, &two[0]).await?;
        let what = format!("page 20 of a word in half of {messages} messages");
        measure(
            bench,
            &server,
            &two[0],
            &ask("common", &deep),
            SEARCHES,
            &what,
        )
        .await?;
    }
    Ok(())
}

fn ask(text: &str, after: &Value) -> String {
    json!({ "query": SEARCH, "variables": { "text": text, "after": after } }).to_string()
}

/// The cursor behind 19 pages.
async fn deep(server: &Server, viewer: &Person) -> Result<Value> {
    let mut after = Value::Null;
    for _ in 0..19 {
        let page = first_answer(server, viewer, &ask("common", &after)).await?;
        let info = &page["data"]["searchMessages"]["pageInfo"];
        ensure(info["hasNextPage"] == true, || page.to_string())?;
        after = info["endCursor"].clone();
    }
    Ok(after)
}

/// Waits until the last message is found and the server has come to rest.
async fn is_indexed(bench: &Bench, server: &Server, viewer: &Person, last: u32) -> Result<()> {
    let request = ask(&format!("word{last}"), &Value::Null);
    loop {
        let page = first_answer(server, viewer, &request).await?;
        let nodes = page["data"]["searchMessages"]["nodes"].as_array();
        if nodes.is_some_and(|nodes| nodes.len() == 1) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    loop {
        let meter = Meter::start(server.process, bench.database)?;
        tokio::time::sleep(Duration::from_secs(2)).await;
        if meter.stop()?.server < Duration::from_millis(40) {
            return Ok(());
        }
    }
}
