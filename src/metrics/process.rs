//! What the operating system and the runtime say of this process, under the names that Prometheus' own libraries have for
//! it. Where there is no `/proc`, only when it started is known.

use std::{
    fs,
    time::{Duration, SystemTime},
};

use tokio::runtime::Handle;

use super::Readings;

/// How many of the kernel's ticks are a second: the same for all programs on every architecture that Rust's standard
/// library is built for, whatever the kernel counts in itself.
const TICKS: f64 = 100.0;

/// Fields of `/proc/self/stat` behind the program's name, as proc(5) counts them: the first is the third.
const BEFORE: usize = 3;
const USER_TIME: usize = 14;
const SYSTEM_TIME: usize = 15;

/// The time since the Unix epoch.
pub(super) fn now() -> Duration {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.unwrap_or_default()
}

pub(super) fn read(started: Duration, readings: &mut Readings) {
    readings.seconds(
        "process_start_time",
        "When the process started, since the Unix epoch",
        started.as_secs_f64(),
    );
    if let Some(seconds) = text("stat").as_deref().and_then(cpu_seconds) {
        readings.seconds_spent(
            "process_cpu",
            "Time that the process has used the processor, its own and the kernel's for it",
            seconds,
        );
    }
    if let Some(status) = text("status") {
        for (line, name, help) in [
            (
                "VmRSS",
                "process_resident_memory",
                "Memory that the process has at hand",
            ),
            (
                "VmSize",
                "process_virtual_memory",
                "Addresses that the process has asked for",
            ),
        ] {
            if let Some(kibibytes) = number_in(&status, line) {
                readings.bytes(name, help, kibibytes * 1024);
            }
        }
        if let Some(threads) = number_in(&status, "Threads") {
            let threads = usize::try_from(threads).unwrap_or(usize::MAX);
            readings.count("process_threads", "Threads of the process", threads);
        }
    }
    if let Ok(open) = fs::read_dir("/proc/self/fd") {
        // Without the one by which they are read.
        let open = open.count().saturating_sub(1);
        readings.count(
            "process_open_fds",
            "Open files and connections of the process",
            open,
        );
    }
    if let Some(most) = text("limits").as_deref().and_then(most_files) {
        readings.count(
            "process_max_fds",
            "How many files and connections the process may have open",
            most,
        );
    }
    if let Ok(runtime) = Handle::try_current() {
        let runtime = runtime.metrics();
        readings.count(
            "chinwag_runtime_tasks",
            "Tasks that are alive in the runtime",
            runtime.num_alive_tasks(),
        );
        readings.count(
            "chinwag_runtime_queued_tasks",
            "Tasks that could run and that no thread has taken up yet",
            runtime.global_queue_depth(),
        );
    }
}

fn text(file: &str) -> Option<String> {
    fs::read_to_string(format!("/proc/self/{file}")).ok()
}

/// The program's name stands in brackets, and may hold anything.
fn cpu_seconds(stat: &str) -> Option<f64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let fields = fields.split_whitespace().collect::<Vec<_>>();
    let ticks = |field: usize| fields.get(field - BEFORE)?.parse::<f64>().ok();
    Some((ticks(USER_TIME)? + ticks(SYSTEM_TIME)?) / TICKS)
}

/// The number in a line such as `VmRSS:   1234 kB`.
fn number_in(status: &str, name: &str) -> Option<u64> {
    let value = |line: &str| {
        line.strip_prefix(name)?
            .strip_prefix(':')
            .map(str::to_owned)
    };
    let value = status.lines().find_map(value)?;
    value.split_whitespace().next()?.parse().ok()
}

/// The number in the line `Max open files  1024  4096  files` that holds by now.
fn most_files(limits: &str) -> Option<usize> {
    let values = |line: &str| line.strip_prefix("Max open files").map(str::to_owned);
    let values = limits.lines().find_map(values)?;
    values.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_says_is_read_whatever_the_program_is_called() {
        let stat = "7 (a) b (c)) S 1 7 7 0 -1 4194560 1 2 3 4 150 50 9 9 20 0 3 0 8 9 10";
        assert_eq!(cpu_seconds(stat), Some(2.0));
        assert_eq!(cpu_seconds("7 (a) S 1"), None);
        let status = "Name:\tVmRSS\nVmSize:\t    20 kB\nVmRSS:\t    12 kB\nThreads:\t3\n";
        assert_eq!(number_in(status, "VmRSS"), Some(12));
        assert_eq!(number_in(status, "Threads"), Some(3));
        assert_eq!(number_in(status, "VmSwap"), None);
        let limits = "Max processes  10  20  processes\nMax open files  1024  4096  files\n";
        assert_eq!(most_files(limits), Some(1024));
    }
}
