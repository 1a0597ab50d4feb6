//! What must be so in the end.

use std::collections::HashMap;

use super::people::World;

/// Everything that was acknowledged is there once, where it was said to be; nothing is there twice; nothing was handed
/// over when nobody waited for it any more.
pub fn of_the_end(world: &World) {
    let shared = &world.processes.shared;
    let mut found = HashMap::<String, usize>::new();
    {
        let log = shared.log.lock();
        for id in log.ids() {
            for entry in log.entries(id, log.writes()) {
                if let Some(message) = entry.message() {
                    *found.entry(message.body.as_str().to_owned()).or_default() += 1;
                }
            }
        }
        for sent in world.ledger.sent.lock().iter() {
            let mut entries = log.entries(sent.conversation, log.writes());
            let there = entries.any(|entry| {
                entry.message().is_some_and(|message| message.id == sent.id)
                    && entry.seq == sent.seq
            });
            if !there {
                world.note(format!("{:?} was acknowledged and is lost", sent.text));
            }
        }
    }
    for (text, count) in found {
        if count > 1 {
            world.note(format!("{text:?} is there {count} times"));
        }
    }
    let deadlines = world.ledger.deadlines.lock();
    for (text, times) in shared.handed_over.lock().iter() {
        let deadline = deadlines[text];
        if let Some(late) = times.iter().find(|time| **time > deadline) {
            let late = *late - deadline;
            world.note(format!(
                "{text:?} was handed over {late:?} after its deadline"
            ));
        }
    }
}
