//! Large answers that are asked for and not read.

use futures_util::{SinkExt, future::join_all};
use tokio_tungstenite::tungstenite::Message;

use super::*;

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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn queries_whose_answers_nobody_reads_wait_unanswered_and_their_socket_is_cut() {
    let (_place, program, [ann, bob]) = program().await;
    let body = "x".repeat(BODY);
    join_all((0..PAGE).map(|_| ann.send(&bob, &body))).await;
    let growth = Growth::of(&program);
    let mut socket = narrow(program.address, &ann).await;
    let document =
        "query($in: ConversationRef!) { messages(in: $in, last: 100) { nodes { id body } } }";
    let query = |id: usize| {
        let variables = json!({ "in": { "userId": bob.id } });
        let payload = json!({ "query": document, "variables": variables });
        json!({ "id": id.to_string(), "type": "subscribe", "payload": payload })
    };
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
