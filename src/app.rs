//! The whole server: the only place that knows everything.
//!
//! What it gives to wait for is boxed: so it is compiled here, once, and not again in every program that waits for it.

use std::{
    fmt,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use futures_util::future::BoxFuture;
use secrecy::{ExposeSecret, SecretString};
use tokio::{
    net::TcpListener,
    time::{Instant, timeout_at},
};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use crate::{
    admin::{Desk, socket::Socket},
    chat::{Chat, Parts},
    domain::{AvatarHosts, Limits},
    error::Error,
    graphql::Api,
    http::{self, AllowedOrigins, Http, HttpSettings},
    metrics::Metrics,
    store::{self, DynStore, Observer, OpenError, StoreLimits, WholeStore, embedded::Unopened},
};

/// How long looking into a folder that is not used may hold up the start.
const PATIENCE_FOR_UNUSED: Duration = Duration::from_secs(2);

/// How much of the time for stopping is for closing the chat, at least.
const CLOSING: Duration = Duration::from_millis(500);

/// Everything that a server can be told.
#[derive(Clone, Debug)]
pub struct Config {
    pub store: StoreConfig,
    /// Folder of an embedded store that does not serve; whoever is in there is told of at the start.
    pub unused_dir: Option<PathBuf>,
    /// At least 32 bytes each; the first signs, all verify. Without: one is made and kept with the data.
    pub jwt_secrets: Option<Vec<SecretString>>,
    /// How long a sign-in lasts.
    pub session_ttl: Duration,
    /// bcrypt's work factor. The program takes 10 to 15; tests take less.
    pub bcrypt_cost: u32,
    pub signup_open: bool,
    /// Whose pictures the chat page shows, and which hosts avatars may name.
    pub avatar_hosts: AvatarHosts,
    pub introspection: bool,
    pub rate_limits: bool,
    pub http: HttpSettings,
    pub limits: Limits,
    pub store_limits: StoreLimits,
}

/// Where everything is kept.
#[derive(Clone, Debug)]
pub enum StoreConfig {
    /// In one file in this folder.
    Embedded { dir: PathBuf },
    /// In a MongoDB.
    Mongo { uri: SecretString },
}

impl StoreConfig {
    /// Which kind of store it is, for those who count.
    fn kind(&self) -> &'static str {
        match self {
            Self::Embedded { .. } => "embedded",
            Self::Mongo { .. } => "mongodb",
        }
    }
}

impl Config {
    /// What the program runs with when nothing is set, over this store.
    pub fn new(store: StoreConfig) -> Self {
        Self {
            store,
            unused_dir: None,
            jwt_secrets: None,
            session_ttl: Duration::from_hours(360),
            bcrypt_cost: 12,
            signup_open: true,
            avatar_hosts: AvatarHosts::default(),
            introspection: true,
            rate_limits: true,
            http: HttpSettings {
                graphiql: true,
                ..HttpSettings::default()
            },
            limits: Limits::default(),
            store_limits: StoreLimits::default(),
        }
    }
}

/// Why a server could not be started: one line.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct StartError(String);

impl StartError {
    fn new(reason: impl fmt::Display) -> Self {
        Self(OpenError::new(reason).0)
    }
}

/// Why a server could not go on: one line.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct RunError(String);

/// A server that is ready to run.
pub struct App {
    chat: Chat,
    http: Http,
    place: String,
    is_unused: bool,
    limits: Limits,
    stopping: CancellationToken,
    /// Hears an operator's orders, where they come through this server.
    operators: Option<AbortOnDropHandle<()>>,
}

