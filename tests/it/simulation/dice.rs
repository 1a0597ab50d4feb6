//! Chance, all of it from one seed.

use std::{ops::RangeInclusive, time::Duration};

use parking_lot::Mutex;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use tokio::time::sleep;

/// What everyone in a simulation rolls.
pub struct Dice(Mutex<StdRng>);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(Mutex::new(StdRng::seed_from_u64(seed)))
    }

    pub fn number(&self, range: RangeInclusive<usize>) -> usize {
        self.0.lock().random_range(range)
    }

    pub fn chance(&self, probability: f64) -> bool {
        self.0.lock().random_bool(probability)
    }

    pub fn mark(&self) -> u32 {
        self.0.lock().random()
    }

    pub fn pick<'a, T>(&self, among: &'a [T]) -> &'a T {
        &among[self.number(0..=among.len() - 1)]
    }

    /// Lets up to so many milliseconds of simulated time go by; mostly much less.
    pub async fn wait(&self, most: usize) {
        let micros = self.number(0..=most * 1_000);
        let micros = if self.chance(0.8) { micros / 8 } else { micros };
        sleep(Duration::from_micros(micros as u64)).await;
    }
}
