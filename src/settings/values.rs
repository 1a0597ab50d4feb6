//! How the settings' values are read. What an error says must not quote the value, which may be a secret.

use std::{
    fmt::Display,
    net::{IpAddr, ToSocketAddrs},
    ops::RangeInclusive,
    str::FromStr,
    time::Duration,
};

use secrecy::SecretString;
use tracing_subscriber::filter::{EnvFilter, LevelFilter};

use crate::store::mongo;

/// What is logged: a level, or tracing directives.
#[derive(Clone, Debug)]
pub struct LogFilter(pub String);

/// An address, or the one that a name stands for; of several one of IPv4, as `localhost` has both.
pub(super) fn host(text: &str) -> Result<IpAddr, String> {
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    let found = match text {
        "" => None,
        // Asked of the system, before there is a runtime that it could keep waiting.
        name => (name, 0).to_socket_addrs().ok().and_then(|found| {
            found
                .map(|address| address.ip())
                .min_by_key(IpAddr::is_ipv6)
        }),
    };
    found.ok_or_else(|| "it is neither an address nor a name that resolves to one".into())
}

/// A number of a range.
pub(super) fn number<Number: FromStr + PartialOrd + Display + Clone>(
    range: RangeInclusive<Number>,
) -> impl Fn(&str) -> Result<Number, String> + Clone {
    move |text| {
        let number = text.parse().ok().filter(|number| range.contains(number));
        number.ok_or_else(|| format!("it is a number from {} to {}", range.start(), range.end()))
    }
}

pub(super) fn mongodb_uri(text: &str) -> Result<SecretString, String> {
    if mongo::is_connection_string(text) {
        Ok(SecretString::from(text.to_owned()))
    } else {
        Err("it is no connection string (mongodb://host:port/database)".into())
    }
}

pub(super) fn jwt_secret(text: &str) -> Result<SecretString, String> {
    let text = text.trim();
    if text.len() < 32 {
        return Err("a secret has at least 32 bytes".into());
    }
    Ok(SecretString::from(text.to_owned()))
}

/// What a header can carry behind `Bearer`, and a program reads as it stands.
pub(super) fn metrics_token(text: &str) -> Result<SecretString, String> {
    if text.len() < 16 || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("it has at least 16 characters, of ASCII and without spaces".into());
    }
    Ok(SecretString::from(text.to_owned()))
}

pub(super) fn session_ttl(text: &str) -> Result<Duration, String> {
    let most = Duration::from_hours(87600);
    match humantime::parse_duration(text) {
        Ok(ttl) if ttl >= Duration::from_secs(1) && ttl <= most => Ok(ttl),
        Ok(_) => Err("it is between 1s and 10 years".into()),
        Err(_) => Err("it is a span such as 15d, 12h or 30m".into()),
    }
}

pub(super) fn network(text: &str) -> Result<ipnet::IpNet, String> {
    let text = text.trim();
    let address = || text.parse::<IpAddr>().map(ipnet::IpNet::from);
    text.parse::<ipnet::IpNet>()
        .or_else(|_| address())
        .map_err(|_| "it is a list of addresses or networks".into())
}

/// A word without `=` is a level: that it could be a target too would let a misspelt level pass.
pub(super) fn log_filter(text: &str) -> Result<LogFilter, String> {
    let is_directive = |part: &str| {
        part.contains(['=', '[']) || part.parse::<LevelFilter>().is_ok_and(|_| !part.is_empty())
    };
    if text.split(',').map(str::trim).all(is_directive) && text.parse::<EnvFilter>().is_ok() {
        Ok(LogFilter(text.to_owned()))
    } else {
        let levels = "error, warn, info, debug, trace or off";
        Err(format!(
            "it is a level ({levels}), or directives such as info,hyper=debug"
        ))
    }
}
