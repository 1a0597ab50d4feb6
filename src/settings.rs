//! Settings from flags and the environment.

mod command;
mod declared;
mod unreadable;
mod values;

use std::{ffi::OsString, net::IpAddr, path::PathBuf, time::Duration};

use clap::{FromArgMatches, Parser, ValueEnum, parser::ValueSource};
use secrecy::{ExposeSecret, SecretString};

use crate::{
    app::{Config, StoreConfig},
    domain::{AvatarHost, AvatarHosts, Limits},
    http::{AllowedOrigin, HttpSettings, MetricsAccess},
    store::StoreLimits,
};

pub use command::{
    AdminOrder, AdminTask, BackupOrder, CheckOrder, Command, ExportOrder, ImportOrder,
    RestoreOrder, Source,
};
pub use unreadable::Unreadable;
pub use values::LogFilter;
use values::{host, jwt_secrets, log_filter, metrics_token, mongodb_uri, network, session_ttl};

/// A self-hosted chat backend that speaks GraphQL.
///
/// Without settings it serves on <http://127.0.0.1:4000> and keeps everything in ./data. Each flag can be given as an
/// environment variable instead, with `CHINWAG_` before its name or without: `CHINWAG_PORT` wins over `PORT`, and a flag
/// over both.
#[derive(Parser)]
#[command(name = "chinwag", version, disable_help_subcommand = true)]
pub struct Settings {
    /// Something else to do than to serve.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Address to listen on, or a name that stands for one
    #[arg(long, env, default_value = "127.0.0.1", value_parser = host, hide_env_values = true)]
    pub host: IpAddr,
    /// Port to listen on; 0 picks a free one and prints it
    #[arg(long, env, default_value_t = 4000, hide_env_values = true)]
    pub port: u16,
    /// MongoDB that keeps everything; without it, an embedded store does [default database: chinwag]
    #[arg(long, env, global = true, value_parser = mongodb_uri, hide_env_values = true)]
    pub mongodb_uri: Option<SecretString>,
    /// Folder of the embedded store; made when it is not there
    #[arg(
        long,
        env,
        global = true,
        default_value = "./data",
        hide_env_values = true
    )]
    pub data_dir: PathBuf,
    /// Secrets that sign sessions, at least 32 bytes each, separated by commas: the first signs, all verify; without
    /// it, one is made and kept with the data
    #[arg(long, env, value_parser = jwt_secrets, hide_env_values = true)]
    pub jwt_secret: Option<SecretString>,
    /// How long a sign-in lasts, such as 15d, 12h or 30m
    #[arg(long, env, default_value = "15d", value_parser = session_ttl, hide_env_values = true)]
    pub session_ttl: Duration,
    /// Work of a password hash, 10 to 15; each step doubles it
    #[arg(long, env, global = true, default_value_t = 12, value_parser = clap::value_parser!(u32).range(10..=15), hide_env_values = true)]
    pub bcrypt_cost: u32,
    /// Origins of web pages, besides this server's own, that may use it with cookies, separated by commas
    #[arg(long, env, value_delimiter = ',', hide_env_values = true)]
    pub allowed_origins: Vec<AllowedOrigin>,
    /// Whether cookies are for https only
    #[arg(long, env, value_enum, default_value_t = Switch::Off, hide_env_values = true)]
    pub secure_cookies: Switch,
    /// Addresses or networks of proxies whose X-Forwarded-For and X-Forwarded-Proto are believed, separated by commas
    #[arg(long, env, value_delimiter = ',', value_parser = network, hide_env_values = true)]
    pub trusted_proxies: Vec<ipnet::IpNet>,
    /// Whether the schema can be asked for; off also hides GraphiQL
    #[arg(long, env, value_enum, default_value_t = Switch::On, hide_env_values = true)]
    pub introspection: Switch,
    /// Whether logins, signups and sends are limited in rate
    #[arg(long, env, value_enum, default_value_t = Switch::On, hide_env_values = true)]
    pub rate_limits: Switch,
    /// Whether /metrics answers other machines too
    #[arg(long, env, value_enum, default_value_t = Switch::Off, hide_env_values = true)]
    pub public_metrics: Switch,
    /// What another machine needs to read /metrics, at least 16 characters: it sends `Authorization: Bearer TOKEN`
    #[arg(long, env, value_parser = metrics_token, hide_env_values = true)]
    pub metrics_token: Option<SecretString>,
    /// Whether anyone may sign up
    #[arg(long, env, value_enum, default_value_t = Signup::Open, hide_env_values = true)]
    pub signup: Signup,
    /// Hosts that avatars may name and whose pictures the chat page loads, separated by commas, such as
    /// pics.example.org or *.example.org; * for any; without it, avatars may name every host, and the page loads none
    #[arg(long, env, value_delimiter = ',', hide_env_values = true)]
    pub avatar_hosts: Vec<AvatarHost>,
    /// What is logged: a level (error, warn, info, debug, trace, off) or tracing directives
    #[arg(long, env, global = true, default_value = "info", value_parser = log_filter, hide_env_values = true)]
    pub log: LogFilter,
    /// How it is logged
    #[arg(long, env, global = true, value_enum, default_value_t = LogFormat::Text, hide_env_values = true)]
    pub log_format: LogFormat,
    /// The settings that are not as they are by default, for the log.
    #[arg(skip)]
    pub changed: String,
}

