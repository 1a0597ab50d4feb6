//! The handshake that makes a WebSocket of a request (RFC 6455, section 4.2).

use std::{
    convert::Infallible,
    future::ready,
    mem::{size_of_val, take},
};

use axum::{
    body::Body,
    extract::Request,
    http::{Extensions, HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use hyper::{body::Incoming, server::conn::http1, service::service_fn, upgrade::OnUpgrade};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::{
    io::{AsyncWriteExt, duplex},
    sync::OnceCell,
};
use tokio_tungstenite::tungstenite::{
    Error, error::ProtocolError, handshake::server::create_response_with_body,
};

use super::SUBPROTOCOL;

/// A handshake that goes well.
pub(in crate::http) struct Handshake {
    pub(super) response: Response,
    /// Whether the client offered our subprotocol, which it has got then.
    pub(super) agreed: bool,
    /// The connection, once the response is sent.
    pub(super) upgrade: OnUpgrade,
}

impl Handshake {
    /// Of a request for a WebSocket.
    ///
    /// # Errors
    /// The response to one that is not as it should be.
    pub(in crate::http) async fn of(request: &mut Request) -> Result<Self, Response> {
        let mut response =
            create_response_with_body(request, Body::empty).map_err(|error| refusal(&error))?;
        let agreed = offered(request.headers()).any(|name| name == SUBPROTOCOL);
        if agreed {
            let name = HeaderValue::from_static(SUBPROTOCOL);
            let headers = response.headers_mut();
            headers.insert(header::SEC_WEBSOCKET_PROTOCOL, name);
        }
        response.extensions_mut().extend(spelling().await);
        Ok(Self {
            response,
            agreed,
            upgrade: hyper::upgrade::on(request),
        })
    }
}

fn refusal(error: &Error) -> Response {
    let wrong_version = ProtocolError::MissingSecWebSocketVersionHeader;
    match error {
        Error::Protocol(error) if *error == wrong_version => (
            StatusCode::BAD_REQUEST,
            [(header::SEC_WEBSOCKET_VERSION, "13")],
            "Version 13 of WebSocket is spoken here.",
        )
            .into_response(),
        _ => (StatusCode::BAD_REQUEST, "This is no WebSocket's handshake.").into_response(),
    }
}

/// The subprotocols that the client would speak.
fn offered(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    headers
        .get_all(header::SEC_WEBSOCKET_PROTOCOL)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
}

/// A request, for its headers' names only: those of a handshake's answer, spelled as RFC 6455 has them.
const SPELLED: &[u8] = b"GET / HTTP/1.1\r\nConnection: close\r\nUpgrade: none\r\n\
    Sec-WebSocket-Accept: none\r\nSec-WebSocket-Protocol: none\r\n\r\n";

/// What makes hyper spell the names in a response as the standard does. Their case means nothing, but there are clients,
/// Python's gql for one, that find a name in no other.
///
/// hyper spells names as an extension of the response says, of a type that it keeps to itself. It has one with each
/// request that it reads, so it is given one to read.
async fn spelling() -> Extensions {
    static SPELLING: OnceCell<Extensions> = OnceCell::const_new();
    SPELLING.get_or_init(read_spelling).await.clone()
}

async fn read_spelling() -> Extensions {
    let read = Mutex::new(Extensions::new());
    let service = service_fn(|mut request: hyper::Request<Incoming>| {
        *read.lock() = take(request.extensions_mut());
        ready(Ok::<_, Infallible>(hyper::Response::new(String::new())))
    });
    let (mut client, server) = duplex(2 * size_of_val(SPELLED));
    let connection = http1::Builder::new()
        .preserve_header_case(true)
        .serve_connection(TokioIo::new(server), service);
    let (asked, answered) = tokio::join!(client.write_all(SPELLED), connection);
    if asked.is_err() || answered.is_err() {
        tracing::error!("names in handshakes are not spelled as some clients want them");
    }
    let mut read = read.into_inner();
    // It is about that request and no other.
    read.remove::<OnUpgrade>();
    read
}
