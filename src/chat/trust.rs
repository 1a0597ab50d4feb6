//! Up to when what is kept in memory may be relied upon, because what other processes signal would have been heard.

use std::time::Duration;

use parking_lot::RwLock;
use tokio::{
    sync::Notify,
    time::{Instant, Interval, MissedTickBehavior, interval},
};

/// Whether this process hears the others.
pub(super) struct Trust {
    /// None where there can be no others.
    until: Option<RwLock<Instant>>,
    lasts: Duration,
    renewed: Notify,
}

impl Trust {
    /// For a process that may have others beside it, and has heard nothing yet; what was heard counts for so long.
    pub(super) fn among_others(lasts: Duration) -> Self {
        Self {
            until: Some(RwLock::new(Instant::now())),
            lasts,
            renewed: Notify::new(),
        }
    }

    /// For the only process.
    pub(super) fn alone() -> Self {
        Self {
            until: None,
            lasts: Duration::MAX,
            renewed: Notify::new(),
        }
    }

    /// Whether what is in memory holds.
    pub(super) fn holds(&self) -> bool {
        let until = self.until.as_ref();
        until.is_none_or(|until| *until.read() > Instant::now())
    }

    /// Everything was heard that was signalled before a moment.
    pub(super) fn renew(&self, heard_up_to: Instant) {
        if let Some(until) = &self.until {
            let mut until = until.write();
            *until = (*until).max(heard_up_to + self.lasts);
            drop(until);
            self.renewed.notify_waiters();
        }
    }

    /// Completes when it holds.
    pub(super) async fn held(&self) {
        loop {
            let renewed = self.renewed.notified();
            if self.holds() {
                return;
            }
            renewed.await;
        }
    }
}

/// When to look for what may not have been heard: at every tick, while others are heard at every second one.
pub(super) struct Sweep {
    ticks: Interval,
    passed_over: bool,
}

impl Sweep {
    pub(super) fn every(period: Duration) -> Self {
        let mut ticks = interval(period);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            ticks,
            passed_over: true,
        }
    }

    /// Completes when it is time. Nothing is lost when it is given up before.
    pub(super) async fn due(&mut self, trust: &Trust) {
        loop {
            self.ticks.tick().await;
            self.passed_over = trust.holds() && !self.passed_over;
            if !self.passed_over {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERIOD: Duration = Duration::from_secs(2);

    /// After how many periods each of so many sweeps came.
    async fn sweeps(trust: &Trust, count: usize) -> Vec<u32> {
        let begun = Instant::now();
        let mut sweep = Sweep::every(PERIOD);
        let mut came = Vec::new();
        while came.len() < count {
            sweep.due(trust).await;
            came.push(u32::try_from(begun.elapsed().as_millis() / PERIOD.as_millis()).unwrap());
        }
        came
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_looked_half_as_often_while_others_are_heard() {
        let deaf = Trust::among_others(PERIOD);
        assert_eq!(sweeps(&deaf, 3).await, [0, 1, 2]);
        let hears = Trust::among_others(10 * PERIOD);
        hears.renew(Instant::now());
        assert_eq!(sweeps(&hears, 3).await, [0, 2, 4]);
    }
}
