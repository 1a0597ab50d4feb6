//! How the server stands, for whoever looks after it: what `/metrics` shows besides what is counted as it happens.

use super::Chat;
use crate::{
    metrics::{Readings, Waits},
    store::Vitals,
};

impl Chat {
    /// Reads how things stand. May block for a moment.
    pub fn read_vitals(&self, readings: &mut Readings) {
        self.read_people(readings);
        self.read_progress(readings);
        self.read_store(readings);
    }

    fn read_people(&self, readings: &mut Readings) {
        let online = self.0.presence.count();
        readings.count(
            "chinwag_users_online",
            "Users who are online, at whichever server",
            online.anywhere,
        );
        readings.count(
            "chinwag_users_online_here",
            "Users who are online at this server",
            online.here,
        );
        readings.count(
            "chinwag_channels",
            "Users to whom events are handed out here",
            self.0.hub.channels(),
        );
    }

    fn read_progress(&self, readings: &mut Readings) {
        readings.seconds(
            "chinwag_log_lag",
            "How long ago the log was read to its end for the last time: all that was written before was handed out",
            self.0.rounds.lag().as_secs_f64(),
        );
        readings.count(
            "chinwag_log_waiting_entries",
            "Entries that were read and wait for an earlier one of their conversation",
            self.0.hub.waiting(),
        );
        readings.seconds(
            "chinwag_lease_age",
            "How long ago this server could say for the last time that it lives",
            self.0.renewed.lock().elapsed().as_secs_f64(),
        );
        for (name, (length, capacity)) in [
            ("sends", self.0.outbox.waiting()),
            ("password_hashes", self.0.hasher.waiting()),
            ("signals", self.0.signalling.waiting()),
            (
                "signals_to_look_up",
                (
                    self.0.asides.max_capacity() - self.0.asides.capacity(),
                    self.0.asides.max_capacity(),
                ),
            ),
        ] {
            readings.queue(Waits {
                name,
                length,
                capacity,
            });
        }
    }

    fn read_store(&self, readings: &mut Readings) {
        let Vitals {
            lanes,
            unfollowed,
            hears,
            database,
            write_ahead_log,
            queues,
        } = self.0.store.vitals();
        for (name, help, count) in [
            (
                "chinwag_lanes",
                "Lanes of the log that this server holds",
                lanes,
            ),
            (
                "chinwag_unfollowed_entries",
                "Entries of the log that lists and documents may not show by themselves yet",
                unfollowed,
            ),
            (
                "chinwag_hearing",
                "1 while other servers are heard at once, else 0",
                hears.map(usize::from),
            ),
        ] {
            if let Some(count) = count {
                readings.count(name, help, count);
            }
        }
        for (name, help, size) in [
            ("chinwag_database", "Size of the database's file", database),
            (
                "chinwag_database_wal",
                "Size of the write-ahead log beside the database",
                write_ahead_log,
            ),
        ] {
            if let Some(size) = size {
                readings.bytes(name, help, size);
            }
        }
        for queue in queues {
            readings.queue(Waits {
                name: queue.name,
                length: queue.length,
                capacity: queue.capacity,
            });
        }
    }
}
