//! The lines of an export, read one by one.

use std::{
    io::{ErrorKind, SeekFrom},
    path::{Path, PathBuf},
};

use tokio::{
    fs::File,
    io::{AsyncBufReadExt, AsyncReadExt, AsyncSeekExt, BufReader},
};

use super::super::super::{
    Failure,
    format::{Counts, FORMAT, LONGEST_LINE, Line, VERSION},
};

/// How much of a file's end is looked at for its last line.
const END: u64 = 4_096;

/// A file that is read; the first and the last line were found right.
pub struct Lines {
    path: PathBuf,
    reader: BufReader<File>,
    number: u64,
    counts: Counts,
}

impl Lines {
    /// Opens a file and looks at its first line and its last.
    ///
    /// # Errors
    /// It cannot be read, is no export, one of a newer version, or ends too soon.
    pub async fn open(path: &Path) -> Result<Self, Failure> {
        let failed = |error| Failure::of_file(path, "read", &error);
        let mut file = File::open(path).await.map_err(failed)?;
        let length = file.metadata().await.map_err(failed)?.len();
        let from = SeekFrom::Start(length.saturating_sub(END));
        file.seek(from).await.map_err(failed)?;
        let mut end = Vec::new();
        (&mut file)
            .take(END)
            .read_to_end(&mut end)
            .await
            .map_err(failed)?;
        file.rewind().await.map_err(failed)?;
        let mut lines = Self {
            path: path.to_owned(),
            reader: BufReader::with_capacity(1 << 20, file),
            number: 0,
            counts: Counts::default(),
        };
        let no_export = || Failure::new(format_args!("{} is no export of chinwag", path.display()));
        let Ok(Some(Line::Header(header))) = lines.next().await else {
            return Err(no_export());
        };
        if header.format != FORMAT {
            return Err(no_export());
        }
        if header.version > VERSION {
            return Err(lines.wrong("it was written by a newer chinwag"));
        }
        let last = end.trim_ascii_end().rsplit(|byte| *byte == b'\n').next();
        match last.map(serde_json::from_slice) {
            Some(Ok(Line::End(counts))) => lines.counts = counts,
            _ => {
                return Err(Failure::new(format_args!(
                    "{} ends too soon",
                    path.display()
                )));
            }
        }
        Ok(lines)
    }

    /// How much its last line says that there is.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// The next line; `None` behind the last.
    ///
    /// # Errors
    /// It cannot be read, or is none of an export's.
    pub async fn next(&mut self) -> Result<Option<Line>, Failure> {
        let mut line = Vec::new();
        let read = (&mut self.reader)
            .take(LONGEST_LINE)
            .read_until(b'\n', &mut line)
            .await;
        if read.map_err(|error| Failure::of_file(&self.path, "read", &error))? == 0 {
            return Ok(None);
        }
        self.number += 1;
        let read = serde_json::from_slice(&line).map(Some);
        // What is wrong is told by its place; the line itself may be a secret.
        read.map_err(|error| {
            let error = std::io::Error::from(error);
            let cut = error.kind() == ErrorKind::UnexpectedEof;
            self.wrong(if cut {
                "it is cut short"
            } else {
                "it is none of an export's"
            })
        })
    }

    /// What is wrong with the line that was read last.
    pub fn wrong(&self, reason: &str) -> Failure {
        Failure::new(format_args!(
            "{}, line {}: {reason}",
            self.path.display(),
            self.number
        ))
    }

    /// Whether all that the last line tells of was there.
    ///
    /// # Errors
    /// It was not.
    pub fn is_whole(&self, read: Counts) -> Result<(), Failure> {
        if read == self.counts {
            return Ok(());
        }
        Err(self
            .wrong("it tells of other numbers of users, messages and conversations than there are"))
    }
}
