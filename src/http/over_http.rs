//! GraphQL over HTTP, after the specification of that name (graphql.github.io/graphql-over-http).

use std::sync::Arc;

use axum::{
    body::{Body, HttpBody},
    extract::{Request, State},
    http::{Extensions, HeaderMap, HeaderName, Method, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::Deserialize;

use super::{
    Http, Peer,
    accept::{GRAPHQL_RESPONSE, JSON, prefers_html, response_type, stream_format},
    origin::note_refusal,
    socket::{self, Handshake},
    streaming,
};
use crate::{
    auth::Viewer,
    chat::Origin,
    domain::Device,
    error::{Error, Result},
    graphql::{
        ErrorReply, JsonObject, OperationKind, Params, Reply, RequestContext, RequestId,
        error::code,
    },
};

/// Everything at `/graphql`.
pub(super) async fn graphql(State(http): State<Http>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Some(peer) = parts.extensions.get::<Peer>().copied() else {
        tracing::error!("a connection without its peer");
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    match parts.method {
        Method::GET if wants_websocket(&parts.headers) => {
            upgrade(http, peer, Request::from_parts(parts, body)).await
        }
        Method::GET | Method::HEAD => get(&http, peer, &parts).await,
        Method::POST => post(&http, peer, &parts, body).await,
        _ => {
            let refused = refused(
                &parts.headers,
                StatusCode::METHOD_NOT_ALLOWED,
                "Use POST, or GET for queries.",
            );
            ([(header::ALLOW, "GET, POST")], refused).into_response()
        }
    }
}

fn wants_websocket(headers: &HeaderMap) -> bool {
    headers
        .get(header::UPGRADE)
        .is_some_and(|upgrade| upgrade.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

async fn upgrade(http: Http, peer: Peer, mut request: Request) -> Response {
    let headers = request.headers();
    if http.0.origins.is_foreign(peer, headers) {
        note_refusal("WebSocket", headers);
        return (
            StatusCode::FORBIDDEN,
            "Pages of this origin may not open a WebSocket here; the setting ALLOWED_ORIGINS names those that may.",
        )
            .into_response();
    }
    if http.0.stopping.is_cancelled() {
        return (StatusCode::SERVICE_UNAVAILABLE, "The server is stopping.").into_response();
    }
    let token = token(&http, headers);
    let origin = Origin(http.0.origins.client(peer, headers));
    let (id, device) = (request_id(request.extensions()), device(headers));
    match Handshake::of(&mut request).await {
        Ok(handshake) => socket::open(http, handshake, token, origin, device, id),
        Err(refusal) => refusal,
    }
}

/// The header in which a client says whom it believes to be signed in.
const VIEWER: HeaderName = HeaderName::from_static("viewer");

/// Where Apollo's protocol for persisted queries puts a document's hash, among the `extensions`.
const PERSISTED_QUERY: &str = "persistedQuery";

async fn get(http: &Http, peer: Peer, parts: &Parts) -> Response {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Query {
        query: Option<String>,
        operation_name: Option<String>,
        variables: Option<String>,
        extensions: Option<String>,
    }
    let headers = &parts.headers;
    let parsed = serde_urlencoded::from_str::<Query>(parts.uri.query().unwrap_or_default());
    let Ok(Query {
        query,
        operation_name,
        variables,
        extensions,
    }) = parsed
    else {
        return refused(
            headers,
            StatusCode::BAD_REQUEST,
            "The query string cannot be read.",
        );
    };
    if query.is_none() && http.0.graphiql && prefers_html(headers) {
        return super::pages::graphiql();
    }
    let (Ok(variables), Ok(extensions)) = (object(variables), object(extensions)) else {
        let sentence = "The parameters \"variables\" and \"extensions\" are JSON objects.";
        return refused(headers, StatusCode::BAD_REQUEST, sentence);
    };
    let Some(query) = query else {
        if extensions.is_some_and(|extensions| extensions.contains_key(PERSISTED_QUERY)) {
            return not_persisted(headers);
        }
        let sentence = "The parameter \"query\" is missing.";
        return refused(headers, StatusCode::BAD_REQUEST, sentence);
    };
    let by_cookie = bearer_token(headers).is_none() && http.0.cookies.token(headers).is_some();
    if by_cookie && http.0.origins.is_forgeable(peer, headers) {
        let sentence = "Another site's page may not use this session; send the header apollo-require-preflight.";
        return refused(headers, StatusCode::FORBIDDEN, sentence);
    }
    run(
        http,
        peer,
        parts,
        Params::new(query, operation_name, variables),
    )
    .await
}

/// A parameter that is a JSON object when it is there.
fn object(text: Option<String>) -> serde_json::Result<Option<JsonObject>> {
    match text {
        Some(text) if !text.is_empty() => serde_json::from_str(&text),
        _ => Ok(None),
    }
}

async fn post(http: &Http, peer: Peer, parts: &Parts, body: Body) -> Response {
    let headers = &parts.headers;
    if !is_json(headers) {
        let sentence = "The body must be application/json in UTF-8, not compressed.";
        return refused(headers, StatusCode::UNSUPPORTED_MEDIA_TYPE, sentence);
    }
    let limit = http.0.limits.request_bytes;
    let too_large = || {
        refused(
            headers,
            StatusCode::PAYLOAD_TOO_LARGE,
            "The body is too large.",
        )
    };
    if usize::try_from(body.size_hint().lower()).map_or(true, |announced| announced > limit) {
        return too_large();
    }
    let read = Limited::new(body, limit).collect();
    let bytes = match tokio::time::timeout(http.0.limits.request_body, read).await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(error)) if error.is::<LengthLimitError>() => return too_large(),
        Ok(Err(error)) => {
            tracing::debug!(%error, "a body could not be read");
            return refused(
                headers,
                StatusCode::BAD_REQUEST,
                "The body could not be read.",
            );
        }
        Err(_) => {
            return refused(
                headers,
                StatusCode::REQUEST_TIMEOUT,
                "The body took too long.",
            );
        }
    };
    if bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[') {
        return refused(
            headers,
            StatusCode::BAD_REQUEST,
            "Batches are not taken; send one operation a request.",
        );
    }
    match serde_json::from_slice::<Params>(&bytes) {
        Ok(params) => run(http, peer, parts, params).await,
        Err(_) if is_hash_alone(&bytes) => not_persisted(headers),
        Err(error) => {
            let sentence = match error.classify() {
                serde_json::error::Category::Data => {
                    "The body must be a JSON object with a text \"query\", and perhaps \"operationName\" (text), \
                     \"variables\" and \"extensions\" (objects)."
                }
                _ => "The body is not JSON.",
            };
            refused(headers, StatusCode::BAD_REQUEST, sentence)
        }
    }
}

/// Whether a body holds a document's hash in place of the document.
fn is_hash_alone(body: &[u8]) -> bool {
    serde_json::from_slice::<serde_json::Value>(body)
        .is_ok_and(|body| body["query"].is_null() && !body["extensions"][PERSISTED_QUERY].is_null())
}

async fn run(http: &Http, peer: Peer, parts: &Parts, params: Params) -> Response {
    let headers = &parts.headers;
    let stream_format = stream_format(headers);
    let Some(media_type) = response_type(headers).or(stream_format.map(|_| GRAPHQL_RESPONSE))
    else {
        let sentence = "Answers are application/graphql-response+json or application/json.";
        return refused(headers, StatusCode::NOT_ACCEPTABLE, sentence);
    };
    let operation = match http.0.api.operation(params) {
        Ok(operation) => operation,
        Err(errors) => return answer(media_type, &Reply::refused(errors)),
    };
    if operation.kind() == OperationKind::Mutation && parts.method != Method::POST {
        let refused = refused(
            headers,
            StatusCode::METHOD_NOT_ALLOWED,
            "A mutation needs POST.",
        );
        return ([(header::ALLOW, "POST")], refused).into_response();
    }
    let token = token(http, headers);
    let believed = headers
        .get(VIEWER)
        .map(|id| id.to_str().unwrap_or("no id has such characters"));
    let viewer = match viewer(http, token.as_deref(), believed).await {
        Ok(viewer) => viewer,
        Err(error @ Error::ViewerChanged) => {
            return answer(media_type, &Reply::refused(vec![ErrorReply::from(&error)]));
        }
        Err(error) => return answer(media_type, &Reply::failed(&error)),
    };
    let origin = Origin(http.0.origins.client(peer, headers));
    let mut context = RequestContext::new(
        request_id(&parts.extensions),
        &http.0.api,
        viewer,
        token.is_some(),
        origin,
    );
    context.device = device(headers);
    if operation.kind() == OperationKind::Subscription {
        let Some(format) = stream_format else {
            let sentence =
                "A subscription needs a WebSocket, or a client that accepts text/event-stream.";
            return refused(headers, StatusCode::BAD_REQUEST, sentence);
        };
        let cut = parts.extensions.get().cloned();
        return streaming::stream(http, cut, headers, operation, context, format);
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
    response
}

/// The id that every request is given before it comes here.
fn request_id(extensions: &Extensions) -> RequestId {
    let id = extensions.get().copied();
    id.unwrap_or_else(RequestId::fresh)
}

/// What a request's client says of itself.
fn device(headers: &HeaderMap) -> Option<Device> {
    Device::of(headers.get(header::USER_AGENT)?.as_bytes())
}

/// The token of a request: the header's wins over the cookie's.
fn token(http: &Http, headers: &HeaderMap) -> Option<String> {
    bearer_token(headers)
        .map(str::to_owned)
        .or_else(|| http.0.cookies.token(headers))
}

pub(super) fn bearer_token(headers: &HeaderMap) -> Option<&str> {
    bearer(headers.get(header::AUTHORIZATION)?.to_str().ok()?)
}

/// The token in the value of an `Authorization` header (RFC 6750, section 2.1).
pub(super) fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.trim().split_once(' ')?;
    (scheme.eq_ignore_ascii_case("bearer"))
        .then(|| token.trim())
        .filter(|token| !token.is_empty())
}

/// Who a token stands for; a useless one stands for nobody.
///
/// All tabs of a browser send the newest cookie, whoever a page was loaded for. So a client may say by the id of a user
/// whom it `believes` to be signed in; an empty id says nothing.
///
/// # Errors
/// [`Error::ViewerChanged`] when the token stands for someone else than believed; the store's.
pub(super) async fn viewer(
    http: &Http,
    token: Option<&str>,
    believed: Option<&str>,
) -> Result<Option<Viewer>, Error> {
    let Some(token) = token else {
        return Ok(None);
    };
    let viewer = http.0.api.chat().viewer(token).await?.ok();
    let another = |viewer: &Viewer| {
        believed.is_some_and(|id| !id.is_empty() && id != viewer.user_id.to_string())
    };
    if viewer.as_ref().is_some_and(another) {
        return Err(Error::ViewerChanged);
    }
    Ok(viewer)
}

fn is_json(headers: &HeaderMap) -> bool {
    let Some(value) = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
    else {
        return false;
    };
    let mut parts = value.split(';').map(str::trim);
    let json = parts
        .next()
        .is_some_and(|essence| essence.eq_ignore_ascii_case(JSON));
    let utf8 = parts
        .filter_map(|parameter| parameter.split_once('='))
        .all(|(name, value)| {
            !name.eq_ignore_ascii_case("charset")
                || value.trim_matches('"').eq_ignore_ascii_case("utf-8")
        });
    let plain = headers
        .get(header::CONTENT_ENCODING)
        .is_none_or(|encoding| encoding == "identity");
    json && utf8 && plain
}

/// A well-formed response, with the status that its media type asks for (section 6.4 of the specification).
fn answer(media_type: &'static str, reply: &Reply) -> Response {
    let status = if media_type == JSON || reply.ran() {
        StatusCode::OK
    } else {
        StatusCode::BAD_REQUEST
    };
    let content_type = match media_type {
        GRAPHQL_RESPONSE => "application/graphql-response+json; charset=utf-8",
        _ => "application/json; charset=utf-8",
    };
    (
        status,
        [(header::CONTENT_TYPE, content_type)],
        reply.to_json(),
    )
        .into_response()
}

/// The answer to what is not a GraphQL request at all.
fn refused(headers: &HeaderMap, status: StatusCode, sentence: &str) -> Response {
    refused_as(code::BAD_REQUEST, headers, status, sentence)
}

/// The answer to a document's hash. Apollo and urql go by these words, send the document, and no more hashes.
fn not_persisted(headers: &HeaderMap) -> Response {
    let words = "PersistedQueryNotSupported";
    refused_as(code::NOT_PERSISTED, headers, StatusCode::OK, words)
}

fn refused_as(
    code: &'static str,
    headers: &HeaderMap,
    status: StatusCode,
    sentence: &str,
) -> Response {
    let media_type = response_type(headers).unwrap_or(JSON);
    let reply = Reply::refused(vec![ErrorReply::new(code, sentence)]);
    let mut response = answer(media_type, &reply);
    *response.status_mut() = status;
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bearer_tokens_are_read_in_any_case_of_the_scheme() {
        assert_eq!(bearer("Bearer abc"), Some("abc"));
        assert_eq!(bearer("bearer  abc "), Some("abc"));
        for none in ["Bearer", "Bearer ", "Basic abc", "abc", ""] {
            assert_eq!(bearer(none), None, "{none}");
        }
    }
}
