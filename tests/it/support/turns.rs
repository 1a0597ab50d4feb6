//! Turns for tests that would each keep all cores busy: taken side by side, everything on the machine runs out of time.

use tokio::sync::{Semaphore, SemaphorePermit};

/// How many of the lightest of them run at once.
const SIDE_BY_SIDE: u32 = 3;

static TURNS: Semaphore = Semaphore::const_new(SIDE_BY_SIDE as usize);

/// Kept while a test has its turn.
pub struct Turn(
    #[expect(dead_code, reason = "gives the turn back when dropped")] SemaphorePermit<'static>,
);

/// A turn for a browser, or for one server that is given all it can take.
pub async fn one_of_three() -> Turn {
    of(1).await
}

/// A turn for several servers at full load: no other one of these runs meanwhile.
pub async fn alone() -> Turn {
    of(SIDE_BY_SIDE).await
}

async fn of(permits: u32) -> Turn {
    let turn = TURNS.acquire_many(permits).await;
    Turn(turn.expect("the turns never end"))
}
