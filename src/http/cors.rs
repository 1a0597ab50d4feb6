//! What browsers ask before pages of other origins may talk to the server.

use std::time::Duration;

use axum::{
    extract::{Request, State},
    http::{Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use tower_http::cors::{AllowHeaders, AllowMethods, AllowOrigin, CorsLayer};

use super::{
    Http, Peer, REQUEST_ID,
    origin::{OriginPolicy, note_refusal},
};

/// Answers preflights of the allowed origins; none when there are none.
pub(super) fn layer(origins: &OriginPolicy) -> Option<CorsLayer> {
    let allowed = origins.allowed_headers();
    (!allowed.is_empty()).then(|| {
        CorsLayer::new()
            .allow_origin(AllowOrigin::list(allowed))
            .allow_credentials(true)
            .allow_methods(AllowMethods::list([Method::GET, Method::POST]))
            .allow_headers(AllowHeaders::mirror_request())
            .expose_headers([REQUEST_ID])
            .max_age(Duration::from_mins(10))
    })
}

/// Refuses preflights of all other origins in words: a browser tells its developers no more than the status.
pub(super) async fn refuse_foreign(
    State(http): State<Http>,
    request: Request,
    next: Next,
) -> Response {
    let headers = request.headers();
    let is_preflight = request.method() == Method::OPTIONS
        && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    let peer = request.extensions().get::<Peer>();
    let is_foreign = peer.is_none_or(|peer| http.0.origins.is_foreign(*peer, headers));
    if !is_preflight || !is_foreign {
        return next.run(request).await;
    }
    note_refusal("CORS preflight", headers);
    let sentence = "Pages of this origin may not use this server; the setting ALLOWED_ORIGINS names those that may.";
    let vary = [(header::VARY, "origin, access-control-request-method")];
    (StatusCode::FORBIDDEN, vary, sentence).into_response()
}
