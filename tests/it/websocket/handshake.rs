//! The handshake, to the byte.

use tokio::net::TcpStream;

use crate::support::{TestApp, frames, raw, store::StoreKind};

/// A request for a WebSocket as most clients spell it, and the answer's lines that clients look for.
const HANDSHAKE: [&str; 6] = [
    "Host: localhost",
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Protocol: graphql-transport-ws",
];
const ANSWERED: [&str; 4] = [
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
    "Sec-WebSocket-Protocol: graphql-transport-ws",
];

/// The head of the answer to a request with these header lines, and the connection behind it.
async fn shake(app: &TestApp, lines: &[String]) -> (String, TcpStream) {
    let mut tcp = TcpStream::connect(app.address).await.expect("a connection");
    let request = format!("GET /graphql HTTP/1.1\r\n{}\r\n\r\n", lines.join("\r\n"));
    frames::write(&mut tcp, request.as_bytes()).await;
    (raw::head(&mut tcp).await, tcp)
}

#[tokio::test]
async fn the_handshake_spells_names_as_the_standard_does_for_clients_that_compare_them() {
    let app = TestApp::start(StoreKind::Embedded).await;
    let spellings: [fn(&str) -> String; 3] = [
        str::to_owned,
        str::to_ascii_lowercase,
        str::to_ascii_uppercase,
    ];
    for spell in spellings {
        let lines = HANDSHAKE.map(|line| {
            let (name, value) = line.split_once(':').expect("a name");
            format!("{}:{value}", spell(name))
        });
        let (head, mut tcp) = shake(&app, &lines).await;
        assert!(
            head.starts_with("HTTP/1.1 101 Switching Protocols\r\n"),
            "{head}"
        );
        for line in ANSWERED {
            assert!(head.lines().any(|other| other == line), "{line}: {head}");
        }
        let greeting = br#"{"type":"connection_init"}"#;
        frames::write(&mut tcp, &frames::frame(frames::TEXT, greeting)).await;
        let answer = frames::read(&mut tcp).await;
        let ack = br#"{"type":"connection_ack"}"#.to_vec();
        assert_eq!(answer, Some((frames::TEXT, ack)), "{head}");
    }
}

#[tokio::test]
async fn what_came_along_with_the_handshake_is_heard() {
    let app = TestApp::start(StoreKind::Embedded).await;
    let mut tcp = TcpStream::connect(app.address).await.expect("a connection");
    let request = format!(
        "GET /graphql HTTP/1.1\r\n{}\r\n\r\n",
        HANDSHAKE.join("\r\n")
    );
    let greeting = frames::frame(frames::TEXT, br#"{"type":"connection_init"}"#);
    frames::write(&mut tcp, &[request.as_bytes(), &greeting].concat()).await;
    raw::head(&mut tcp).await;
    let answer = frames::read(&mut tcp).await;
    let ack = br#"{"type":"connection_ack"}"#.to_vec();
    assert_eq!(answer, Some((frames::TEXT, ack)));
}

#[tokio::test]
async fn what_is_no_handshake_is_refused_and_the_version_that_is_spoken_named() {
    let app = TestApp::start(StoreKind::Embedded).await;
    for (left_out, instead) in [
        ("Connection", "Connection: keep-alive"),
        ("Sec-WebSocket-Key", "X-Key: none"),
        ("Sec-WebSocket-Version", "Sec-WebSocket-Version: 8"),
        ("Sec-WebSocket-Version", "X-Version: 13"),
    ] {
        let lines = HANDSHAKE.map(|line| {
            let name = line.split(':').next();
            let line = if name == Some(left_out) {
                instead
            } else {
                line
            };
            line.to_owned()
        });
        let (head, _) = shake(&app, &lines).await;
        assert!(head.starts_with("HTTP/1.1 400 "), "{instead}: {head}");
        let named = head.contains("sec-websocket-version: 13\r\n");
        assert_eq!(
            named,
            left_out == "Sec-WebSocket-Version",
            "{instead}: {head}"
        );
    }
}