/// On or off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Switch {
    On,
    Off,
}

/// Who may make an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Signup {
    Open,
    Closed,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    Text,
    Json,
}

impl Settings {
    /// Reads flags and the environment.
    ///
    /// # Errors
    /// [`Unreadable`], which says what to print and how to exit.
    pub fn read(args: impl IntoIterator<Item = OsString>) -> Result<Self, Unreadable> {
        let args = args.into_iter().collect::<Vec<_>>();
        let mut command = declared::command();
        let matches = command.try_get_matches_from_mut(&args);
        let read = matches.and_then(|matches| {
            let mut settings = Self::from_arg_matches(&matches)?;
            settings.changed = declared::changed(&command, &matches);
            // Whoever gives a command looks at what it prints, not at a log.
            if settings.command.is_some()
                && matches.value_source("log") == Some(ValueSource::DefaultValue)
            {
                settings.log = LogFilter("warn,chinwag::admin=info".to_owned());
            }
            Ok(settings)
        });
        read.map_err(|error| {
            let log_format = declared::log_format(&command, &args);
            Unreadable::from_clap(&error, &command, log_format)
        })
    }

    /// What the app is made of.
    pub fn config(&self) -> Config {
        let on = |switch: Switch| switch == Switch::On;
        Config {
            store: match &self.mongodb_uri {
                Some(uri) => StoreConfig::Mongo { uri: uri.clone() },
                None => StoreConfig::Embedded {
                    dir: self.data_dir.clone(),
                },
            },
            unused_dir: self.mongodb_uri.as_ref().map(|_| self.data_dir.clone()),
            jwt_secrets: self.jwt_secret.as_ref().map(|all| {
                all.expose_secret()
                    .split(',')
                    .map(|one| SecretString::from(one.trim().to_owned()))
                    .collect()
            }),
            session_ttl: self.session_ttl,
            bcrypt_cost: self.bcrypt_cost,
            signup_open: self.signup == Signup::Open,
            avatar_hosts: AvatarHosts(self.avatar_hosts.clone()),
            introspection: on(self.introspection),
            rate_limits: on(self.rate_limits),
            http: HttpSettings {
                allowed_origins: self.allowed_origins.clone(),
                trusted_proxies: self.trusted_proxies.clone(),
                secure_cookies: on(self.secure_cookies),
                graphiql: on(self.introspection),
                metrics: MetricsAccess {
                    public: on(self.public_metrics),
                    token: self.metrics_token.clone(),
                },
            },
            limits: Limits::default(),
            store_limits: StoreLimits::default(),
        }
    }
}
