//! What was told of each setting, from wherever, for the log.

use std::{ffi::OsString, fmt};

use clap::{ArgMatches, Command};

use super::declared;

/// What every setting is.
#[derive(Clone, Default)]
pub struct Told(Vec<Setting>);

/// What one setting is; shown as `PORT=8080`, or `JWT_SECRET=(set)`.
#[derive(Clone, PartialEq, Eq)]
struct Setting {
    name: String,
    given: Vec<OsString>,
    is_default: bool,
    is_plain: bool,
}

impl Told {
    /// `command` has the defaults that hold where nothing is told.
    pub(super) fn of(command: &Command, matches: &ArgMatches) -> Self {
        let setting = |setting| {
            let given = matches.get_raw(clap::Arg::get_id(setting).as_str());
            let given = given.unwrap_or_default().map(ToOwned::to_owned);
            let given = given.collect::<Vec<OsString>>();
            Setting {
                name: declared::name(setting),
                is_default: given == setting.get_default_values(),
                is_plain: declared::is_plain(setting),
                given,
            }
        };
        Self(declared::settings(command).map(setting).collect())
    }

    /// The settings that differ from their defaults.
    pub fn changed(&self) -> Self {
        self.where_it(|setting| !setting.is_default)
    }

    /// The settings that are not as in `others`.
    pub fn unlike(&self, others: &Self) -> Self {
        self.where_it(|setting| !others.0.contains(setting))
    }

    /// Those whose names are among `names`, and the rest.
    pub fn split(&self, names: &[&str]) -> (Self, Self) {
        let is_named = |setting: &Setting| names.contains(&setting.name.as_str());
        (
            self.where_it(is_named),
            self.where_it(|setting| !is_named(setting)),
        )
    }

    /// Their names, one behind the other.
    pub fn names(&self) -> String {
        let names = self.0.iter().map(|setting| setting.name.as_str());
        names.collect::<Vec<_>>().join(" ")
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn where_it(&self, holds: impl Fn(&Setting) -> bool) -> Self {
        Self(
            self.0
                .iter()
                .filter(|setting| holds(setting))
                .cloned()
                .collect(),
        )
    }
}

/// One behind the other, as `PORT=8080 JWT_SECRET=(set)`.
impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, setting) in self.0.iter().enumerate() {
            let space = if n == 0 { "" } else { " " };
            write!(f, "{space}{setting}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, given, .. } = self;
        if !self.is_plain {
            return write!(f, "{name}=(set)");
        }
        let given = given.iter().map(|value| value.to_string_lossy());
        let given = given.collect::<Vec<_>>().join(",");
        write!(f, "{name}={}", given.escape_debug())
    }
}
