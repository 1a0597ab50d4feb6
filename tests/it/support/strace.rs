//! The program under strace, which notes the system calls that it makes.

use std::{fs, path::PathBuf, process::Command};

use super::{app::Place, npm::output, or_skipped, program::Program, store::TempDir};

/// What strace has noted.
pub struct Trace {
    file: PathBuf,
    _folder: TempDir,
}

impl Trace {
    /// Calls that have succeeded so far.
    pub fn calls(&self) -> usize {
        let trace = fs::read_to_string(&self.file).expect("a trace");
        let ended = |line: &&str| line.contains(" = ") && !line.contains(" = -1 ");
        trace.lines().filter(ended).count()
    }
}

/// Whether there is an strace that may trace.
pub fn is_there() -> bool {
    let tried = output(Command::new("strace").args(["-o", "/dev/null", "true"]));
    or_skipped("strace that may trace", tried).is_some()
}

/// Starts the program with the calls of these names noted, where there is an strace that may trace.
pub async fn start(calls: &str, place: &Place) -> Option<(Program, Trace)> {
    if !is_there() {
        return None;
    }
    let folder = TempDir::new();
    fs::create_dir_all(folder.path()).expect("a folder");
    let file = folder.path().join("trace");
    let calls = format!("trace={calls}");
    let to = file.to_str().expect("a text");
    let strace = ["strace", "-D", "-f", "-o", to, "-e", &calls];
    let program = Program::start_under(&strace, place).await;
    let trace = Trace {
        file,
        _folder: folder,
    };
    Some((program, trace))
}
