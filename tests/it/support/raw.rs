//! HTTP byte by byte, for what a well-behaved client would not send.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use super::ws::PATIENCE;

/// Sends a request as it is and gives everything that comes until the server hangs up.
pub async fn exchange(address: SocketAddr, request: &str) -> String {
    let exchange = async {
        let mut stream = TcpStream::connect(address).await.expect("a connection");
        stream
            .write_all(request.as_bytes())
            .await
            .expect("it can be sent");
        let mut answer = Vec::new();
        // A server that does not read all of a request may reset the connection behind its answer.
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    };
    timeout(PATIENCE, exchange)
        .await
        .expect("an answer in time")
}

/// Reads the head of an answer, up to its empty line.
pub async fn head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    let reading = async {
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.expect("an answer"));
        }
    };
    timeout(PATIENCE, reading).await.expect("an answer in time");
    String::from_utf8_lossy(&head).into_owned()
}
