//! WebSocket frames by hand (RFC 6455, section 5.2), right and wrong ones.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use super::{raw, ws::PATIENCE};

pub const TEXT: u8 = 0x81;
pub const CLOSE: u8 = 0x88;
pub const PING: u8 = 0x89;
pub const PONG: u8 = 0x8a;

/// A frame as clients send them: masked, here with zeros. `first` is its first byte: FIN, RSV and opcode.
pub fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = unmasked(first, payload);
    bytes[1] |= 0x80;
    let head = bytes.len() - payload.len();
    bytes.splice(head..head, [0; 4]);
    bytes
}

/// A frame as only servers may send them.
pub fn unmasked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    match payload.len() {
        small @ 0..126 => bytes.push(u8::try_from(small).expect("small")),
        middling @ 126..0x1_0000 => {
            bytes.push(126);
            bytes.extend(u16::try_from(middling).expect("middling").to_be_bytes());
        }
        large => {
            bytes.push(127);
            bytes.extend(u64::try_from(large).expect("large").to_be_bytes());
        }
    }
    bytes.extend(payload);
    bytes
}

/// Writes to a connection that may be closed any time.
pub async fn write(tcp: &mut TcpStream, bytes: &[u8]) {
    // Whether it was closed is what the reading side finds out.
    let _ = timeout(PATIENCE, tcp.write_all(bytes))
        .await
        .expect("something happens");
}

/// The next frame of the server's: its first byte and its payload; `None` when there is no more.
pub async fn read(tcp: &mut (impl AsyncRead + Unpin)) -> Option<(u8, Vec<u8>)> {
    let reading = async {
        let first = tcp.read_u8().await.ok()?;
        let length = match tcp.read_u8().await.ok()? {
            126 => u64::from(tcp.read_u16().await.ok()?),
            127 => tcp.read_u64().await.ok()?,
            small => u64::from(small),
        };
        let mut payload = vec![0; usize::try_from(length).expect("a length")];
        tcp.read_exact(&mut payload).await.ok()?;
        Some((first, payload))
    };
    timeout(PATIENCE, reading).await.expect("something happens")
}

/// The code of the close frame that ends what the server sends; `None` when it ends without one.
pub async fn close_code(tcp: &mut (impl AsyncRead + Unpin)) -> Option<u16> {
    loop {
        let (first, payload) = read(tcp).await?;
        if first == CLOSE {
            return payload.first_chunk().map(|code| u16::from_be_bytes(*code));
        }
    }
}

/// Opens a WebSocket with another subprotocol than a client library would take back from the server.
pub async fn handshake(address: SocketAddr, subprotocol: &str) -> TcpStream {
    let mut tcp = TcpStream::connect(address).await.expect("a connection");
    let request = format!(
        "GET /graphql HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-WebSocket-Protocol: {subprotocol}\r\n\r\n"
    );
    write(&mut tcp, request.as_bytes()).await;
    let head = raw::head(&mut tcp).await;
    assert!(head.starts_with("HTTP/1.1 101"), "{head}");
    tcp
}