impl App {
    /// Opens the store and starts everything but listening.
    ///
    /// # Errors
    /// One line for the person who starts it. Nothing is left behind.
    pub fn start(config: Config) -> BoxFuture<'static, Result<Self, StartError>> {
        Box::pin(Self::start_whole(config))
    }

    async fn start_whole(config: Config) -> Result<Self, StartError> {
        let metrics = Arc::new(Metrics::new(config.store.kind()));
        let whole = open(&config, &metrics).await.map_err(StartError::new)?;
        let store: DynStore = whole.clone();
        let unused = config.unused_dir.clone();
        let started = Self::start_over(whole, config, metrics).await;
        if started.is_err() {
            store.close().await;
        } else if let Some(dir) = unused {
            tell_who_is_not_served(dir, &store).await;
        }
        started
    }

    /// Where everything is kept, for people: the folder, or the address without any secret.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// The origins of other pages that are let in, to be replaced while it runs.
    pub fn allowed_origins(&self) -> AllowedOrigins {
        self.http.allowed_origins()
    }

    /// Whether nobody had an account when it started.
    pub fn is_unused(&self) -> bool {
        self.is_unused
    }

    async fn start_over(
        store: WholeStore,
        config: Config,
        metrics: Arc<Metrics>,
    ) -> Result<Self, StartError> {
        let secrets = match &config.jwt_secrets {
            Some(secrets) => secrets
                .iter()
                .map(|secret| secret.expose_secret().to_owned())
                .collect(),
            None => vec![
                store
                    .signing_secret(&fresh_secret())
                    .await
                    .map_err(unready)?,
            ],
        };
        let mut limits = config.limits.clone();
        limits.shutdown = limits.shutdown.saturating_sub(CLOSING);
        let place = store.place().to_owned();
        let is_unused = store.count_users().await.map_err(unready)? == 0;
        let operators = match &config.store {
            StoreConfig::Embedded { dir } => hear_operators(dir),
            StoreConfig::Mongo { .. } => None,
        };
        let chat = Chat::start(Parts {
            store: store.clone(),
            metrics: metrics.clone(),
            secrets,
            session_ttl: config.session_ttl,
            bcrypt_cost: config.bcrypt_cost,
            signup_open: config.signup_open,
            avatar_hosts: config.avatar_hosts.clone(),
            rate_limits: config.rate_limits,
            limits: limits.clone(),
        })
        .await
        .map_err(unready)?;
        let api = Api::new(chat.clone(), metrics.clone(), config.introspection);
        let stopping = CancellationToken::new();
        let http = Http::new(
            api,
            metrics,
            &config.avatar_hosts,
            config.http,
            stopping.clone(),
        );
        let operators = operators.map(|socket| {
            let desk = Desk::beside(chat.clone(), store);
            AbortOnDropHandle::new(tokio::spawn(socket.serve(desk, stopping.clone())))
        });
        Ok(Self {
            chat,
            http,
            place,
            is_unused,
            limits,
            stopping,
            operators,
        })
    }

    /// Listens on an address.
    ///
    /// # Errors
    /// One line that names the address.
    pub fn listen(address: SocketAddr) -> Result<TcpListener, StartError> {
        http::listen(address)
            .map_err(|error| StartError::new(format!("cannot listen on {address}: {error}")))
    }

    /// Serves until `shutdown` completes; then lets requests and operations under way finish, closes sockets with
    /// 1001, and the store, all in the time that is set for that.
    ///
    /// # Errors
    /// One line that says why it could not go on serving; it has stopped then.
    pub fn run(
        self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> BoxFuture<'static, Result<(), RunError>> {
        self.run_until(listener, Box::pin(shutdown))
    }

    fn run_until(
        self,
        listener: TcpListener,
        shutdown: BoxFuture<'static, ()>,
    ) -> BoxFuture<'static, Result<(), RunError>> {
        Box::pin(self.serve_until(listener, shutdown))
    }

    async fn serve_until(
        self,
        listener: TcpListener,
        shutdown: BoxFuture<'static, ()>,
    ) -> Result<(), RunError> {
        let Self {
            chat,
            http,
            limits,
            stopping,
            operators,
            ..
        } = self;
        let served = http::serve(listener, http.router(), &limits, stopping.clone());
        tokio::pin!(served);
        let (outcome, serves) = tokio::select! {
            () = served.as_mut() => (Ok(()), false),
            () = shutdown => (Ok(()), true),
            reason = chat.failed() => (Err(RunError(reason)), true),
        };
        let until = Instant::now() + limits.shutdown + CLOSING;
        stopping.cancel();
        let served = async {
            if serves {
                served.await;
            }
        };
        let heard = async {
            if let Some(operators) = operators
                && timeout_at(until, operators).await.is_err()
            {
                tracing::warn!("stopped while an operator's order was carried out");
            }
        };
        tokio::join!(served, http.sockets_closed(), heard);
        // What takes longer than that waits for a store that does not answer: the next start makes up for it.
        let closing = until.max(Instant::now() + CLOSING);
        if timeout_at(closing, chat.stop()).await.is_err() {
            tracing::warn!(
                "stopped before all was written that follows from what was acknowledged"
            );
        }
        outcome
    }
}

