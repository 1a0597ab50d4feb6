//! What holds for all settings at once, taken from their declarations.

use std::{any::TypeId, env, ffi::OsString, net::IpAddr, path::PathBuf, time::Duration};

use clap::{Arg, Command, CommandFactory};

use super::{LogFilter, LogFormat, Settings, Signup, Switch};
use crate::{domain::AvatarHost, http::AllowedOrigin};

/// May stand before a variable's name, for where another program reads the short one.
const PREFIX: &str = "CHINWAG_";

/// Names the file that others of the settings may come from, so it cannot come from there itself.
const SETTINGS_FILE: &str = "config";

/// The command line: each secret may be in a file of its own, and the prefixed variables hold where they are set.
pub(super) fn command() -> Command {
    let mut place = 0;
    let command = Settings::command().mut_args(|setting| {
        place += 2;
        setting.display_order(place)
    });
    let files = command
        .get_arguments()
        .filter_map(file_of)
        .collect::<Vec<_>>();
    command.args(files).mut_args(|setting| {
        if setting.get_env().is_none() {
            return setting;
        }
        // A secret may begin with a hyphen, and a number that must not is to be told of as a value.
        let is_path = setting.get_value_parser().type_id() == TypeId::of::<PathBuf>();
        let setting = setting.allow_hyphen_values(!is_path);
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

/// The setting that names a file with another setting's value, when that is a secret: behind it, and named as it is.
fn file_of(setting: &Arg) -> Option<Arg> {
    let flag = setting.get_long()?;
    if is_plain(setting) {
        return None;
    }
    let (flag_of_file, mut variable) = (format!("{flag}-file"), setting.get_env()?.to_owned());
    variable.push("_FILE");
    let file = Arg::new(flag_of_file.clone())
        .long(flag_of_file)
        .env(variable)
        .hide_env_values(true)
        .value_name("FILE")
        .value_parser(clap::value_parser!(PathBuf))
        .help(format!("File that holds what --{flag} would say"))
        .display_order(setting.get_display_order() + 1);
    Some(file.global(setting.is_global_set()))
}

/// All settings, in their order.
pub(super) fn settings(command: &Command) -> impl Iterator<Item = &Arg> {
    let all = command.get_arguments();
    let mut all = all
        .filter(|one| one.get_env().is_some())
        .collect::<Vec<_>>();
    all.sort_by_key(|setting| setting.get_display_order());
    all.into_iter()
}

/// Those that a settings file may hold.
pub(super) fn in_files(command: &Command) -> impl Iterator<Item = &Arg> {
    settings(command).filter(|setting| setting.get_id() != SETTINGS_FILE)
}

/// Each setting that is a secret, with the one that names its file.
pub(super) fn secrets(command: &Command) -> impl Iterator<Item = (&Arg, &Arg)> {
    settings(command).filter_map(|setting| {
        let file = file_of(setting)?;
        let declared = settings(command).find(|other| other.get_id() == file.get_id())?;
        Some((setting, declared))
    })
}

/// The variable of a setting, as it is documented: without the prefix that it may have here.
pub(super) fn name(setting: &Arg) -> String {
    let name = setting.get_env().unwrap_or_default().to_string_lossy();
    name.strip_prefix(PREFIX).unwrap_or(&name).to_owned()
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

/// Whether a setting's values are of a type that holds no secret. What is not known to is not shown.
pub(super) fn is_plain(setting: &Arg) -> bool {
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
