//! The program at work: how it stops, what it logs, what it tells of itself.

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{
    on_both_stores,
    support::{
        Client, TestApp,
        app::Place,
        eventually, json as at,
        launch::{Launch, Serving},
        mongod,
        store::{StoreKind, TempDir, mongo_is_there},
        ws::Ws,
    },
};

const SIGNUP: &str =
    "mutation($input: SignupInput!) { signup(input: $input) { token user { id } } }";

/// A place for a program, and how to start one there.
struct Home {
    dir: TempDir,
    uri: Option<String>,
}

impl Home {
    async fn new(kind: StoreKind) -> Self {
        let uri = match kind {
            StoreKind::Embedded => None,
            StoreKind::Mongo => {
                let mongod = mongod::shared().await.expect("a mongod");
                Some(mongod.uri_for(&mongod::fresh_database()))
            }
        };
        Self {
            dir: TempDir::new(),
            uri,
        }
    }

    fn launch(&self) -> Launch {
        let launch = Launch::over(self.dir.path());
        match &self.uri {
            Some(uri) => launch.env("MONGODB_URI", uri),
            None => launch,
        }
    }
}

on_both_stores!(
    what_was_done_survives_a_restart,
    a_signal_lets_requests_under_way_finish,
    no_log_line_tells_what_people_say_or_know,
);

async fn what_was_done_survives_a_restart(kind: StoreKind) {
    let home = Home::new(kind).await;
    let first = home.launch().serves().await;
    let ann = first.anonymous().sign_up("ann").await;
    let bob = first.anonymous().sign_up("bob").await;
    let sent = ann.send(&bob, "hello").await;
    first.signal("-TERM");
    let ended = first.ended().await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);

    let second = home.launch().serves().await;
    let bob = bob.at(second.url("/graphql"));
    let document = "query($in: ConversationRef!) { me { username } messages(in: $in) { nodes { id body seq sender { id } } } }";
    let seen = bob
        .ok(document, json!({ "in": { "userId": ann.id } }))
        .await;
    assert_eq!(seen["me"]["username"], "bob", "the token still stands");
    assert_eq!(
        seen["messages"]["nodes"],
        json!([{ "id": sent["id"], "body": "hello", "seq": 1, "sender": { "id": ann.id } }])
    );
    let ann = ann.at(second.url("/graphql")).sign_in_again().await;
    second.signal("-KILL");
    second.ended().await;

    let third = home.launch().serves().await;
    let ann = ann.at(third.url("/graphql"));
    assert_eq!(
        ann.ok("{ me { id } }", json!({})).await["me"]["id"],
        json!(ann.id)
    );
}

