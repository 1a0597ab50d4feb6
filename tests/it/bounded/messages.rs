//! New messages that nobody reads, over sockets and over streams.

use futures_util::future::join_all;
use tokio::{io::AsyncReadExt, net::TcpSocket};

use super::*;
use crate::support::frames::write;

const DOCUMENT: &str =
    "subscription { newMessage { cursor message { id body sender { username } } } }";
/// A message as long as messages may be.
const BODY: usize = 4_000;
/// What a message takes in an event with what stands around it, and in memory.
const MESSAGE: u64 = 4_500;
/// Messages that are sent when everyone is stuck: more than what may be held, if all of them were.
const MESSAGES: usize = 17_000;
/// Messages that the connections of one user share, for the slowest of them (`realtime/hub.rs`).
const RING: u64 = 32;
/// Frames that wait for a WebSocket before nothing more is taken from its subscriptions (`http/socket/wire.rs`), one
/// that is half written, and one that is being made.
const OUTBOX: u64 = 8 + 2;
/// Events that wait for a stream before nothing more is taken from its subscription (`http/streaming.rs`), one that
/// waits for room there, and one that is being made.
const STREAM: u64 = 4 + 2;
/// What an HTTP connection gathers before it is written (`http/serve.rs`).
const HTTP_BUFFER: u64 = 64 * KIB;

/// Someone who writes to people whose connections do not read, and each one's only socket that does.
struct Talk<'a> {
    program: &'a Program,
    sender: &'a Client,
    readers: &'a [Client],
    attentive: Vec<Ws>,
}

impl<'a> Talk<'a> {
    async fn new(program: &'a Program, sender: &'a Client, readers: &'a [Client]) -> Self {
        let mut attentive = Vec::new();
        for reader in readers {
            let mut socket = Ws::open(program.address).await;
            socket.init(json!({ "token": reader.token })).await;
            socket.subscribe("1", DOCUMENT, json!({})).await;
            socket.settle().await;
            attentive.push(socket);
        }
        Self {
            program,
            sender,
            readers,
            attentive,
        }
    }

    /// Sends, no faster than it is read, until nothing reaches anyone who does not read, or more is held than may be.
    async fn until_they_are_stuck(&mut self, growth: &Growth, most: u64) {
        let body = "x".repeat(BODY);
        let round = 20;
        while growth.bytes() <= most {
            let before = metric(self.program, "chinwag_deliveries_total").await;
            let pairs = self.readers.iter().zip(&mut self.attentive);
            join_all(pairs.map(async |(reader, socket)| {
                for _ in 0..round {
                    self.sender.send(reader, &body).await;
                    socket.event("1").await;
                }
            }))
            .await;
            growth.look(self.program);
            let came = metric(self.program, "chinwag_deliveries_total").await - before;
            let read = u32::try_from(round * self.readers.len()).expect("a few");
            if came <= f64::from(read) {
                return;
            }
        }
    }

    /// Sends as much as they would hold if what is held were not bounded.
    async fn flood(self, growth: &Growth) {
        drop(self.attentive);
        let body = "x".repeat(BODY);
        join_all((0..32).map(async |task| {
            for number in (task..MESSAGES).step_by(32) {
                let reader = &self.readers[number % self.readers.len()];
                self.sender.send(reader, &body).await;
                growth.look(self.program);
            }
        }))
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sockets_that_never_read_new_messages_hold_a_few_frames_each_and_are_cut() {
    let (_turn, _place, program, [sender, readers @ ..]) = program::<5>().await;
    let growth = Growth::of(&program);
    let mut deaf = Vec::new();
    for reader in &readers {
        // One more, and each person has as many as one may have.
        for _ in 0..49 {
            let mut socket = narrow(program.address, reader).await;
            socket.subscribe("1", DOCUMENT, json!({})).await;
            socket.settle().await;
            deaf.push(socket);
        }
    }
    let each = CONNECTION + OUTBOX * MESSAGE;
    let shared = RING * MESSAGE;
    let most = deaf.len() as u64 * each + readers.len() as u64 * shared + ROOM;
    let mut talk = Talk::new(&program, &sender, &readers).await;
    talk.until_they_are_stuck(&growth, most).await;
    talk.flood(&growth).await;
    are_cut(&program, &growth, "chinwag_sockets", 0.0).await;
    growth.is_at_most(most);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_that_nobody_reads_hold_a_few_events_each_and_are_cut() {
    let (_turn, _place, program, [sender, readers @ ..]) = program::<5>().await;
    let growth = Growth::of(&program);
    let mut deaf = Vec::new();
    for reader in &readers {
        for _ in 0..20 {
            deaf.push(stream(program.address, reader).await);
        }
    }
    let each = CONNECTION + HTTP_BUFFER + STREAM * MESSAGE;
    let shared = RING * MESSAGE;
    let most = deaf.len() as u64 * each + readers.len() as u64 * shared + ROOM;
    let mut talk = Talk::new(&program, &sender, &readers).await;
    talk.until_they_are_stuck(&growth, most).await;
    talk.flood(&growth).await;
    are_cut(&program, &growth, "chinwag_subscriptions", 0.0).await;
    growth.is_at_most(most);
    let cut = metric(
        &program,
        "chinwag_slow_readers_cut_total{transport=\"http\"}",
    )
    .await;
    let all = f64::from(u32::try_from(deaf.len()).expect("few"));
    assert!((cut - all).abs() < f64::EPSILON, "{cut} were cut");
}

/// A subscription by Server-Sent Events whose client takes in little, and nothing after the head of the response.
async fn stream(address: SocketAddr, client: &Client) -> tokio::net::TcpStream {
    let tcp = TcpSocket::new_v4().expect("a socket");
    tcp.set_recv_buffer_size(4 * 1024).expect("a small buffer");
    let mut tcp = tcp.connect(address).await.expect("a connection");
    let body = json!({ "query": DOCUMENT }).to_string();
    let token = client.token.as_deref().expect("a token");
    let request = format!(
        "POST /graphql HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n\
         Accept: text/event-stream\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    write(&mut tcp, request.as_bytes()).await;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(tcp.read_u8().await.expect("an answer"));
    }
    assert!(head.starts_with(b"HTTP/1.1 200"), "{}", head.escape_ascii());
    tcp
}
