//! Settings from flags, the environment and files.

mod command;
mod declared;
mod files;
mod told;
mod unreadable;
mod values;

use std::{ffi::OsString, net::IpAddr, path::PathBuf, time::Duration};

use clap::{FromArgMatches, Parser, ValueEnum, parser::ValueSource};
use secrecy::SecretString;

use crate::{
    app::{Config, StoreConfig},
    domain::{AvatarHost, AvatarHosts, Limits},
    http::{AllowedOrigin, HttpSettings, MetricsAccess},
    store::StoreLimits,
};

pub use command::{
    AdminOrder, AdminTask, BackupOrder, CheckOrder, Command, ExportOrder, HealthOrder, ImportOrder,
    RestoreOrder, Source,
};
use files::Files;
pub use told::Told;
pub use unreadable::Unreadable;
use unreadable::Wrong;
pub use values::LogFilter;
use values::{
    host, jwt_secret, log_filter, metrics_token, mongodb_uri, network, number, session_ttl,
};

/// A self-hosted chat backend that speaks GraphQL.
///
/// Without settings it serves on <http://127.0.0.1:4000> and keeps everything in ./data. Each flag can be given as an
/// environment variable instead, with `CHINWAG_` before its name or without, or in a settings file, as `port = 4000`. A
/// flag wins over the environment, there `CHINWAG_PORT` wins over `PORT`, and both win over the file.
#[derive(Parser)]
#[command(name = "chinwag", version, disable_help_subcommand = true)]
pub struct Settings {
    /// Something else to do than to serve.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// File of further settings (TOML), named as the flags are
    #[arg(long, env, global = true, value_name = "FILE", hide_env_values = true)]
    pub config: Option<PathBuf>,
    /// Address to listen on, or a name that stands for one
    #[arg(long, env, global = true, default_value = "127.0.0.1", value_parser = host, hide_env_values = true)]
    pub host: IpAddr,
    /// Port to listen on; 0 picks a free one and prints it
    #[arg(long, env, global = true, default_value_t = 4000, value_parser = number(0..=u16::MAX), hide_env_values = true)]
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
    #[arg(long, env, value_delimiter = ',', value_parser = jwt_secret, hide_env_values = true)]
    pub jwt_secret: Vec<SecretString>,
    /// How long a sign-in lasts, such as 15d, 12h or 30m
    #[arg(long, env, default_value = "15d", value_parser = session_ttl, hide_env_values = true)]
    pub session_ttl: Duration,
    /// Work of a password hash, 10 to 15; each step doubles it
    #[arg(long, env, global = true, default_value_t = 12, value_parser = number(10..=15_u32), hide_env_values = true)]
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
    /// What was told of each setting, for the log.
    #[arg(skip)]
    pub told: Told,
    /// What is to be warned of once there is a log.
    #[arg(skip)]
    pub warning: Option<String>,
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
    /// Reads flags, the environment and files.
    ///
    /// # Errors
    /// [`Unreadable`], which says what to print and how to exit.
    pub fn read(args: impl IntoIterator<Item = OsString>) -> Result<Self, Unreadable> {
        let args = args.into_iter().collect::<Vec<_>>();
        let command = declared::command();
        let mut files = Files::default();
        let read = Self::read_over(&mut files, &command, &args);
        read.map_err(|reason| {
            let command = files.under(&command);
            reason.told(&files, &command, declared::log_format(&command, &args))
        })
    }

    /// Each round knows what the one before it found. What is wrong with flags and variables is found before any file is
    /// opened, so later on it is a file's value that cannot be read.
    fn read_over(
        files: &mut Files,
        command: &clap::Command,
        args: &[OsString],
    ) -> Result<Self, Wrong> {
        let matches = |files: &Files| files.under(command).try_get_matches_from(args);
        let mut found = matches(files)?;
        let mut warning = None;
        if let Some(path) = found.get_one::<PathBuf>("config") {
            warning = files.read_settings(path, command)?;
            found = matches(files)?;
        }
        files.read_secrets(command, &found)?;
        found = matches(files)?;
        let mut settings = Self::from_arg_matches(&found)?;
        settings.told = Told::of(command, &found);
        settings.warning = warning;
        // Whoever gives a command looks at what it prints, not at a log.
        let is_told =
            found.value_source("log") != Some(ValueSource::DefaultValue) || files.say("log");
        if settings.command.is_some() && !is_told {
            settings.log = LogFilter("warn,chinwag::admin=info".to_owned());
        }
        Ok(settings)
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
            jwt_secrets: (!self.jwt_secret.is_empty()).then(|| self.jwt_secret.clone()),
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