async fn open(config: &Config, metrics: &Arc<Metrics>) -> Result<WholeStore, OpenError> {
    let metrics = metrics.clone();
    let observer: Observer =
        Arc::new(move |call, ended| metrics.store_call(call, ended.took, ended.failed));
    open_store(&config.store, config.store_limits, observer).await
}

/// Opens a store.
///
/// # Errors
/// One line that names where it is.
pub async fn open_store(
    config: &StoreConfig,
    limits: StoreLimits,
    observer: Observer,
) -> Result<WholeStore, OpenError> {
    Ok(match config {
        StoreConfig::Embedded { dir } => {
            Arc::new(store::embedded::EmbeddedStore::open(dir, limits, observer).await?)
        }
        StoreConfig::Mongo { uri } => {
            Arc::new(store::mongo::open(uri.expose_secret(), limits, observer).await?)
        }
    })
}

/// The socket file for operators; that there is none is no reason not to serve.
fn hear_operators(dir: &Path) -> Option<Socket> {
    let opened = Socket::open(dir);
    opened
        .inspect_err(|error| {
            tracing::warn!(%error, "`chinwag admin` works only while this server does not run");
        })
        .ok()
}

/// One warning when a folder holds people who cannot sign in any more since another store serves. Whatever is wrong with
/// the folder is no reason not to start.
async fn tell_who_is_not_served(dir: PathBuf, store: &DynStore) {
    let shown = dir.display().to_string();
    let looking = tokio::task::spawn_blocking(move || Unopened::look(&dir));
    let found = match tokio::time::timeout(PATIENCE_FOR_UNUSED, looking).await {
        Ok(Ok(found)) => found,
        Ok(Err(error)) => Err(error.to_string()),
        Err(late) => Err(late.to_string()),
    };
    match found {
        Ok(Some(unopened)) if unopened.has_users() => {
            let serving = store.place();
            let served = store.count_users().await;
            let served = served.map_or_else(|_| "?".to_owned(), |count| count.to_string());
            tracing::warn!(
                "{shown} (DATA_DIR) holds an embedded store that is not served: users there: {unopened}; users in \
                 {serving}, which serves: {served}. To serve the folder again, unset MONGODB_URI and start anew; to \
                 move its users and messages into MongoDB, see `chinwag export --help`."
            );
        }
        Ok(_) => {}
        Err(reason) => tracing::debug!(reason, "what lies in the unused DATA_DIR cannot be read"),
    }
}

/// 256 bits as text, of a cryptographic generator that the operating system has seeded.
fn fresh_secret() -> String {
    format!(
        "{:032x}{:032x}",
        rand::random::<u128>(),
        rand::random::<u128>()
    )
}

fn unready(error: Error) -> StartError {
    let reason = match &error {
        // Their texts are for whoever starts the server, their sentences for its users.
        Error::Unavailable(detail) | Error::Internal(detail) => format!("{detail}."),
        other => other.to_string(),
    };
    StartError::new(format!("cannot start: {reason}"))
}
