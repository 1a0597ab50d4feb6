//! The server's addresses: GraphQL over HTTP and WebSocket, the pages, health and metrics.

mod accept;
mod cookie;
mod cors;
mod metrics;
mod origin;
mod over_http;
mod pages;
mod serve;
mod socket;
mod streaming;
mod who_asks;

use std::sync::Arc;

use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderName, HeaderValue, StatusCode, header},
    middleware::{Next, from_fn, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::{any, get},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower_http::cors::CorsLayer;
use tracing::Instrument;

pub use metrics::MetricsAccess;
pub use origin::{AllowedOrigin, AllowedOrigins, Peer};
pub use pages::GRAPHIQL_BUNDLED;
pub use serve::{listen, serve};

use crate::{
    domain::{AvatarHosts, Limits},
    graphql::{Api, RequestId},
    metrics::Metrics,
};
use cookie::CookiePolicy;
use origin::OriginPolicy;
use pages::ChatPage;

/// How the HTTP side is set up.
#[derive(Clone, Debug, Default)]
pub struct HttpSettings {
    /// Origins besides our own that may use cookies and open WebSockets.
    pub allowed_origins: Vec<AllowedOrigin>,
    /// Proxies whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed.
    pub trusted_proxies: Vec<ipnet::IpNet>,
    /// Whether the cookie is `Secure` and bound to this host.
    pub secure_cookies: bool,
    /// Whether GraphiQL is served.
    pub graphiql: bool,
    /// Who may read `/metrics` besides this machine.
    pub metrics: MetricsAccess,
}

/// What every handler needs. Cheap to clone.
#[derive(Clone)]
pub struct Http(Arc<Inner>);

struct Inner {
    api: Api,
    metrics: Arc<Metrics>,
    limits: Limits,
    origins: OriginPolicy,
    cors: CorsLayer,
    cookies: CookiePolicy,
    chat_page: ChatPage,
    graphiql: bool,
    metrics_access: MetricsAccess,
    /// Cancelled when the server stops taking work.
    stopping: CancellationToken,
    sockets: TaskTracker,
}

impl Http {
    /// Puts the API on the web.
    pub fn new(
        api: Api,
        metrics: Arc<Metrics>,
        avatar_hosts: &AvatarHosts,
        settings: HttpSettings,
        stopping: CancellationToken,
    ) -> Self {
        let HttpSettings {
            allowed_origins,
            trusted_proxies,
            secure_cookies,
            graphiql,
            metrics: metrics_access,
        } = settings;
        let limits = api.chat().limits().clone();
        let origins = OriginPolicy::new(allowed_origins, trusted_proxies, secure_cookies);
        Self(Arc::new(Inner {
            api,
            metrics,
            limits,
            cors: cors::layer(origins.allowed().clone()),
            origins,
            cookies: CookiePolicy::new(secure_cookies),
            chat_page: ChatPage::new(avatar_hosts),
            graphiql,
            metrics_access,
            stopping,
            sockets: TaskTracker::new(),
        }))
    }

    /// The origins that are let in, to be replaced.
    pub fn allowed_origins(&self) -> AllowedOrigins {
        self.0.origins.allowed().clone()
    }

    /// Waits until all sockets are closed, after the server was told to stop.
    pub async fn sockets_closed(&self) {
        self.0.sockets.close();
        self.0.sockets.wait().await;
    }

    /// All addresses.
    pub fn router(&self) -> Router {
        Router::new()
            .route("/graphql", any(over_http::graphql))
            .route(
                "/",
                get(async |State(http): State<Self>| http.0.chat_page.serve()),
            )
            .route("/healthz", get(|| async { "ok" }))
            .route("/readyz", get(ready))
            .route("/metrics", get(metrics::metrics))
            .merge(pages::router())
            .fallback(|| async { (StatusCode::NOT_FOUND, "There is nothing here.") })
            .with_state(self.clone())
            .layer(from_fn_with_state(self.clone(), cors::answer))
            .layer(from_fn(with_request_id))
    }
}

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Gives each request an id, in its log lines and in its response, and each response the headers that all need.
async fn with_request_id(mut request: Request, next: Next) -> Response {
    let id = RequestId::fresh();
    request.extensions_mut().insert(id);
    let mut response = next.run(request).instrument(id.span()).await;
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(&id.to_string()) {
        headers.insert(REQUEST_ID, id);
    }
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    response
}

async fn ready(State(http): State<Http>) -> Response {
    if http.0.stopping.is_cancelled() {
        return (StatusCode::SERVICE_UNAVAILABLE, "stopping").into_response();
    }
    match http.0.api.chat().ping().await {
        Ok(()) => "ready".into_response(),
        Err(error) => {
            tracing::warn!(?error, "not ready");
            (StatusCode::SERVICE_UNAVAILABLE, "the store does not answer").into_response()
        }
    }
}
