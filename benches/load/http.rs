//! HTTP/1.1 over one kept connection, and no more of it than a benchmark needs.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{Result, ensure};

/// What Apollo's client says that it accepts.
const ACCEPT: &str = "application/graphql-response+json,application/json;q=0.9";

/// A connection to a server.
pub struct Http {
    stream: TcpStream,
    received: Vec<u8>,
}

impl Http {
    /// Connects.
    pub async fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            received: Vec::new(),
        })
    }

    /// The body of the answer to a GET.
    pub async fn get(&mut self, path: &str) -> Result<&str> {
        self.exchange(format!("GET {path} HTTP/1.1\r\nhost: bench\r\n\r\n"))
            .await
    }

    /// The body of the answer to a POST.
    pub async fn post(&mut self, path: &str, headers: &str, body: &str) -> Result<&str> {
        let length = body.len();
        self.exchange(format!(
            "POST {path} HTTP/1.1\r\nhost: bench\r\n{headers}content-length: {length}\r\n\r\n{body}"
        ))
        .await
    }

    /// The answer to a GraphQL request by the holder of a token.
    pub async fn graphql(&mut self, token: &str, request: &str) -> Result<&str> {
        let headers = format!(
            "authorization: Bearer {token}\r\ncontent-type: application/json\r\naccept: {ACCEPT}\r\n"
        );
        self.post("/graphql", &headers, request).await
    }

    async fn exchange(&mut self, request: String) -> Result<&str> {
        self.stream.write_all(request.as_bytes()).await?;
        self.received.clear();
        let (head, length) = loop {
            let read = self.stream.read_buf(&mut self.received).await?;
            ensure(read > 0, || "the server hung up".into())?;
            let end = self
                .received
                .windows(4)
                .position(|four| four == b"\r\n\r\n");
            if let Some(end) = end {
                break (end + 4, length(&self.received[..end])?);
            }
        };
        while self.received.len() < head + length {
            let read = self.stream.read_buf(&mut self.received).await?;
            ensure(read > 0, || "the server hung up".into())?;
        }
        Ok(std::str::from_utf8(&self.received[head..head + length])?)
    }
}

/// The length of the body behind a head that says 200.
fn length(head: &[u8]) -> Result<usize> {
    let head = std::str::from_utf8(head)?;
    ensure(head.starts_with("HTTP/1.1 200"), || head.to_owned())?;
    let mut headers = head.lines().filter_map(|line| line.split_once(':'));
    let length = headers.find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let (_, length) = length.ok_or("an answer without a length")?;
    Ok(length.trim().parse()?)
}
