//! The terms in which the log was written, by which a log that was put back in time is told from the one before.

use super::{Progress, Seal, log::LANES};

/// The seals of all lanes.
#[derive(Clone, Debug, Default)]
pub struct Terms([Vec<Seal>; LANES]);

/// Says in which terms a progress stands, in 32 bits.
pub type TermsCheck = u32;

/// FNV-1a of nothing, and its prime (draft-eastlake-fnv, section 5): cursors are signed, so that it need not withstand
/// anybody.
const BASIS: u32 = 0x811c_9dc5;
const PRIME: u32 = 0x0100_0193;

impl Terms {
    /// Takes note of a seal; those of one lane come in their order.
    pub fn learn(&mut self, seal: Seal) {
        let lane = &mut self.0[seal.position.lane().number()];
        if lane.last().is_none_or(|last| last.position < seal.position) {
            lane.push(seal);
        }
    }

    /// Of whoever is so far: of each lane that it has a part of, the term that the part ends in. `None` when that is too
    /// long ago to be known, where of a lane only the newest `kept` seals are.
    pub fn check(&self, progress: &Progress, kept: usize) -> Option<TermsCheck> {
        let mut check = BASIS;
        let mut add = |bytes: &[u8]| {
            for byte in bytes {
                check = (check ^ u32::from(*byte)).wrapping_mul(PRIME);
            }
        };
        for position in progress.positions() {
            let seals = &self.0[position.lane().number()];
            match seals.partition_point(|seal| seal.position <= position) {
                // Written before there were terms.
                0 if seals.len() < kept => {}
                0 => return None,
                later => {
                    add(&[u8::try_from(position.lane().number()).unwrap_or(u8::MAX)]);
                    add(&seals[later - 1].mark.to_be_bytes());
                }
            }
        }
        Some(check)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Lane, Position};

    fn seal(lane: usize, number: i64, mark: u32) -> Seal {
        let position = Position::at(Lane::new(lane).expect("a lane"), number);
        Seal {
            position,
            rank: number,
            mark,
        }
    }

    fn at(lane: usize, number: i64) -> Progress {
        [seal(lane, number, 0).position].into_iter().collect()
    }

    #[test]
    fn another_term_is_another_check_and_the_same_is_the_same() {
        let mut terms = Terms::default();
        let before = terms.check(&at(0, 4), 10);
        terms.learn(seal(0, 5, 11));
        terms.learn(seal(0, 9, 12));
        terms.learn(seal(2, 1, 11));
        assert_eq!(before, Some(BASIS), "of data without terms");
        assert_eq!(terms.check(&at(0, 4), 10), before);
        let checks = [at(0, 5), at(0, 9), at(2, 1)].map(|progress| terms.check(&progress, 10));
        assert!(
            checks
                .iter()
                .all(|check| check.is_some() && *check != before)
        );
        assert_ne!(checks[0], checks[1]);
        assert_ne!(checks[0], checks[2]);
        assert_eq!(terms.check(&at(0, 8), 10), checks[0]);
        assert_eq!(terms.check(&at(0, 999), 10), checks[1]);
        let mut put_back = Terms::default();
        put_back.learn(seal(0, 5, 13));
        assert_ne!(put_back.check(&at(0, 8), 10), checks[0]);
    }

    #[test]
    fn what_is_older_than_the_seals_that_are_kept_is_not_known() {
        let mut terms = Terms::default();
        terms.learn(seal(0, 5, 1));
        terms.learn(seal(0, 7, 2));
        assert_eq!(terms.check(&at(0, 4), 2), None);
        assert!(terms.check(&at(0, 5), 2).is_some());
    }
}
