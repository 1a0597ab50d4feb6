//! A request's parameters, as they are read from its address or its body.

use axum::{
    body::{Body, Bytes, HttpBody},
    http::{HeaderMap, StatusCode, header, request::Parts},
    response::Response,
};
use bytes::BytesMut;
use http_body_util::BodyExt;
use serde::Deserialize;
use tokio::time::{Instant, timeout, timeout_at};

use super::answers::{not_persisted, refused};
use crate::{
    graphql::{JsonObject, Params},
    http::{Http, accept::JSON},
};

/// Where Apollo's protocol for persisted queries puts a document's hash, among the `extensions`.
const PERSISTED_QUERY: &str = "persistedQuery";

/// The parameters in an address.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct InAddress {
    query: Option<String>,
    operation_name: Option<String>,
    variables: Option<String>,
    extensions: Option<String>,
}

impl InAddress {
    /// Of a request by GET.
    ///
    /// # Errors
    /// The answer to one whose address cannot be read.
    pub(super) fn read(parts: &Parts) -> Result<Self, Response> {
        let query = parts.uri.query().unwrap_or_default();
        serde_urlencoded::from_str(query).map_err(|_| {
            let sentence = "The query string cannot be read.";
            refused(&parts.headers, StatusCode::BAD_REQUEST, sentence)
        })
    }

    /// Whether there is a document.
    pub(super) fn has_query(&self) -> bool {
        self.query.is_some()
    }

    /// What it asks for.
    ///
    /// # Errors
    /// The answer to what is no GraphQL request.
    pub(super) fn params(self, headers: &HeaderMap) -> Result<Params, Response> {
        let bad_request = |sentence| refused(headers, StatusCode::BAD_REQUEST, sentence);
        let (Ok(variables), Ok(extensions)) = (object(self.variables), object(self.extensions))
        else {
            let sentence = "The parameters \"variables\" and \"extensions\" are JSON objects.";
            return Err(bad_request(sentence));
        };
        match self.query {
            Some(query) => Ok(Params::new(query, self.operation_name, variables)),
            None if extensions.is_some_and(|all| all.contains_key(PERSISTED_QUERY)) => {
                Err(not_persisted(headers))
            }
            None => Err(bad_request("The parameter \"query\" is missing.")),
        }
    }
}

/// A parameter that is a JSON object when it is there.
fn object(text: Option<String>) -> serde_json::Result<Option<JsonObject>> {
    match text {
        Some(text) if !text.is_empty() => serde_json::from_str(&text),
        _ => Ok(None),
    }
}

/// The parameters in the body of a request by POST.
///
/// # Errors
/// The answer to what is no GraphQL request.
pub(super) async fn in_body(
    headers: &HeaderMap,
    body: Body,
    http: &Http,
) -> Result<Params, Response> {
    if !is_json(headers) {
        let sentence = "The body must be application/json in UTF-8, not compressed.";
        return Err(refused(
            headers,
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            sentence,
        ));
    }
    let bytes = read(body, headers, http)
        .await
        .map_err(|(status, sentence)| refused(headers, status, sentence))?;
    let bad_request = |sentence| refused(headers, StatusCode::BAD_REQUEST, sentence);
    if bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[') {
        let sentence = "Batches are not taken; send one operation a request.";
        return Err(bad_request(sentence));
    }
    serde_json::from_slice::<Params>(&bytes).map_err(|error| match error.classify() {
        _ if is_hash_alone(&bytes) => not_persisted(headers),
        serde_json::error::Category::Data => bad_request(
            "The body must be a JSON object with a text \"query\", and perhaps \"operationName\" (text), \
             \"variables\" and \"extensions\" (objects).",
        ),
        _ => bad_request("The body is not JSON."),
    })
}

/// How many bytes are read and dropped of a body that is too large. Behind that the connection is closed.
const DROPPED: usize = 32 * 1024 * 1024;

/// A whole body, if it is not too long and comes in time; else the status and the words of a refusal.
async fn read(
    mut body: Body,
    headers: &HeaderMap,
    http: &Http,
) -> Result<Bytes, (StatusCode, &'static str)> {
    const TOO_LARGE: (StatusCode, &str) = (StatusCode::PAYLOAD_TOO_LARGE, "The body is too large.");
    let limits = &http.0.limits;
    let refused = |body| {
        let dropped = timeout(limits.request_body, drop_rest(body));
        let stopping = http.0.stopping.clone();
        http.0
            .sockets
            .spawn(stopping.run_until_cancelled_owned(dropped));
        Err(TOO_LARGE)
    };
    let limit = limits.request_bytes;
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    // Who waits to be told to go on sends nothing that could be dropped.
    if announced > DROPPED || announced > limit && headers.contains_key(header::EXPECT) {
        return Err(TOO_LARGE);
    }
    if announced > limit {
        return refused(body);
    }
    let (late, mut bytes) = (Instant::now() + limits.request_body, BytesMut::new());
    loop {
        let data = match timeout_at(late, body.frame()).await {
            Ok(Some(frame)) => frame.map(|frame| frame.into_data().unwrap_or_default()),
            Ok(None) => return Ok(bytes.freeze()),
            Err(_) => return Err((StatusCode::REQUEST_TIMEOUT, "The body took too long.")),
        };
        match data {
            Ok(data) if bytes.len() + data.len() > limit => return refused(body),
            Ok(data) => bytes.extend_from_slice(&data),
            Err(error) => {
                tracing::debug!(%error, "a body could not be read");
                return Err((StatusCode::BAD_REQUEST, "The body could not be read."));
            }
        }
    }
}

/// Reads what is left of a body that is refused: many clients look for an answer only when they have sent all, and would
/// find the connection closed instead.
async fn drop_rest(mut body: Body) {
    let mut left = DROPPED;
    while let Some(Ok(frame)) = body.frame().await {
        let length = frame.data_ref().map_or(0, Bytes::len);
        match left.checked_sub(length) {
            Some(less) => left = less,
            None => return,
        }
    }
}

/// Whether a body holds a document's hash in place of the document.
fn is_hash_alone(body: &[u8]) -> bool {
    serde_json::from_slice::<serde_json::Value>(body)
        .is_ok_and(|body| body["query"].is_null() && !body["extensions"][PERSISTED_QUERY].is_null())
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
