//! What was measured of one thing, all rounds together.

use std::time::Duration;

use crate::{
    Result,
    process::Cost,
    report::{Line, percentile},
};

#[derive(Default)]
pub struct Measured {
    cost: Cost,
    count: u32,
    /// Sorted.
    latencies: Vec<Duration>,
}

impl Measured {
    /// A round: what it cost, and what each operation took.
    pub fn add(&mut self, cost: Cost, latencies: Vec<Duration>) -> Result<()> {
        self.cost = self.cost.and(cost);
        self.count += u32::try_from(latencies.len())?;
        self.latencies.extend(latencies);
        self.latencies.sort_unstable();
        Ok(())
    }

    /// The same without what `rest` cost, which went on beneath it.
    pub fn beyond(mut self, rest: Cost) -> Self {
        self.cost = self.cost.beyond(rest);
        self
    }

    /// How many operations there were.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// CPU of the servers for an operation.
    pub fn server(&self) -> Duration {
        self.cost.server / self.count.max(1)
    }

    /// CPU of the database for an operation.
    pub fn database(&self) -> Duration {
        self.cost.database.unwrap_or_default() / self.count.max(1)
    }

    /// CPU of the database in percent of a core.
    pub fn database_load(&self) -> f64 {
        let database = self.cost.database.unwrap_or_default();
        100.0 * database.as_secs_f64() / self.cost.took.as_secs_f64()
    }

    /// From one operation to the next, on average.
    pub fn apart(&self) -> Duration {
        self.cost.took / self.count.max(1)
    }

    /// What so many hundredths of the operations took at most.
    pub fn percentile(&self, hundredths: usize) -> Duration {
        percentile(&self.latencies, hundredths).unwrap_or_default()
    }

    /// A line of the table.
    pub fn line(&self, what: impl Into<String>) -> Line {
        Line::new(what, self.count)
            .cost(self.cost)
            .latencies(self.latencies.clone())
    }
}