async fn a_signal_lets_requests_under_way_finish(kind: StoreKind) {
    let home = Home::new(kind).await;
    let serving = home.launch().serves().await;
    let ann = serving.anonymous().sign_up("ann").await;
    let mut socket = Ws::open(serving.address).await;
    socket.init(json!({ "token": ann.token })).await;
    let mut request = HalfSent::begin(serving.address, &ann).await;
    serving.signal("-TERM");
    eventually("nobody listens", async || {
        TcpStream::connect(serving.address).await.is_err()
    })
    .await;
    assert_eq!(socket.closed().await, Some(1001));
    let answer = request.finish().await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(
        answer.contains(r#"{"data":{"me":{"username":"ann"}}}"#),
        "{answer}"
    );
    let ended = serving.ended().await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    for (first, second) in [("-TERM", "-TERM"), ("-INT", "-INT"), ("-INT", "-TERM")] {
        let home = Home::new(StoreKind::Embedded).await;
        let serving = home.launch().serves().await;
        let ann = serving.anonymous().sign_up("ann").await;
        // It would be waited for, and then the exit code were 0.
        let _request = HalfSent::begin(serving.address, &ann).await;
        serving.signal(first);
        eventually("nobody listens", async || {
            TcpStream::connect(serving.address).await.is_err()
        })
        .await;
        serving.signal(second);
        assert_eq!(serving.ended().await.code, Some(1));
    }
}

/// A query whose head the server has and whose body it waits for.
struct HalfSent {
    stream: TcpStream,
    rest: String,
}

impl HalfSent {
    async fn begin(address: std::net::SocketAddr, client: &Client) -> Self {
        let body = json!({ "query": "{ me { username } }" }).to_string();
        let head = format!(
            "POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
             Authorization: Bearer {}\r\nExpect: 100-continue\r\n\r\n",
            body.len(),
            client.token.as_deref().expect("a token"),
        );
        let mut stream = TcpStream::connect(address).await.expect("a connection");
        stream
            .write_all(head.as_bytes())
            .await
            .expect("it can be sent");
        let mut go_on = [0; 25];
        stream.read_exact(&mut go_on).await.expect("an answer");
        assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
        Self { stream, rest: body }
    }

    async fn finish(&mut self) -> String {
        self.stream
            .write_all(self.rest.as_bytes())
            .await
            .expect("it can be sent");
        let mut answer = String::new();
        self.stream
            .read_to_string(&mut answer)
            .await
            .expect("an answer");
        answer
    }
}

async fn no_log_line_tells_what_people_say_or_know(kind: StoreKind) {
    let home = Home::new(kind).await;
    let serving = home
        .launch()
        .env("LOG", "trace")
        .env("LOG_FORMAT", "json")
        .env("JWT_SECRET", "canary-secret-of-at-least-32-bytes")
        .serves()
        .await;
    let tokens = talk(&serving).await;
    serving.signal("-TERM");
    let ended = serving.ended().await;
    let mut requests = 0;
    for line in ended.stderr.lines() {
        let entry =
            serde_json::from_str::<Value>(line).unwrap_or_else(|_| panic!("no JSON: {line}"));
        assert!(
            entry["level"].is_string() && entry["timestamp"].is_string(),
            "{line}"
        );
        requests += usize::from(line.contains("\"request\""));
    }
    assert!(requests > 0, "it logs at all: {}", ended.stderr);
    let log = ended.stderr + &ended.stdout;
    assert!(!log.contains("canary"), "{}", near(&log, "canary"));
    for token in &tokens {
        let signature = token.rsplit('.').next().expect("a signature");
        assert!(!log.contains(signature), "{}", near(&log, signature));
        let claims = token.split('.').nth(1).expect("claims");
        assert!(!log.contains(claims), "{}", near(&log, claims));
    }
}

/// Everything that carries a secret, well and badly; gives the tokens that came of it.
async fn talk(serving: &Serving) -> Vec<String> {
    let nobody = serving.anonymous();
    let input =
        |name: &str, password: &str| json!({ "input": { "username": name, "password": password } });
    let login = "mutation($input: LoginInput!) { login(input: $input) { token user { id } } }";
    let mut people = Vec::new();
    for name in ["ann", "bob"] {
        let made = nobody.ok(SIGNUP, input(name, "canary-password")).await;
        let made = &made["signup"];
        let mut person = nobody.with_token(made["token"].as_str().expect("a token"));
        person.id = made["user"]["id"].as_str().expect("an id").to_owned();
        people.push(person);
    }
    let [ann, bob] = people.as_slice() else {
        unreachable!("two")
    };
    nobody
        .fails("CONFLICT", SIGNUP, input("ann", "canary-password-2"))
        .await;
    nobody
        .fails(
            "BAD_USER_INPUT",
            SIGNUP,
            input("canary name", "canary-password"),
        )
        .await;
    nobody
        .fails("UNAUTHENTICATED", login, input("ann", "canary-wrong"))
        .await;
    nobody
        .fails(
            "BAD_USER_INPUT",
            login,
            json!({ "input": { "username": "ann", "password": ["canary"] } }),
        )
        .await;
    nobody.fails("GRAPHQL_VALIDATION_FAILED", "mutation { login(input: { username: \"ann\", password: \"canary\", canary: 1 }) { token } }", json!({})).await;
    nobody
        .fails(
            "GRAPHQL_PARSE_FAILED",
            "mutation { login(input: { password: \"canary\"",
            json!({}),
        )
        .await;
    let again = nobody.ok(login, input("ann", "canary-password")).await;
    let cookie = format!(
        "chinwag_session={}",
        again["login"]["token"].as_str().expect("a token")
    );
    let by_cookie = nobody
        .request("{ me { id } }", json!({}))
        .header("cookie", &cookie);
    assert_eq!(
        at(
            &by_cookie
                .send()
                .await
                .expect("an answer")
                .json()
                .await
                .expect("JSON"),
            "data.me.id"
        ),
        json!(ann.id)
    );
    for (name, value) in [
        ("cookie", "chinwag_session=canary.canary.canary"),
        ("authorization", "Bearer canary"),
        ("x-canary", "canary"),
    ] {
        nobody
            .request("{ me { id } }", json!({}))
            .header(name, value)
            .send()
            .await
            .expect("an answer");
    }
    for body in [
        "canary",
        "{\"query\":\"canary",
        "{\"query\":[\"canary\"]}",
        "[\"canary\"]",
    ] {
        let url = serving.url("/graphql");
        let request = nobody
            .raw(reqwest::Method::POST, &url)
            .header("content-type", "application/json")
            .body(body);
        assert_eq!(request.send().await.expect("an answer").status(), 400);
    }
    nobody
        .raw(
            reqwest::Method::GET,
            &serving.url("/graphql?query=%7Bcanary%7D"),
        )
        .send()
        .await
        .expect("an answer");
    nobody
        .raw(reqwest::Method::GET, &serving.url("/canary?canary"))
        .send()
        .await
        .expect("an answer");

    let mut socket = Ws::open_with(
        serving.address,
        &[
            ("sec-websocket-protocol", "graphql-transport-ws"),
            ("cookie", &cookie),
        ],
    )
    .await
    .expect("a socket")
    .0;
    socket
        .init(json!({ "token": bob.token, "canary": "canary" }))
        .await;
    socket
        .subscribe(
            "1",
            "subscription { newMessage { message { body } } }",
            json!({}),
        )
        .await;
    socket.settle().await;
    let sent = ann.send(bob, "canary-body").await;
    assert_eq!(
        socket.event("1").await["newMessage"]["message"]["body"],
        "canary-body"
    );
    let send = "mutation($input: SendMessageInput!) { sendMessage(input: $input) { id } }";
    let to = json!({ "conversationId": sent["conversation"]["id"] });
    socket.subscribe("2", send, json!({ "input": { "to": to, "body": "canary-by-socket", "clientMessageId": "canary-id" } })).await;
    socket.event("2").await;
    bob.fails(
        "CONFLICT",
        send,
        json!({ "input": { "to": to, "body": "canary-other", "clientMessageId": "canary-id" } }),
    )
    .await;
    bob.fails(
        "BAD_USER_INPUT",
        send,
        json!({ "input": { "to": to, "body": "canary".repeat(1_000) } }),
    )
    .await;
    bob.ok(
        "query($s: String) { sidebarUsers(search: $s) { nodes { id } } }",
        json!({ "s": "canary" }),
    )
    .await;
    bob.fails(
        "BAD_USER_INPUT",
        "{ sidebarUsers(after: \"canary\") { nodes { id } } }",
        json!({}),
    )
    .await;
    socket.send_text("{\"type\":\"canary\"}").await;
    assert_eq!(socket.closed().await, Some(4400));
    let mut refused = Ws::open(serving.address).await;
    refused
        .send(json!({ "type": "connection_init", "payload": { "token": "canary" } }))
        .await;
    assert_eq!(refused.closed().await, Some(4403));
    ann.ok("mutation { logout(everywhere: true) }", json!({}))
        .await;
    let token = again["login"]["token"].as_str().map(str::to_owned);
    [ann.token.clone(), bob.token.clone(), token]
        .into_iter()
        .flatten()
        .collect()
}

/// The part of a log around a word.
fn near<'a>(log: &'a str, word: &str) -> &'a str {
    log.lines()
        .find(|line| line.contains(word))
        .unwrap_or_default()
}

