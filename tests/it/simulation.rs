//! Several processes on one log, with the real chat code, in simulated time: everything that goes wrong with a store, a
//! network or a process goes wrong here, as a seed says, and what people are told is held against the log.
//!
//! `SIMULATION_ROUNDS` says how many seeds are tried, `SIMULATION_SEED` with which to begin.

mod broken;
mod changer;
mod checks;
mod dice;
mod log;
mod lost;
mod pages;
mod people;
mod process;
mod races;
mod reader;
mod store;
mod topics;
mod world;
mod writing;

use world::Plan;

fn number(name: &str, default: u64) -> u64 {
    let given = std::env::var(name).ok();
    given.map_or(default, |text| text.parse().expect("a number"))
}

fn simulated<T>(what: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime")
        .block_on(what)
}

#[test]
fn nothing_is_lost_doubled_or_disordered() {
    let first = number("SIMULATION_SEED", 1);
    for seed in first..first + number("SIMULATION_ROUNDS", 40) {
        let broken = simulated(world::run(Plan::of(seed)));
        assert!(
            broken.is_empty(),
            "SIMULATION_SEED={seed}\n{}",
            broken.join("\n")
        );
    }
}
