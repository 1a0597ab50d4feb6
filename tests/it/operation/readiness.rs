//! The command that asks whether a server is ready.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, TcpListener},
    thread,
};

use super::Home;
use crate::support::{
    launch::{Ended, Launch},
    mongod,
    store::{StoreKind, TempDir, mongo_is_there},
};

async fn health(host: &str, port: u16) -> Ended {
    Launch::bare()
        .env("HOST", host)
        .args(&["health", "--port", &port.to_string()])
        .ends()
        .await
}

#[tokio::test]
async fn a_server_that_is_ready_is_said_to_be() {
    let home = Home::new(StoreKind::Embedded).await;
    for listens in ["127.0.0.1", "0.0.0.0", "::"] {
        let serving = home.launch().env("HOST", listens).serves().await;
        let port = serving.address.port();
        let ended = health(listens, port).await;
        assert_eq!(
            (ended.code, ended.stdout.as_str(), ended.stderr.as_str()),
            (Some(0), "ready\n", ""),
            "{listens}"
        );
        serving.signal("-TERM");
        serving.ended().await;
        health(listens, port)
            .await
            .refused(&["no server at ", "is ready: "]);
    }
}

#[tokio::test]
async fn a_server_whose_store_does_not_answer_is_not_ready() {
    if !mongo_is_there().await {
        return;
    }
    let mongod = mongod::own().await.expect("a mongod");
    let dir = TempDir::new();
    let serving = Launch::over(dir.path())
        .env("MONGODB_URI", &mongod.uri_for("chat"))
        .serves()
        .await;
    let port = serving.address.port();
    assert_eq!(health("127.0.0.1", port).await.code, Some(0));
    mongod.stop();
    health("127.0.0.1", port)
        .await
        .refused(&["no server at ", "is ready: "]);
    mongod.cont();
}

#[tokio::test]
async fn whatever_else_listens_there_is_not_ready() {
    for (answer, says) in [
        (
            "HTTP/1.1 503 Service Unavailable\r\n\r\ncanary",
            "it answers 503",
        ),
        (
            "HTTP/1.1 301 canary\r\nlocation: /\r\n\r\n",
            "it answers 301",
        ),
        ("SSH-2.0-canary\r\n", "is no such server"),
        ("", "is no such server"),
    ] {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let port = listener.local_addr().expect("its address").port();
        let other = thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a question");
            let mut asked = [0; 1_024];
            let length = stream.read(&mut asked).expect("a request");
            assert!(asked[..length].starts_with(b"GET /readyz "));
            stream.write_all(answer.as_bytes()).expect("an answer");
        });
        let ended = health("127.0.0.1", port).await;
        ended.refused(&["no server at ", says]);
        assert!(!ended.stderr.contains("canary"), "{}", ended.stderr);
        other.join().expect("it was asked");
    }
    // Takes connections and never says anything.
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let port = listener.local_addr().expect("its address").port();
    health("127.0.0.1", port)
        .await
        .refused(&["it does not answer in time"]);
}
