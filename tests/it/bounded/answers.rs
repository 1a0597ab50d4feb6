//! Large answers that are asked for and not read.

use futures_util::{SinkExt, future::join_all};
use serde_json::Value;
use tokio_tungstenite::tungstenite::Message;

use super::*;
use crate::support::json as at;

/// Bytes that wait for a WebSocket before nothing more is taken from anywhere (`http/socket/wire.rs`).
const OUTBOX: u64 = MIB;
/// Queries that run side by side on a socket (`Limits::operations_per_socket`).
const AT_ONCE: u64 = 100;
/// The messages of a page and their length: 400 kB.
const PAGE: usize = 100;
const BODY: usize = 4_000;
/// An answer while it is made: what was read of the store, the values of its fields, and its text.
const ANSWER: u64 = 3 * 400 * KIB;
const QUERIES: usize = 4_000;
/// Sockets that get one such answer each.
const SOCKETS: usize = 300;
/// What they may hold of them afterwards, all together.
const LEFT: u64 = 16 * MIB;

/// A page of messages, as the payload of `subscribe`.
fn page(with: &Client) -> Value {
    let document =
        "query($in: ConversationRef!) { messages(in: $in, last: 100) { nodes { id body } } }";
    json!({ "query": document, "variables": { "in": { "userId": with.id } } })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn queries_whose_answers_nobody_reads_wait_unanswered_and_their_socket_is_cut() {
    let (_turn, _place, program, [ann, bob]) = program().await;
    let body = "x".repeat(BODY);
    join_all((0..PAGE).map(|_| ann.send(&bob, &body))).await;
    let growth = Growth::of(&program);
    let mut socket = narrow(program.address, &ann).await;
    let query =
        |id: usize| json!({ "id": id.to_string(), "type": "subscribe", "payload": page(&bob) });
    // What it does not take in any more stays in the kernel, or with the client, which is held up and then cut.
    let asking = async {
        for id in 0..QUERIES {
            let message = Message::text(query(id).to_string());
            if socket.0.send(message).await.is_err() {
                return;
            }
        }
    };
    let cut = are_cut(&program, &growth, "chinwag_sockets", 0.0);
    tokio::join!(asking, cut);
    growth.is_at_most(CONNECTION + OUTBOX + AT_ONCE * ANSWER + ROOM);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_was_read_leaves_nothing_behind() {
    let (_turn, _place, program, [ann, readers @ ..]) = program::<7>().await;
    let body = "x".repeat(BODY);
    let sent = readers
        .iter()
        .flat_map(|reader| std::iter::repeat_n(reader, PAGE))
        .map(|reader| reader.send(&ann, &body));
    join_all(sent).await;
    let read = async |socket: &mut Ws| {
        socket
            .send(json!({ "id": "1", "type": "subscribe", "payload": page(&ann) }))
            .await;
        let answer = socket.message_of("1").await;
        let nodes = at(&answer, "payload.data.messages.nodes");
        assert_eq!(nodes.as_array().map(Vec::len), Some(PAGE), "{answer}");
        assert_eq!(socket.message_of("1").await["type"], "complete");
    };
    let mut sockets = Vec::new();
    for reader in readers.iter().cycle().take(SOCKETS) {
        let mut socket = Ws::open(program.address).await;
        socket.init(json!({ "token": reader.token })).await;
        sockets.push(socket);
    }
    // What it takes to make such answers is there after some of them.
    let (first, others) = sockets.split_at_mut(SOCKETS / 3);
    for socket in first {
        read(socket).await;
    }
    let growth = Growth::of(&program);
    for socket in others {
        read(socket).await;
        growth.look(&program);
    }
    growth.is_at_most(LEFT);
}
