//! A graphql-transport-ws client that shows every message as it comes.

use std::{net::SocketAddr, time::Duration};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, client_async, connect_async,
    tungstenite::{
        Error, Message, client::IntoClientRequest, handshake::client::Response, http::HeaderValue,
    },
};

use super::json;

/// Longer than anything that is waited for takes; a test that waits this long has failed.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// An open WebSocket.
pub struct Ws(pub WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Ws {
    /// Opens one with the right subprotocol and nothing else.
    pub async fn open(address: SocketAddr) -> Self {
        Self::open_with(
            address,
            &[("sec-websocket-protocol", "graphql-transport-ws")],
        )
        .await
        .expect("a socket")
        .0
    }

    /// Opens one with these headers.
    pub async fn open_with(
        address: SocketAddr,
        headers: &[(&'static str, &str)],
    ) -> Result<(Self, Response), Error> {
        let mut request = format!("ws://{address}/graphql")
            .into_client_request()
            .expect("a request");
        for (name, value) in headers {
            request
                .headers_mut()
                .append(*name, HeaderValue::from_str(value).expect("a header"));
        }
        let (socket, response) = connect_async(request).await?;
        Ok((Self(socket), response))
    }

    /// Opens one whose client takes in little before it is read.
    pub async fn open_narrow(address: SocketAddr) -> Self {
        let tcp = TcpSocket::new_v4().expect("a socket");
        tcp.set_recv_buffer_size(4 * 1024).expect("a small buffer");
        let stream = tcp.connect(address).await.expect("a connection");
        let mut request = format!("ws://{address}/graphql")
            .into_client_request()
            .expect("a request");
        let protocol = HeaderValue::from_static("graphql-transport-ws");
        request
            .headers_mut()
            .insert("sec-websocket-protocol", protocol);
        let stream = MaybeTlsStream::Plain(stream);
        Self(client_async(request, stream).await.expect("a socket").0)
    }

    /// The connection below, for whoever speaks WebSocket badly on purpose.
    pub fn into_tcp(self) -> TcpStream {
        match self.0.into_inner() {
            MaybeTlsStream::Plain(stream) => stream,
            _ => unreachable!("there is no TLS here"),
        }
    }

    /// Sends `connection_init` and waits for the ack.
    pub async fn init(&mut self, payload: Value) {
        self.send(json!({ "type": "connection_init", "payload": payload }))
            .await;
        assert_eq!(self.next().await, json!({ "type": "connection_ack" }));
    }

    /// Sends a message.
    pub async fn send(&mut self, message: Value) {
        self.send_text(&message.to_string()).await;
    }

    /// Sends a message, unless the link is cut.
    pub async fn try_send(&mut self, message: Value) -> Result<(), Error> {
        self.0.send(Message::text(message.to_string())).await
    }

    /// Sends whatever text.
    pub async fn send_text(&mut self, text: &str) {
        self.0
            .send(Message::text(text))
            .await
            .expect("it can be sent");
    }

    /// Starts an operation.
    pub async fn subscribe(&mut self, id: &str, document: &str, variables: Value) {
        let payload = json!({ "query": document, "variables": variables });
        self.send(json!({ "id": id, "type": "subscribe", "payload": payload }))
            .await;
    }

    /// The next message; pings and pongs of WebSocket are answered on the way.
    pub async fn next(&mut self) -> Value {
        match self.next_or_close().await {
            Ok(message) => message,
            Err(code) => panic!("closed with {code:?}"),
        }
    }

    /// The next message, or the code that the server closes with (`None`: the link was cut).
    pub async fn next_or_close(&mut self) -> Result<Value, Option<u16>> {
        let next = async {
            loop {
                match self.0.next().await {
                    Some(Ok(Message::Text(text))) => {
                        return Ok(serde_json::from_str(&text).expect("JSON"));
                    }
                    Some(Ok(Message::Close(frame))) => {
                        return Err(frame.map(|frame| frame.code.into()));
                    }
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => return Err(None),
                }
            }
        };
        tokio::time::timeout(PATIENCE, next)
            .await
            .expect("something happens")
    }

    /// The code that the server closes with; other messages before it are passed over.
    pub async fn closed(&mut self) -> Option<u16> {
        loop {
            if let Err(code) = self.next_or_close().await {
                return code;
            }
        }
    }

    /// The code and the reason that the server closes with.
    pub async fn closed_with(&mut self) -> (u16, String) {
        let closed = async {
            loop {
                match self.0.next().await {
                    Some(Ok(Message::Close(Some(frame)))) => {
                        return (frame.code.into(), frame.reason.to_string());
                    }
                    Some(Ok(_)) => {}
                    other => panic!("no close with a reason but {other:?}"),
                }
            }
        };
        tokio::time::timeout(PATIENCE, closed)
            .await
            .expect("it is closed")
    }

    /// Runs a query or a mutation: the payload of its one `next`, which a `complete` follows.
    pub async fn ask(&mut self, id: &str, document: &str, variables: Value) -> Value {
        self.subscribe(id, document, variables).await;
        let answer = self.message_of(id).await;
        assert_eq!(answer["type"], "next", "{answer}");
        let end = self.message_of(id).await;
        assert_eq!(end, json!({ "id": id, "type": "complete" }));
        answer["payload"].clone()
    }

    /// The first error of the `error` message that answers the operation `id`, which has this code.
    pub async fn refused(&mut self, id: &str, code: &str) -> Value {
        let message = self.message_of(id).await;
        assert_eq!(message["type"], "error", "{message}");
        let error = json(&message, "payload.0");
        assert_eq!(error["extensions"]["code"], code, "{message}");
        error
    }

    /// The next message about the operation `id`; those about others are passed over.
    pub async fn message_of(&mut self, id: &str) -> Value {
        loop {
            let message = self.next().await;
            if message["id"] == id {
                return message;
            }
        }
    }

    /// Everything that came before a query that is sent now was answered.
    pub async fn until_settled(&mut self) -> Vec<Value> {
        self.subscribe("settle", "{ __typename }", json!({})).await;
        let mut before = Vec::new();
        loop {
            let message = self.next().await;
            match message["id"] == "settle" {
                true if message["type"] == "complete" => return before,
                true => {}
                false => before.push(message),
            }
        }
    }

    /// The data of the next event of the operation `id`; events of others are passed over.
    pub async fn event(&mut self, id: &str) -> Value {
        loop {
            let message = self.next().await;
            if message["id"] == id {
                assert_eq!(message["type"], "next", "{message}");
                assert!(message["payload"].get("errors").is_none(), "{message}");
                return message["payload"]["data"].clone();
            }
        }
    }

    /// Waits until everything sent before has taken effect: a query is answered.
    pub async fn settle(&mut self) {
        self.until_settled().await;
    }
}
