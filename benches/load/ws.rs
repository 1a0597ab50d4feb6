//! graphql-transport-ws clients.

use std::net::{Ipv4Addr, SocketAddr};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{
        Message, Utf8Bytes, client::IntoClientRequest, http::HeaderValue, protocol::WebSocketConfig,
    },
};

use crate::{Result, ensure};

/// Sockets that share a source address: one has ports for about 28,000.
const SOCKETS_PER_ADDRESS: u32 = 10_000;

/// An open WebSocket.
pub struct Ws(WebSocketStream<TcpStream>);

impl Ws {
    /// Opens the `number`th one and says who is there.
    pub async fn open(address: SocketAddr, number: u32, token: &str) -> Result<Self> {
        let socket = TcpSocket::new_v4()?;
        let source =
            Ipv4Addr::from_bits(Ipv4Addr::LOCALHOST.to_bits() + number / SOCKETS_PER_ADDRESS);
        socket.bind((source, 0).into())?;
        let stream = socket.connect(address).await?;
        stream.set_nodelay(true)?;
        let mut request = format!("ws://{address}/graphql").into_client_request()?;
        let protocol = HeaderValue::from_static("graphql-transport-ws");
        request
            .headers_mut()
            .insert("sec-websocket-protocol", protocol);
        let small = WebSocketConfig::default()
            .read_buffer_size(4 * 1_024)
            .write_buffer_size(0);
        let (stream, _) = client_async_with_config(request, stream, Some(small)).await?;
        let mut ws = Self(stream);
        let init = json!({ "type": "connection_init", "payload": { "token": token } });
        ws.send(init).await?;
        let ack = ws.next().await?;
        ensure(ack.contains("connection_ack"), || format!("no ack: {ack}"))?;
        Ok(ws)
    }

    /// Starts a subscription.
    pub async fn subscribe(&mut self, document: &str) -> Result<()> {
        self.start("1", json!({ "query": document })).await
    }

    /// Starts one with variables, under a name that no other on this socket has.
    pub async fn subscribe_as(
        &mut self,
        id: &str,
        document: &str,
        variables: &Value,
    ) -> Result<()> {
        self.start(id, json!({ "query": document, "variables": variables }))
            .await
    }

    async fn start(&mut self, id: &str, payload: Value) -> Result<()> {
        self.send(json!({ "id": id, "type": "subscribe", "payload": payload }))
            .await
    }

    /// Ends the subscription of this name.
    pub async fn complete(&mut self, id: &str) -> Result<()> {
        self.send(json!({ "id": id, "type": "complete" })).await
    }

    /// The next text; pings are answered on the way.
    pub async fn next(&mut self) -> Result<Utf8Bytes> {
        loop {
            match self.0.next().await {
                Some(Ok(Message::Text(text))) => return Ok(text),
                Some(Ok(Message::Close(frame))) => {
                    return Err(format!("a socket was closed: {frame:?}").into());
                }
                Some(Ok(_)) => {}
                Some(Err(failure)) => return Err(failure.into()),
                None => return Err("a socket was cut".into()),
            }
        }
    }

    async fn send(&mut self, message: Value) -> Result<()> {
        Ok(self.0.send(Message::text(message.to_string())).await?)
    }
}
