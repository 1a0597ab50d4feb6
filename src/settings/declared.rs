//! What holds for all settings at once, taken from their declarations.

use std::{any::TypeId, env, ffi::OsString, net::IpAddr, path::PathBuf, time::Duration};

use clap::{Arg, ArgMatches, Command, CommandFactory, parser::ValueSource};

use super::{LogFilter, LogFormat, Settings, Signup, Switch};
use crate::{domain::AvatarHost, http::AllowedOrigin};

/// May stand before a variable's name, for where another program reads the short one.
const PREFIX: &str = "CHINWAG_";

/// The command line, with the prefixed variables where they are set.
pub(super) fn command() -> Command {
    Settings::command().mut_args(|setting| {
        let prefixed = setting.get_env().map(|short| {
            let mut name = OsString::from(PREFIX);
            name.push(short);
            name
        });
        match prefixed.filter(|name| env::var_os(name).is_some()) {
            Some(name) => setting.env(name),
            None => setting,
        }
    })
}

/// How to log, where the other settings cannot be read.
pub(super) fn log_format(command: &Command, args: &[OsString]) -> LogFormat {
    const ITSELF: &str = "log_format";
    let any = clap::value_parser!(OsString);
    let lenient = command.clone().ignore_errors(true).mut_args(|setting| {
        if setting.get_id() == ITSELF {
            setting
        } else {
            setting.value_parser(any.clone())
        }
    });
    let matches = lenient.try_get_matches_from(args).ok();
    let read = matches.and_then(|matches| matches.try_get_one(ITSELF).ok()?.copied());
    read.unwrap_or(LogFormat::Text)
}

/// The settings that differ from their defaults, as `PORT=8080 JWT_SECRET=(set)`.
pub(super) fn changed(command: &Command, matches: &ArgMatches) -> String {
    let changed = command.get_arguments().filter_map(|setting| {
        let id = setting.get_id().as_str();
        let source = matches.value_source(id)?;
        let given = matches.get_raw(id)?.collect::<Vec<_>>();
        if source == ValueSource::DefaultValue || given == setting.get_default_values() {
            return None;
        }
        let name = setting.get_env()?.to_string_lossy();
        let name = name.strip_prefix(PREFIX).unwrap_or(&name);
        if !is_plain(setting) {
            return Some(format!("{name}=(set)"));
        }
        let given = given.iter().map(|value| value.to_string_lossy());
        let given = given.collect::<Vec<_>>().join(",");
        Some(format!("{name}={}", given.escape_debug()))
    });
    changed.collect::<Vec<_>>().join(" ")
}

/// Whether a setting's values are of a type that holds no secret. What is not known to is not shown.
fn is_plain(setting: &Arg) -> bool {
    let plain = [
        TypeId::of::<AllowedOrigin>(),
        TypeId::of::<AvatarHost>(),
        TypeId::of::<Duration>(),
        TypeId::of::<IpAddr>(),
        TypeId::of::<ipnet::IpNet>(),
        TypeId::of::<LogFilter>(),
        TypeId::of::<LogFormat>(),
        TypeId::of::<PathBuf>(),
        TypeId::of::<Signup>(),
        TypeId::of::<Switch>(),
        TypeId::of::<u16>(),
        TypeId::of::<u32>(),
    ];
    let kept = setting.get_value_parser().type_id();
    plain.iter().any(|plain| kept == *plain)
}
