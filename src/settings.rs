//! Settings from flags and the environment.

use std::{ffi::OsString, fmt, net::IpAddr, path::PathBuf, time::Duration};

use clap::{Parser, Subcommand, ValueEnum, error::ErrorKind};
use secrecy::{ExposeSecret, SecretString};

use crate::{
    app::{Config, StoreConfig},
    domain::{AvatarHost, AvatarHosts, Limits},
    http::{AllowedOrigin, HttpSettings},
    store::StoreLimits,
};

/// A self-hosted chat backend that speaks GraphQL.
///
/// Without settings it serves on <http://127.0.0.1:4000> and keeps everything in ./data. Each flag can be given as an
/// environment variable instead; a flag wins.
#[derive(Parser)]
#[command(name = "chinwag", version, disable_help_subcommand = true)]
pub struct Settings {
    /// Something else to do than to serve.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Address to listen on
    #[arg(long, env, default_value = "127.0.0.1", hide_env_values = true)]
    pub host: IpAddr,
    /// Port to listen on; 0 picks a free one and prints it
    #[arg(long, env, default_value_t = 4000, hide_env_values = true)]
    pub port: u16,
    /// MongoDB that keeps everything; without it, an embedded store does [default database: chinwag]
    #[arg(long, env, value_parser = secret, hide_env_values = true)]
    pub mongodb_uri: Option<SecretString>,
    /// Folder of the embedded store; made when it is not there
    #[arg(long, env, default_value = "./data", hide_env_values = true)]
    pub data_dir: PathBuf,
    /// Secrets that sign sessions, at least 32 bytes each, separated by commas: the first signs, all verify; without
    /// it, one is made and kept with the data
    #[arg(long, env, value_parser = jwt_secrets, hide_env_values = true)]
    pub jwt_secret: Option<SecretString>,
    /// How long a sign-in lasts, such as 15d, 12h or 30m
    #[arg(long, env, default_value = "15d", value_parser = session_ttl, hide_env_values = true)]
    pub session_ttl: Duration,
    /// Work of a password hash, 10 to 15; each step doubles it
    #[arg(long, env, default_value_t = 12, value_parser = clap::value_parser!(u32).range(10..=15), hide_env_values = true)]
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
    /// Whether anyone may sign up
    #[arg(long, env, value_enum, default_value_t = Signup::Open, hide_env_values = true)]
    pub signup: Signup,
    /// Hosts that avatars may name and whose pictures the chat page loads, separated by commas, such as
    /// pics.example.org or *.example.org; * for any; without it, avatars may name every host, and the page loads none
    #[arg(long, env, value_delimiter = ',', hide_env_values = true)]
    pub avatar_hosts: Vec<AvatarHost>,
    /// What is logged: a level (error, warn, info, debug, trace) or tracing directives
    #[arg(long, env, default_value = "info", value_parser = log_filter, hide_env_values = true)]
    pub log: String,
    /// How it is logged
    #[arg(long, env, value_enum, default_value_t = LogFormat::Text, hide_env_values = true)]
    pub log_format: LogFormat,
}

/// What else the program can do.
#[derive(Subcommand)]
pub enum Command {
    /// Print the GraphQL schema
    Schema,
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
        Self::try_parse_from(args).map_err(|error| Unreadable::from_clap(&error))
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
                public_metrics: on(self.public_metrics),
            },
            limits: Limits::default(),
            store_limits: StoreLimits::default(),
        }
    }
}

/// Why settings gave nothing to run with.
#[derive(Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// Help or the version was asked for: print it and exit with 0.
    Asked(String),
    /// Something is wrong: print this one line on stderr and exit with 1.
    Wrong(String),
}

impl Unreadable {
    /// One line that names the setting; its value is left out, as it may be a secret.
    fn from_clap(error: &clap::Error) -> Self {
        use clap::error::{ContextKind, ContextValue};
        if matches!(
            error.kind(),
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
        ) {
            return Self::Asked(error.render().to_string());
        }
        let name = match error.get(ContextKind::InvalidArg) {
            Some(ContextValue::String(name)) => name.clone(),
            Some(ContextValue::Strings(names)) => names.join(", "),
            _ => String::new(),
        };
        let flag = name.split_whitespace().next().unwrap_or_default();
        let variable = flag
            .trim_start_matches('-')
            .replace('-', "_")
            .to_uppercase();
        let reason = std::error::Error::source(error).map(ToString::to_string);
        Self::Wrong(match error.kind() {
            ErrorKind::UnknownArgument if flag.starts_with("--") => {
                format!("there is no setting {}", before_value(flag))
            }
            ErrorKind::UnknownArgument | ErrorKind::InvalidSubcommand => {
                "there is no such command; see --help".into()
            }
            ErrorKind::InvalidValue if reason.is_none() && flag.starts_with("--") => {
                match error.get(ContextKind::ValidValue) {
                    Some(ContextValue::Strings(valid)) if !valid.is_empty() => {
                        format!(
                            "{flag} (or {variable}) must be one of: {}",
                            valid.join(", ")
                        )
                    }
                    _ => format!("{flag} (or {variable}) needs a value"),
                }
            }
            ErrorKind::ArgumentConflict => format!("{flag} was given more than once"),
            _ => {
                let reason = reason.unwrap_or_else(|| "its value cannot be read".into());
                format!("{flag} (or {variable}) is wrong: {reason}")
            }
        })
    }
}

/// An unknown flag may have come with a value that is nobody's business.
fn before_value(flag: &str) -> &str {
    flag.split('=').next().unwrap_or_default()
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Asked(text) => f.write_str(text),
            Self::Wrong(reason) => write!(f, "chinwag: {reason}"),
        }
    }
}

#[expect(clippy::unnecessary_wraps, reason = "a value parser")]
fn secret(text: &str) -> Result<SecretString, String> {
    Ok(SecretString::from(text.to_owned()))
}

fn jwt_secrets(text: &str) -> Result<SecretString, String> {
    if text.split(',').any(|one| one.trim().len() < 32) {
        return Err("a secret has at least 32 bytes".into());
    }
    Ok(SecretString::from(text.to_owned()))
}

fn session_ttl(text: &str) -> Result<Duration, String> {
    let most = Duration::from_hours(87600);
    match humantime::parse_duration(text) {
        Ok(ttl) if ttl >= Duration::from_secs(1) && ttl <= most => Ok(ttl),
        Ok(_) => Err("it is between 1s and 10 years".into()),
        Err(_) => Err("it is a span such as 15d, 12h or 30m".into()),
    }
}

fn network(text: &str) -> Result<ipnet::IpNet, String> {
    let text = text.trim();
    let address = || text.parse::<IpAddr>().map(ipnet::IpNet::from);
    text.parse::<ipnet::IpNet>()
        .or_else(|_| address())
        .map_err(|_| "it is a list of addresses or networks".into())
}

fn log_filter(text: &str) -> Result<String, String> {
    match text.parse::<tracing_subscriber::filter::EnvFilter>() {
        Ok(_) if !text.trim().is_empty() => Ok(text.to_owned()),
        _ => Err("it is a level, or tracing directives".into()),
    }
}
