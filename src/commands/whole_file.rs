//! A file that is there whole or not at all.

use std::{
    fs::{self, File, OpenOptions},
    io::{BufWriter, ErrorKind, Write},
    path::{Path, PathBuf},
};

use super::Failure;

/// A new file, which has its name only once everything is in it and on disk. Only its owner may read it.
pub struct WholeFile {
    path: PathBuf,
    unfinished: PathBuf,
    file: BufWriter<File>,
}

impl WholeFile {
    /// Begins it under another name beside `path`; what an earlier try left there is overwritten.
    ///
    /// # Errors
    /// There is a file already, or none can be made.
    pub fn begin(path: &Path) -> Result<Self, Failure> {
        if path.symlink_metadata().is_ok() {
            let path = path.display();
            return Err(Failure::new(format_args!("{path} is there already")));
        }
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(".unfinished");
        let unfinished = path.with_file_name(name);
        // Whoever could have opened what was left there keeps that, not this one.
        let _ = fs::remove_file(&unfinished);
        let mut options = OpenOptions::new();
        options.create_new(true).write(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options
            .open(&unfinished)
            .map_err(|error| Failure::of_file(path, "written", &error))?;
        Ok(Self {
            path: path.to_owned(),
            unfinished,
            file: BufWriter::with_capacity(1 << 20, file),
        })
    }

    /// Where it is written until it is whole.
    pub fn unfinished(&self) -> &Path {
        &self.unfinished
    }

    /// Puts a line in.
    ///
    /// # Errors
    /// The disk's.
    pub fn write(&mut self, line: &[u8]) -> Result<(), Failure> {
        let written = self
            .file
            .write_all(line)
            .and_then(|()| self.file.write_all(b"\n"));
        written.map_err(|error| Failure::of_file(&self.path, "written", &error))
    }

    /// Gives it its name, once it is on disk; one that has come there meanwhile stays.
    ///
    /// # Errors
    /// The disk's.
    pub fn finish(mut self) -> Result<(), Failure> {
        let mut finish = || {
            self.file.flush()?;
            self.file.get_ref().sync_all()?;
            // Unlike a rename, it replaces nothing; but not every file system knows it.
            match fs::hard_link(&self.unfinished, &self.path) {
                Err(error) if error.kind() != ErrorKind::AlreadyExists => {
                    fs::rename(&self.unfinished, &self.path)?;
                }
                linked => linked?,
            }
            let folder = self
                .path
                .parent()
                .filter(|folder| !folder.as_os_str().is_empty());
            File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
        };
        let finished: std::io::Result<()> = finish();
        finished.map_err(|error| Failure::of_file(&self.path, "written", &error))
    }
}

impl Drop for WholeFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.unfinished);
    }
}
