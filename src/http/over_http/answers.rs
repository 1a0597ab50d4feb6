//! Answers: what an operation came to, and refusals of what is no GraphQL request.

use axum::{
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};

use crate::{
    graphql::{ErrorReply, Reply, error::code},
    http::accept::{GRAPHQL_RESPONSE, JSON, response_type},
};

/// A well-formed response, with the status that its media type asks for (section 6.4 of the specification).
pub(super) fn answer(media_type: &'static str, reply: &Reply) -> Response {
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
pub(super) fn refused(headers: &HeaderMap, status: StatusCode, sentence: &str) -> Response {
    refused_as(code::BAD_REQUEST, headers, status, sentence)
}

/// The answer to a request by another method than one of `allowed`.
pub(super) fn wrong_method(headers: &HeaderMap, allowed: &'static str, sentence: &str) -> Response {
    let refused = refused(headers, StatusCode::METHOD_NOT_ALLOWED, sentence);
    ([(header::ALLOW, allowed)], refused).into_response()
}

/// The answer to a document's hash. Apollo and urql go by these words, send the document, and no more hashes.
pub(super) fn not_persisted(headers: &HeaderMap) -> Response {
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
