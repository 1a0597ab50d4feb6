//! Places in the log: lanes, positions in them, and how far someone is.

use std::fmt;

/// How many lanes there can be, and so how many processes can write at the same time.
pub const LANES: usize = 16;

/// Where a lane's number begins in a position.
const LANE_SHIFT: u32 = 48;

/// One of the log's lanes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Lane(u8);

impl Lane {
    /// The first one, and the only one of an embedded store.
    pub const FIRST: Self = Self(0);

    /// `None` for a number that no lane has.
    pub fn new(number: usize) -> Option<Self> {
        let lane = u8::try_from(number).ok()?;
        (number < LANES).then_some(Self(lane))
    }

    /// All of them, in their order.
    pub fn all() -> impl DoubleEndedIterator<Item = Self> {
        (0..LANES).filter_map(Self::new)
    }

    /// Its number, below [`LANES`].
    pub fn number(self) -> usize {
        self.0.into()
    }

    /// Where it begins: before its first entry.
    pub fn start(self) -> Position {
        Position(i64::from(self.0) << LANE_SHIFT)
    }

    /// Behind everything that it can hold.
    pub fn end(self) -> Position {
        Position(self.start().0 | ((1 << LANE_SHIFT) - 1))
    }
}

/// An entry's place in the log: its lane, and its number there. Orders by lane first.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Position(pub i64);

impl Position {
    /// Before everything; every reader has had it.
    pub const START: Self = Self(0);

    /// The one with this number in a lane.
    pub fn at(lane: Lane, number: i64) -> Self {
        Self(lane.start().0 + number)
    }

    /// Whose lane it is in.
    pub fn lane(self) -> Lane {
        // Stores hold what was written there by us; whatever else it is belongs to no reader's progress.
        Lane::new(usize::try_from(self.0 >> LANE_SHIFT).unwrap_or(0)).unwrap_or(Lane::FIRST)
    }

    /// 1, 2, 3, … within its lane; 0 before the first.
    pub fn number(self) -> i64 {
        self.0 - self.lane().start().0
    }

    /// The next one of its lane.
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Debug for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.lane().number(), self.number())
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// How far someone is in each lane.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Progress([i64; LANES]);

impl Default for Progress {
    fn default() -> Self {
        Self([0; LANES])
    }
}

impl Progress {
    /// How far in a lane.
    pub fn in_lane(&self, lane: Lane) -> Position {
        Position::at(lane, self.0[lane.number()])
    }

    /// Whether a position is part of it.
    pub fn covers(&self, position: Position) -> bool {
        position.number() <= self.0[position.lane().number()]
    }

    /// Whether all of another one is part of it.
    pub fn includes(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).all(|(own, other)| own >= other)
    }

    /// Goes on to a position, if it is not there yet.
    pub fn advance(&mut self, to: Position) {
        let own = &mut self.0[to.lane().number()];
        *own = to.number().max(*own);
    }

    /// Goes on to where another one is, lane by lane.
    pub fn join(&mut self, other: &Self) {
        for (own, other) in self.0.iter_mut().zip(&other.0) {
            *own = (*own).max(*other);
        }
    }

    /// The ends of those lanes in which it is not at the beginning.
    pub fn positions(&self) -> impl Iterator<Item = Position> + '_ {
        Lane::all()
            .map(|lane| self.in_lane(lane))
            .filter(|position| position.number() > 0)
    }

    /// How much more of all lanes it has had than another one.
    pub fn beyond(&self, other: &Self) -> i64 {
        let lanes = self.0.iter().zip(&other.0);
        lanes.map(|(own, other)| (own - other).max(0)).sum()
    }
}

impl FromIterator<Position> for Progress {
    fn from_iter<I: IntoIterator<Item = Position>>(positions: I) -> Self {
        let mut progress = Self::default();
        positions
            .into_iter()
            .for_each(|position| progress.advance(position));
        progress
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.positions()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_a_lane_and_a_number_there() {
        for lane in Lane::all() {
            for number in [0, 1, 2, (1 << LANE_SHIFT) - 1] {
                let position = Position::at(lane, number);
                assert_eq!((position.lane(), position.number()), (lane, number));
                assert!(lane.start() <= position && position <= lane.end());
            }
        }
        assert_eq!(Position::at(Lane::FIRST, 7), Position(7));
        assert_eq!(Lane::new(LANES), None);
    }

    #[test]
    fn progress_is_counted_lane_by_lane() {
        let lane = |number| Lane::new(number).expect("a lane");
        let mut one: Progress = [Position::at(lane(0), 4), Position::at(lane(3), 2)]
            .into_iter()
            .collect();
        let other: Progress = [Position::at(lane(0), 2), Position::at(lane(5), 1)]
            .into_iter()
            .collect();
        assert!(one.covers(Position::at(lane(3), 2)) && !one.covers(Position::at(lane(3), 3)));
        assert!(one.covers(lane(9).start()) && !one.covers(Position::at(lane(9), 1)));
        assert!(!one.includes(&other) && !other.includes(&one));
        assert_eq!((one.beyond(&other), other.beyond(&one)), (4, 1));
        one.join(&other);
        assert!(one.includes(&other));
        let all = [
            Position::at(lane(0), 4),
            Position::at(lane(3), 2),
            Position::at(lane(5), 1),
        ];
        assert!(one.positions().eq(all));
    }
}
