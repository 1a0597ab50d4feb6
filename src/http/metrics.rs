//! `/metrics`, and who may read it.

use axum::{
    Extension,
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;
use tokio::task::spawn_blocking;

use super::{Http, Peer, who_asks::bearer_token};
use crate::metrics::Readings;

/// Who may read besides this machine.
#[derive(Clone, Debug, Default)]
pub struct MetricsAccess {
    /// Whether everyone may.
    pub public: bool,
    /// Whoever has this may.
    pub token: Option<SecretString>,
}

impl MetricsAccess {
    /// Whether a request's headers let it in from another machine.
    fn admits(&self, headers: &HeaderMap) -> bool {
        let has_token = || {
            let (token, given) = (self.token.as_ref()?, bearer_token(headers)?);
            let token = token.expose_secret().as_bytes();
            Some(bool::from(given.as_bytes().ct_eq(token)))
        };
        self.public || has_token() == Some(true)
    }

    fn refusal(&self) -> Response {
        if self.token.is_some() {
            let challenge = [(header::WWW_AUTHENTICATE, "Bearer")];
            let sentence = "Metrics are for this machine and for who has the token.";
            return (StatusCode::UNAUTHORIZED, challenge, sentence).into_response();
        }
        (StatusCode::FORBIDDEN, "Metrics are for this machine only.").into_response()
    }
}

/// What the server counts and measures, and how it stands.
pub(super) async fn metrics(
    State(http): State<Http>,
    Extension(peer): Extension<Peer>,
    request: Request,
) -> Response {
    let (access, headers) = (&http.0.metrics_access, request.headers());
    if !http.0.origins.is_this_machine(peer, headers) && !access.admits(headers) {
        return access.refusal();
    }
    let page = spawn_blocking(move || {
        let mut readings = Readings::default();
        http.0.api.chat().read_vitals(&mut readings);
        http.0.metrics.render(readings)
    });
    match page.await {
        Ok(Ok(page)) => {
            let openmetrics = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            ([(header::CONTENT_TYPE, openmetrics)], page).into_response()
        }
        Ok(Err(error)) => failure(error),
        Err(error) => failure(error),
    }
}

fn failure(error: impl std::error::Error) -> Response {
    tracing::error!(%error, "metrics could not be written");
    StatusCode::INTERNAL_SERVER_ERROR.into_response()
}
