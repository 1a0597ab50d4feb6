//! A process in which something panics.

use std::time::Duration;

use tokio::time::timeout;

use super::{
    simulated,
    world::{Plan, make},
};

#[test]
fn a_task_that_dies_is_noticed_and_nothing_else_is_taken_for_that() {
    simulated(async {
        let world = make(&Plan {
            processes: 1,
            ..Plan::calm(3)
        });
        world.processes.start(0).await;
        let process = world.processes.at(0).expect("runs");
        let while_it_is_well = timeout(Duration::from_mins(1), process.chat.failed()).await;
        assert!(while_it_is_well.is_err(), "{while_it_is_well:?}");
        world.processes.break_down(0);
        let noticed = timeout(Duration::from_mins(1), process.chat.failed()).await;
        let line = noticed.expect("it is noticed");
        assert!(line.ends_with(" came to an unexpected end"), "{line}");
    });
}
