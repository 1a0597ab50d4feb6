//! GraphQL over HTTP, after the specification of that name (graphql.github.io/graphql-over-http): which request is taken
//! how, and what an operation comes to. Its parameters and its answers are read and written beside.

mod answers;
mod params;

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, Method, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};

use self::answers::{answer, refused, wrong_method};
use super::{
    Http, Peer,
    accept::{GRAPHQL_RESPONSE, prefers_html, response_type, stream_format},
    origin::note_refusal,
    pages,
    socket::{self, Handshake},
    streaming,
    who_asks::{Client, believed, is_by_cookie, viewer},
};
use crate::{
    error::Error,
    graphql::{ErrorReply, OperationKind, Params, Reply},
};

/// Everything at `/graphql`.
pub(super) async fn graphql(State(http): State<Http>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Some(peer) = parts.extensions.get::<Peer>().copied() else {
        tracing::error!("a connection without its peer");
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let answered = match parts.method {
        Method::GET if wants_websocket(&parts.headers) => {
            upgrade(http, peer, Request::from_parts(parts, body)).await
        }
        Method::GET | Method::HEAD => get(&http, peer, &parts).await,
        Method::POST => post(&http, peer, &parts, body).await,
        _ => Err(wrong_method(
            &parts.headers,
            "GET, POST",
            "Use POST, or GET for queries.",
        )),
    };
    answered.unwrap_or_else(|refusal| refusal)
}

fn wants_websocket(headers: &HeaderMap) -> bool {
    headers
        .get(header::UPGRADE)
        .is_some_and(|upgrade| upgrade.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

async fn upgrade(http: Http, peer: Peer, mut request: Request) -> Result<Response, Response> {
    let headers = request.headers();
    if http.0.origins.is_foreign(peer, headers) {
        note_refusal("WebSocket", headers);
        let sentence = "Pages of this origin may not open a WebSocket here; the setting ALLOWED_ORIGINS names those that may.";
        return Err((StatusCode::FORBIDDEN, sentence).into_response());
    }
    if http.0.stopping.is_cancelled() {
        return Err((StatusCode::SERVICE_UNAVAILABLE, "The server is stopping.").into_response());
    }
    let client = Client::of(&http, peer, headers, request.extensions());
    let handshake = Handshake::of(&mut request).await?;
    Ok(socket::open(http, handshake, client))
}

async fn get(http: &Http, peer: Peer, parts: &Parts) -> Result<Response, Response> {
    let headers = &parts.headers;
    let asked = params::InAddress::read(parts)?;
    if !asked.has_query() && http.0.graphiql && prefers_html(headers) {
        return Ok(pages::graphiql());
    }
    let params = asked.params(headers)?;
    if is_by_cookie(http, headers) && http.0.origins.is_forgeable(peer, headers) {
        let sentence = "Another site's page may not use this session; send the header apollo-require-preflight.";
        return Err(refused(headers, StatusCode::FORBIDDEN, sentence));
    }
    run(http, peer, parts, params).await
}

async fn post(http: &Http, peer: Peer, parts: &Parts, body: Body) -> Result<Response, Response> {
    let params = params::in_body(&parts.headers, body, http).await?;
    run(http, peer, parts, params).await
}

/// Runs what `params` ask for, and answers with what comes of it.
async fn run(http: &Http, peer: Peer, parts: &Parts, params: Params) -> Result<Response, Response> {
    let headers = &parts.headers;
    let stream_format = stream_format(headers);
    let media_type = response_type(headers).or(stream_format.map(|_| GRAPHQL_RESPONSE));
    let media_type = media_type.ok_or_else(|| {
        let sentence = "Answers are application/graphql-response+json or application/json.";
        refused(headers, StatusCode::NOT_ACCEPTABLE, sentence)
    })?;
    let operation = http.0.api.operation(params);
    let operation = operation.map_err(|errors| answer(media_type, &Reply::refused(errors)))?;
    if operation.kind() == OperationKind::Mutation && parts.method != Method::POST {
        return Err(wrong_method(headers, "POST", "A mutation needs POST."));
    }
    let client = Client::of(http, peer, headers, &parts.extensions);
    let viewer = viewer(http, client.token.as_deref(), believed(headers)).await;
    let viewer = viewer.map_err(|error| {
        let reply = match error {
            Error::ViewerChanged => Reply::refused(vec![ErrorReply::from(&error)]),
            _ => Reply::failed(&error),
        };
        answer(media_type, &reply)
    })?;
    let context = client.context(http, viewer, client.token.is_some());
    if operation.kind() == OperationKind::Subscription {
        let format = stream_format.ok_or_else(|| {
            let sentence =
                "A subscription needs a WebSocket, or a client that accepts text/event-stream.";
            refused(headers, StatusCode::BAD_REQUEST, sentence)
        })?;
        let cut = parts.extensions.get().cloned();
        return Ok(streaming::stream(
            http, cut, headers, operation, context, format,
        ));
    }
    let context = Arc::new(context);
    let reply = http.0.api.execute(operation, context.clone()).await;
    let mut response = match (response_type(headers), stream_format) {
        (None, Some(format)) => streaming::once(format, &reply),
        _ => answer(media_type, &reply),
    };
    let change = context.cookie.lock().take();
    if let Some((name, value)) = change.and_then(|change| http.0.cookies.header(&change)) {
        response.headers_mut().append(name, value);
    }
    Ok(response)
}
