//! The table.

use std::{fs, thread, time::Duration};

use crate::{Bench, Result, Store, process::Cost};

/// One line of the table; what does not apply stays empty.
#[derive(Default)]
pub struct Line {
    what: String,
    count: u32,
    cost: Option<Cost>,
    percentiles: Option<(Duration, Duration)>,
    memory: Option<i64>,
    note: String,
}

/// Says where the figures come from and begins the table.
pub fn heading() -> Result<()> {
    let machine = fs::read_to_string("/proc/cpuinfo")?;
    let model = machine.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == "model name").then(|| value.trim())
    });
    let load = fs::read_to_string("/proc/loadavg")?;
    println!(
        "{} cores of {}; load before the run: {}",
        thread::available_parallelism()?,
        model.unwrap_or("an unknown processor"),
        load.split(' ').take(3).collect::<Vec<_>>().join(" ")
    );
    println!();
    let columns = [
        "store",
        "what",
        "operations",
        "server CPU each",
        "mongod CPU each",
        "a second",
        "p50",
        "p99",
        "memory each",
        "note",
    ];
    print(columns.map(str::to_owned));
    print(["-"; 10].map(str::to_owned));
    Ok(())
}

impl Line {
    /// Of `count` operations.
    pub fn new(what: impl Into<String>, count: u32) -> Self {
        Self {
            what: what.into(),
            count,
            ..Self::default()
        }
    }

    /// What all of them cost.
    pub fn cost(mut self, cost: Cost) -> Self {
        self.cost = Some(cost);
        self
    }

    /// How long each took.
    pub fn latencies(mut self, mut latencies: Vec<Duration>) -> Self {
        latencies.sort_unstable();
        self.percentiles = percentile(&latencies, 50).zip(percentile(&latencies, 99));
        self
    }

    /// The bytes that all of them hold.
    pub fn memory(mut self, bytes: i64) -> Self {
        self.memory = Some(bytes);
        self
    }

    /// What else there is to say.
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.note = note.into();
        self
    }

    /// Adds it to the table.
    pub fn print(self, bench: &Bench) {
        let store = match bench.store {
            Store::Embedded => "embedded",
            Store::Mongo => "mongo",
        };
        let count = self.count.max(1);
        let each = |all: Duration| span(all / count);
        let per_second = |cost: Cost| f64::from(count) / cost.took.as_secs_f64();
        let text = |text: Option<String>| text.unwrap_or_default();
        print([
            store.to_owned(),
            self.what,
            self.count.to_string(),
            text(self.cost.map(|cost| each(cost.server))),
            text(self.cost.and_then(|cost| cost.database).map(each)),
            text(self.cost.map(|cost| format!("{:.0}", per_second(cost)))),
            text(self.percentiles.map(|(half, _)| span(half))),
            text(self.percentiles.map(|(_, most)| span(most))),
            text(self.memory.map(|bytes| size(bytes / i64::from(count)))),
            self.note,
        ]);
    }
}

fn print(cells: [String; 10]) {
    let widths = [8, 62, 10, 15, 15, 8, 8, 8, 11, 0];
    let padded = cells
        .iter()
        .zip(widths)
        .map(|(cell, width)| format!("{cell:width$}"));
    println!("| {} |", padded.collect::<Vec<_>>().join(" | "));
}

/// What so many hundredths of sorted spans stay below.
pub fn percentile(sorted: &[Duration], hundredths: usize) -> Option<Duration> {
    sorted.get(sorted.len() * hundredths / 100).copied()
}

/// How many times `base` something is.
pub fn times(this: Duration, base: Duration) -> String {
    format!("{:.2} ×", this.as_secs_f64() / base.as_secs_f64())
}

/// A span in the unit that fits.
pub fn span(span: Duration) -> String {
    let seconds = span.as_secs_f64();
    if seconds < 0.001 {
        format!("{:.1} µs", seconds * 1e6)
    } else {
        format!("{:.2} ms", seconds * 1e3)
    }
}

fn size(bytes: i64) -> String {
    let tenths = bytes * 10 / 1_024;
    format!("{}.{} KB", tenths / 10, tenths.abs() % 10)
}
