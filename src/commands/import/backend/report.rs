//! What was not imported or was changed, and why: JSON lines in a file, without hashes and bodies.

use std::{
    fs::{File, OpenOptions},
    io::{BufWriter, Write},
    path::{Path, PathBuf},
};

use serde::Serialize;

use crate::commands::Failure;

/// What a line is about.
#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    User,
    Message,
    Conversation,
}

/// Such a file, which only its owner may read.
pub struct Report {
    path: PathBuf,
    file: BufWriter<File>,
}

#[derive(Serialize)]
struct Line<'a> {
    kind: Kind,
    id: &'a str,
    reason: &'a str,
}

impl Report {
    /// Begins it; that of an earlier run is overwritten.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn begin(path: &Path) -> Result<Self, Failure> {
        let mut options = OpenOptions::new();
        options.create(true).truncate(true).write(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(path);
        let file = file.map_err(|error| Failure::of_file(path, "written", &error))?;
        Ok(Self {
            path: path.to_owned(),
            file: BufWriter::new(file),
        })
    }

    /// Adds a line.
    ///
    /// # Errors
    /// The disk's.
    pub fn tell(&mut self, kind: Kind, id: &str, reason: &str) -> Result<(), Failure> {
        let line = Line { kind, id, reason };
        let written = serde_json::to_writer(&mut self.file, &line).map_err(Into::into);
        let written = written.and_then(|()| self.file.write_all(b"\n"));
        written.map_err(|error: std::io::Error| Failure::of_file(&self.path, "written", &error))
    }

    /// Writes what is left; gives where it is.
    ///
    /// # Errors
    /// The disk's.
    pub fn finish(mut self) -> Result<PathBuf, Failure> {
        let flushed = self.file.flush();
        flushed.map_err(|error| Failure::of_file(&self.path, "written", &error))?;
        Ok(self.path)
    }
}
