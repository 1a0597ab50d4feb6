//! How many descriptors a process may have open: a socket takes one at either end.

use std::{fs, process::Command};

use crate::{Result, process::Process};

/// Raises this process's soft limit to the hard one, which what it starts inherits, and gives what holds then.
pub fn raise() -> Result<u32> {
    let [soft, hard] = limits()?;
    if soft != hard {
        // Where there is no such program the soft limit holds.
        let _ = Command::new("prlimit")
            .arg(format!("--pid={}", Process::own().0))
            .arg(format!("--nofile={hard}:{hard}"))
            .status();
    }
    let [soft, _] = limits()?;
    Ok(soft.parse().unwrap_or(u32::MAX))
}

/// The soft and the hard one; they may be `unlimited`.
fn limits() -> Result<[String; 2]> {
    let limits = fs::read_to_string("/proc/self/limits")?;
    let mut lines = limits.lines();
    let files = lines.find_map(|line| line.strip_prefix("Max open files"));
    let mut words = files.ok_or("no limit of files")?.split_whitespace();
    let mut next = || words.next().map(str::to_owned).ok_or("half a limit");
    Ok([next()?, next()?])
}
