//! What files say: the settings file, and files that hold one secret each. It lies under what flags and the environment say.

use std::{
    collections::BTreeMap,
    fs, io,
    ops::Range,
    path::{Path, PathBuf},
};

use clap::{ArgMatches, Command};
use toml::de::{DeTable, DeValue};

use super::declared;

/// What was found in files, by the flag that it stands for.
#[derive(Default)]
pub(super) struct Files(BTreeMap<String, Found>);

struct Found {
    values: Vec<String>,
    /// Where, as an error begins.
    place: String,
}

impl Files {
    /// The command line over what was found: where neither a flag nor a variable says something, that holds.
    pub(super) fn under(&self, command: &Command) -> Command {
        command.clone().mut_args(|setting| {
            match setting.get_long().and_then(|long| self.0.get(long)) {
                Some(found) => setting.default_values(found.values.clone()),
                None => setting,
            }
        })
    }

    pub(super) fn say(&self, flag: &str) -> bool {
        self.0.contains_key(flag)
    }

    /// Where a flag's value was found, as an error begins.
    pub(super) fn place_of(&self, flag: &str) -> Option<&str> {
        self.0.get(flag).map(|found| found.place.as_str())
    }

    /// Takes in a settings file; gives a warning when it holds a secret that others on the machine can read.
    ///
    /// # Errors
    /// One sentence without a value.
    pub(super) fn read_settings(
        &mut self,
        path: &Path,
        command: &Command,
    ) -> Result<Option<String>, String> {
        let shown = path.display();
        let text = text_of(path, "--config")?;
        let at = |span: Range<usize>| {
            let before = text.get(..span.start).unwrap_or_default();
            format!("{shown}, line {}", before.matches('\n').count() + 1)
        };
        let table = DeTable::parse(&text).map_err(|error| {
            let reason = error.message().replace('\n', ", ");
            format!("{}: {reason}", at(error.span().unwrap_or_default()))
        })?;
        let mut entries = table.get_ref().iter().collect::<Vec<_>>();
        entries.sort_by_key(|(name, _)| name.span().start);
        let mut secret = None;
        for (name, value) in entries {
            let (flag, place) = (name.get_ref().as_ref(), at(name.span()));
            let Some(setting) =
                declared::in_files(command).find(|setting| setting.get_long() == Some(flag))
            else {
                return Err(format!("{place}: {}", unknown(flag, command)));
            };
            let values = values(value.get_ref(), setting.get_value_delimiter().is_some())
                .map_err(|reason| format!("{place}: {flag} is wrong: {reason}"))?;
            if !declared::is_plain(setting) {
                secret.get_or_insert(flag.to_owned());
            }
            let place = format!("{place}: {flag}");
            self.0.insert(flag.to_owned(), Found { values, place });
        }
        let warning = secret.filter(|_| is_open(path)).map(|flag| {
            format!("{shown} holds a secret ({flag}), and others on this machine may read it; chmod o= keeps them out")
        });
        Ok(warning)
    }

    /// Takes in the files that hold a secret each.
    ///
    /// # Errors
    /// One sentence: a secret was given itself, too, or its file cannot be read, or holds none.
    pub(super) fn read_secrets(
        &mut self,
        command: &Command,
        matches: &ArgMatches,
    ) -> Result<(), String> {
        for (setting, from) in declared::secrets(command) {
            let Some(path) = matches.get_one::<PathBuf>(from.get_id().as_str()) else {
                continue;
            };
            let (flag, name) = (setting.get_long().unwrap_or_default(), declared::name);
            let flag_of_file = format!("--{flag}-file");
            if matches.value_source(setting.get_id().as_str()).is_some() {
                return Err(format!(
                    "--{flag} (or {}) and {flag_of_file} (or {}) are both given: leave one out",
                    name(setting),
                    name(from),
                ));
            }
            let text = text_of(path, &flag_of_file)?;
            let place = format!("{} ({flag_of_file})", path.display());
            let secret = text.trim_end_matches(['\r', '\n']);
            if secret.is_empty() {
                return Err(format!("{place} is empty"));
            }
            let values = vec![secret.to_owned()];
            self.0.insert(flag.to_owned(), Found { values, place });
        }
        Ok(())
    }
}

fn text_of(path: &Path, flag: &str) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| {
        let reason = match error.kind() {
            io::ErrorKind::InvalidData => "it is no text".to_owned(),
            _ => error.to_string(),
        };
        format!("{} ({flag}) cannot be read: {reason}", path.display())
    })
}

/// A value as it would be written behind a flag.
fn values(value: &DeValue<'_>, is_list: bool) -> Result<Vec<String>, &'static str> {
    let one = |value: &DeValue<'_>| match value {
        DeValue::String(text) => Ok(text.as_ref().to_owned()),
        DeValue::Integer(number) => i128::from_str_radix(number.as_str(), number.radix())
            .map(|number| number.to_string())
            .map_err(|_| "it is too large a number"),
        DeValue::Float(number) => Ok(number.as_str().to_owned()),
        DeValue::Boolean(true) => Ok("on".to_owned()),
        DeValue::Boolean(false) => Ok("off".to_owned()),
        _ => Err("it is a text, a number, true or false, or a list of texts"),
    };
    match value {
        DeValue::Array(all) if is_list => all.iter().map(|value| one(value.get_ref())).collect(),
        DeValue::Array(_) => Err("it takes one value, not a list"),
        value => one(value).map(|value| vec![value]),
    }
}

fn unknown(name: &str, command: &Command) -> String {
    let known = declared::in_files(command).filter_map(clap::Arg::get_long);
    let near = known
        .map(|known| (strsim::jaro_winkler(known, &name.replace('_', "-")), known))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|one, other| one.0.total_cmp(&other.0));
    let asked = near.map(|(_, known)| format!("; did you mean {known}?"));
    // A key may be anything, also a secret in the wrong place.
    let shown = name.chars().take(40).collect::<String>();
    format!(
        "there is no setting {}{}",
        shown.escape_debug(),
        asked.unwrap_or_default()
    )
}

/// Whether anyone on the machine may read or change a file.
#[cfg(unix)]
fn is_open(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path).is_ok_and(|file| file.permissions().mode() & 0o006 != 0)
}

#[cfg(not(unix))]
fn is_open(_: &Path) -> bool {
    false
}
