//! Four processes on one MongoDB, and what befalls them.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    time::Duration,
};

use futures_util::future::join_all;
use rand::{RngExt, rngs::StdRng};
use reqwest::{Method, StatusCode};
use tokio::time::{Instant, sleep};

use crate::support::{
    app::Place,
    eventually,
    program::Program,
    store::StoreKind,
    turns::{self, Turn},
};

pub const PROCESSES: usize = 4;

/// How long one is stopped at most.
const LONGEST_STOP: Duration = Duration::from_secs(20);

/// The processes and what they stand on.
pub struct Fleet {
    place: Place,
    programs: Vec<Program>,
    /// Goes last, when all of them are gone.
    _turn: Turn,
}

/// What befell processes.
#[derive(Debug, Default)]
pub struct Trouble {
    pub kills: usize,
    pub stops: usize,
}

impl Fleet {
    /// All of them on an empty database, ready.
    pub async fn start() -> Self {
        let turn = turns::alone().await;
        Self::start_at(Place::fresh(StoreKind::Mongo).await, turn).await
    }

    /// The same on a database of one's own.
    pub async fn start_at(place: Place, turn: Turn) -> Self {
        let starting = ports()
            .into_iter()
            .map(|port| Program::start_on(port, &place));
        let programs = join_all(starting).await;
        join_all(programs.iter().map(until_ready)).await;
        Self {
            place,
            programs,
            _turn: turn,
        }
    }

    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.programs
            .iter()
            .map(|program| program.address)
            .collect()
    }

    /// Kills processes, stops them and starts them anew, at most two at a time, until then; leaves all of them ready.
    pub async fn suffer(&mut self, until: Instant, random: [StdRng; 2]) -> Trouble {
        let Self {
            place, programs, ..
        } = self;
        let halves = programs.chunks_mut(PROCESSES / 2);
        let hands = halves
            .zip(random)
            .map(|(half, random)| harm(half, place, until, random));
        let mut all = Trouble::default();
        for Trouble { kills, stops } in join_all(hands).await {
            all.kills += kills;
            all.stops += stops;
        }
        for program in &mut self.programs {
            program.still_runs();
        }
        all
    }
}

/// Harms one of these after the other.
async fn harm(
    programs: &mut [Program],
    place: &Place,
    until: Instant,
    mut random: StdRng,
) -> Trouble {
    let mut done = Trouble::default();
    loop {
        sleep(millis(&mut random, 200, 2_500)).await;
        if Instant::now() >= until {
            break;
        }
        let chosen = random.random_range(0..programs.len());
        let program = &mut programs[chosen];
        let mut is_killed = random.random_bool(0.5);
        if is_killed {
            program.still_runs();
        } else {
            program.signal("-STOP");
            done.stops += 1;
            // Short ones are the more frequent, and none outlasts the trouble by much.
            let stopped = LONGEST_STOP.mul_f64(random.random::<f64>().powi(3));
            let left = until.saturating_duration_since(Instant::now());
            sleep(stopped.min(left + Duration::from_secs(1))).await;
            is_killed = random.random_bool(0.2);
            if !is_killed {
                program.signal("-CONT");
            }
        }
        if is_killed {
            program.kill();
            done.kills += 1;
            sleep(millis(&mut random, 0, 2_000)).await;
            *program = Program::start_on(program.address.port(), place).await;
            // Some come to harm again before they are ready.
            if random.random_bool(0.75) {
                until_ready(program).await;
            }
        }
    }
    join_all(programs.iter().map(until_ready)).await;
    done
}

/// Waits until it says that it is ready.
async fn until_ready(program: &Program) {
    let client = program.anonymous();
    eventually(&format!("{} is ready", program.address), async || {
        let request = client.raw(Method::GET, &program.url("/readyz"));
        let answer = request.send().await;
        answer.is_ok_and(|answer| answer.status() == StatusCode::OK)
    })
    .await;
}

/// A random time of so many milliseconds.
pub fn millis(random: &mut StdRng, least: u64, most: u64) -> Duration {
    Duration::from_millis(random.random_range(least..most))
}

/// Free ports, out of the range from which the system takes those of connections, so that a process finds its own
/// free again.
fn ports() -> Vec<u16> {
    let mut random = rand::rng();
    let mut held = Vec::new();
    while held.len() < PROCESSES {
        let port = random.random_range(20_000..32_000);
        held.extend(TcpListener::bind((Ipv4Addr::LOCALHOST, port)));
    }
    held.iter()
        .map(|listener| listener.local_addr().expect("an address").port())
        .collect()
}
