//! What browsers ask before pages of other origins may talk to the server.

use std::time::Duration;

use axum::{
    extract::{Request, State},
    http::{HeaderValue, Method, StatusCode, header, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};
use tower::{Layer, ServiceExt};
use tower_http::cors::{AllowHeaders, AllowMethods, AllowOrigin, CorsLayer};

use super::{
    Http, Peer, REQUEST_ID,
    origin::{AllowedOrigins, note_refusal},
};

/// Answers preflights of the allowed origins, and lets their pages read answers.
pub(super) fn layer(allowed: AllowedOrigins) -> CorsLayer {
    let is_allowed = move |origin: &HeaderValue, _: &Parts| {
        origin.to_str().is_ok_and(|origin| allowed.contains(origin))
    };
    CorsLayer::new()
        .allow_origin(AllowOrigin::predicate(is_allowed))
        .allow_credentials(true)
        .allow_methods(AllowMethods::list([Method::GET, Method::POST]))
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers([REQUEST_ID])
        .max_age(Duration::from_mins(10))
}

/// Lets the [`layer`] answer where any origin is allowed at all. Refuses preflights of origins that are not in words: a
/// browser tells its developers no more than the status.
pub(super) async fn answer(State(http): State<Http>, request: Request, next: Next) -> Response {
    let headers = request.headers();
    let is_preflight = request.method() == Method::OPTIONS
        && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    let peer = request.extensions().get::<Peer>();
    let is_foreign = peer.is_none_or(|peer| http.0.origins.is_foreign(*peer, headers));
    if !is_preflight || !is_foreign {
        if http.0.origins.allowed().is_empty() {
            return next.run(request).await;
        }
        return match http.0.cors.layer(next).oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        };
    }
    note_refusal("CORS preflight", headers);
    let sentence = "Pages of this origin may not use this server; the setting ALLOWED_ORIGINS names those that may.";
    let vary = [(header::VARY, "origin, access-control-request-method")];
    (StatusCode::FORBIDDEN, vary, sentence).into_response()
}
