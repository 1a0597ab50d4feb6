//! Settings that cannot be read, in one line for the person who gave them.

use clap::error::ErrorKind;

use super::{LogFormat, files::Files};

/// Why settings gave nothing to run with.
#[derive(Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// Help or the version was asked for: print it and exit with 0.
    Asked(String),
    /// Something is wrong: write this one line, in the format that was asked for, and exit with 1.
    Wrong(String, LogFormat),
}

/// What is wrong with settings, before it is told.
pub(super) enum Wrong {
    Argument(clap::Error),
    /// One sentence.
    File(String),
}

impl From<clap::Error> for Wrong {
    fn from(error: clap::Error) -> Self {
        Self::Argument(error)
    }
}

impl From<String> for Wrong {
    fn from(reason: String) -> Self {
        Self::File(reason)
    }
}

impl Wrong {
    pub(super) fn told(
        self,
        files: &Files,
        command: &clap::Command,
        log_format: LogFormat,
    ) -> Unreadable {
        match self {
            Self::Argument(error) => Unreadable::from_clap(&error, files, command, log_format),
            Self::File(reason) => Unreadable::Wrong(reason, log_format),
        }
    }
}

impl Unreadable {
    /// One line that names the setting; its value is left out, as it may be a secret.
    fn from_clap(
        error: &clap::Error,
        files: &Files,
        command: &clap::Command,
        log_format: LogFormat,
    ) -> Self {
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
        let setting = match files.place_of(flag.trim_start_matches('-')) {
            Some(place) => place.to_owned(),
            None => format!("{flag} (or {})", variable_of(flag, command)),
        };
        let reason = std::error::Error::source(error).map(ToString::to_string);
        let reason = match error.kind() {
            ErrorKind::UnknownArgument if flag.starts_with("--") => {
                format!("there is no setting {}", before_value(flag))
            }
            ErrorKind::UnknownArgument | ErrorKind::InvalidSubcommand => {
                "there is no such command; see --help".into()
            }
            ErrorKind::InvalidValue if reason.is_none() && flag.starts_with("--") => {
                match error.get(ContextKind::ValidValue) {
                    Some(ContextValue::Strings(valid)) if !valid.is_empty() => {
                        format!("{setting} must be one of: {}", valid.join(", "))
                    }
                    _ => format!("{setting} needs a value"),
                }
            }
            ErrorKind::MissingSubcommand | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
                "the command needs another one behind it; see --help behind it".into()
            }
            ErrorKind::MissingRequiredArgument => {
                format!("the command needs {name}; see --help behind it")
            }
            ErrorKind::ArgumentConflict => format!("{flag} was given more than once"),
            _ => {
                let reason = reason.unwrap_or_else(|| "its value cannot be read".into());
                format!("{setting} is wrong: {reason}")
            }
        };
        Self::Wrong(reason, log_format)
    }
}

/// The variable that is read in the flag's place.
fn variable_of(flag: &str, command: &clap::Command) -> String {
    let long = flag.trim_start_matches('-');
    let argument = command
        .get_arguments()
        .find(|argument| argument.get_long() == Some(long));
    let variable = argument.and_then(clap::Arg::get_env).unwrap_or_default();
    variable.to_string_lossy().into_owned()
}

/// An unknown flag may have come with a value that is nobody's business.
fn before_value(flag: &str) -> &str {
    flag.split('=').next().unwrap_or_default()
}