#[tokio::test]
async fn metrics_hold_root_fields_and_outcomes_and_nothing_of_a_clients() {
    let home = Home::new(StoreKind::Embedded).await;
    let serving = home.launch().serves().await;
    let nobody = serving.anonymous();
    let ann = nobody.clone().sign_up("ann").await;
    nobody.run("{ clientsField }", json!({})).await;
    nobody
        .run(
            "query ClientsName { clientsAlias: onlineUsers { id } }",
            json!({}),
        )
        .await;
    nobody.run("mutation { clientsMutation }", json!({})).await;
    ann.ok("{ clientsAlias: me { id } }", json!({})).await;
    let page = |name: &'static str, value: &'static str| {
        let request = nobody
            .raw(reqwest::Method::GET, &serving.url("/metrics"))
            .header(name, value);
        async move {
            let response = request.send().await.expect("an answer");
            (
                response.status().as_u16(),
                response.headers()["content-type"]
                    .to_str()
                    .expect("text")
                    .to_owned(),
                response.text().await.expect("text"),
            )
        }
    };
    let (status, media_type, text) = page("accept", "*/*").await;
    assert_eq!(status, 200);
    assert!(
        media_type.starts_with("application/openmetrics-text"),
        "{media_type}"
    );
    assert!(text.ends_with("# EOF\n"));
    for sample in [
        "chinwag_operation_seconds_count{field=\"signup\",outcome=\"ok\"} 1\n",
        "chinwag_operation_seconds_count{field=\"onlineUsers\",outcome=\"UNAUTHENTICATED\"} 1\n",
        "chinwag_operation_seconds_count{field=\"me\",outcome=\"ok\"} 1\n",
        "chinwag_operation_seconds_count{field=\"other\",outcome=\"GRAPHQL_VALIDATION_FAILED\"} 2\n",
        "chinwag_sockets 0\n",
    ] {
        assert!(text.contains(sample), "{sample}: {text}");
    }
    assert!(
        !text.contains("clients") && !text.contains("Clients"),
        "{text}"
    );
    for relayed in ["x-forwarded-for", "forwarded", "via"] {
        assert_eq!(
            page(relayed, "127.0.0.1").await.0,
            403,
            "{relayed}: it may be from anywhere"
        );
    }
    let open = Home::new(StoreKind::Embedded).await;
    let open = open.launch().env("PUBLIC_METRICS", "on").serves().await;
    let request = nobody
        .raw(reqwest::Method::GET, &open.url("/metrics"))
        .header("x-forwarded-for", "1.2.3.4");
    assert_eq!(request.send().await.expect("an answer").status(), 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_does_not_answer_is_not_ready() {
    if !mongo_is_there().await {
        return;
    }
    let mongod = mongod::own().await.expect("a mongod");
    let app = TestApp::at(Place::mongo(&mongod.uri_for("chat")), |config| {
        config.store_limits.operation = std::time::Duration::from_secs(1);
    })
    .await;
    let ann = app.user("ann").await;
    let bob = app.user("bob").await;
    let mut socket = app.socket(&bob).await;
    socket
        .subscribe(
            "1",
            "subscription { newMessage { message { body } } }",
            json!({}),
        )
        .await;
    socket.settle().await;
    let status = async |path: &str| {
        let answer = ann
            .raw(reqwest::Method::GET, &app.url(path))
            .send()
            .await
            .expect("an answer");
        answer.status().as_u16()
    };
    assert_eq!(
        (status("/healthz").await, status("/readyz").await),
        (200, 200)
    );
    mongod.stop();
    eventually("it is not ready", async || status("/readyz").await == 503).await;
    assert_eq!(status("/healthz").await, 200);
    let reply = ann
        .run("{ sidebarUsers { nodes { id } } }", json!({}))
        .await;
    assert_eq!(
        at(&reply, "errors.0.extensions.code"),
        "SERVICE_UNAVAILABLE",
        "{reply}"
    );
    let text = reply.to_string().to_lowercase();
    assert!(
        !text.contains("mongo") && !text.contains("127.0.0.1"),
        "{text}"
    );
    mongod.cont();
    eventually("it is ready again", async || status("/readyz").await == 200).await;
    ann.send(&bob, "still here?").await;
    assert_eq!(
        socket.event("1").await["newMessage"]["message"]["body"],
        "still here?"
    );
    app.stop().await;
}
