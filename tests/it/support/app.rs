//! The real server in this process, on a port of its own.

use std::net::{Ipv4Addr, SocketAddr};

use chinwag::app::{App, Config, RunError, StoreConfig};
use secrecy::SecretString;
use tokio::{sync::oneshot, task::JoinHandle};

use super::{
    client::Client,
    eventually, mongod,
    store::{StoreKind, TempDir},
    ws::Ws,
};

/// A running server. Dropping it stops it without waiting; [`TestApp::stop`] waits.
pub struct TestApp {
    pub address: SocketAddr,
    pub place: Place,
    stop: Option<oneshot::Sender<()>>,
    running: JoinHandle<Result<(), RunError>>,
}

/// Where a server keeps everything; survives the server, so that another can be started there.
pub struct Place {
    pub store: StoreConfig,
    _dir: Option<TempDir>,
}

impl Place {
    /// A database that someone else looks after.
    pub fn mongo(uri: &str) -> Self {
        let uri = SecretString::from(uri);
        Self::from(StoreConfig::Mongo { uri })
    }

    /// An empty one.
    pub async fn fresh(kind: StoreKind) -> Self {
        match kind {
            StoreKind::Embedded => {
                let dir = TempDir::new();
                let store = StoreConfig::Embedded {
                    dir: dir.path().to_owned(),
                };
                Self {
                    store,
                    _dir: Some(dir),
                }
            }
            StoreKind::Mongo => {
                let mongod = mongod::shared().await.expect("a mongod");
                let uri = mongod.uri_for(&mongod::fresh_database());
                Self {
                    store: StoreConfig::Mongo {
                        uri: SecretString::from(uri),
                    },
                    _dir: None,
                }
            }
        }
    }
}

impl From<StoreConfig> for Place {
    /// One that someone else looks after.
    fn from(store: StoreConfig) -> Self {
        Self { store, _dir: None }
    }
}

impl TestApp {
    /// A server on an empty store, with cheap passwords and no rate limits.
    pub async fn start(kind: StoreKind) -> Self {
        Self::with(kind, |_| {}).await
    }

    /// The same, set up further.
    pub async fn with(kind: StoreKind, set_up: impl FnOnce(&mut Config)) -> Self {
        Self::at(Place::fresh(kind).await, set_up).await
    }

    /// A server on what an earlier one left.
    pub async fn at(place: Place, set_up: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::new(place.store.clone());
        config.bcrypt_cost = 4;
        config.rate_limits = false;
        set_up(&mut config);
        let app = App::start(config).await.expect("the server starts");
        let listener =
            App::listen(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).expect("a free port");
        let address = listener.local_addr().expect("an address");
        let (stop, stopped) = oneshot::channel::<()>();
        let running = tokio::spawn(app.run(listener, async move {
            // Dropped or sent, both mean stop.
            let _ = stopped.await;
        }));
        Self {
            address,
            place,
            stop: Some(stop),
            running,
        }
    }

    /// Another server process' stand-in on the same MongoDB.
    pub async fn beside(&self, set_up: impl FnOnce(&mut Config)) -> Self {
        Self::at(self.place.store.clone().into(), set_up).await
    }

    /// Tells the server to stop and waits until it has.
    pub async fn stop(mut self) -> Place {
        self.stop.take();
        let ended = (&mut self.running).await.expect("the server ends");
        ended.expect("it could serve until then");
        self.place
    }

    /// Tells the server to stop without waiting.
    pub fn begin_stop(&mut self) {
        self.stop.take();
    }

    /// The address of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Someone who is not signed in.
    pub fn anonymous(&self) -> Client {
        Client::new(self.url("/graphql"))
    }

    /// Someone who just signed up, by this name, with the password "password1".
    pub async fn user(&self, username: &str) -> Client {
        self.anonymous().sign_up(username).await
    }

    /// What `/metrics` says of a gauge or counter without labels.
    pub async fn metric(&self, name: &str) -> f64 {
        let page = self
            .anonymous()
            .raw(reqwest::Method::GET, &self.url("/metrics"))
            .send()
            .await
            .expect("an answer");
        let page = page.text().await.expect("a text");
        page.lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))
            .unwrap_or_else(|| panic!("there is no {name} in {page}"))
            .parse()
            .expect("a number")
    }

    /// Waits until a metric has this value.
    pub async fn metric_becomes(&self, name: &str, value: f64) {
        eventually(&format!("{name} is {value}"), async || {
            (self.metric(name).await - value).abs() < f64::EPSILON
        })
        .await;
    }

    /// A socket that was greeted with this person's token.
    pub async fn socket(&self, client: &Client) -> Ws {
        let mut socket = Ws::open(self.address).await;
        socket
            .init(serde_json::json!({ "token": client.token }))
            .await;
        socket
    }
}

/// A server in a runtime of its own, which can die without a word.
pub struct Mortal {
    pub app: TestApp,
    runtime: Option<tokio::runtime::Runtime>,
}

impl Mortal {
    /// One on what is kept there.
    pub async fn start(
        store: StoreConfig,
        set_up: impl FnOnce(&mut Config) + Send + 'static,
    ) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("a runtime");
        let starting = runtime.spawn(TestApp::at(store.into(), set_up));
        Self {
            app: starting.await.expect("the server starts"),
            runtime: Some(runtime),
        }
    }

    /// Ends all that runs in it, wherever it stands.
    pub fn kill(self) {
        drop(self);
    }
}

impl Drop for Mortal {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
