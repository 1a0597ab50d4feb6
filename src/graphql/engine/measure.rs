//! The measures of a selection, and how those of its parts come together.

/// What is measured of a selection, with all its spreads followed.
#[derive(Clone, Copy, Debug)]
pub(super) enum Measure {
    /// A field counts 1, a page its size times what it holds.
    Complexity,
    Depth,
    /// Fields at the top of it.
    Top,
    Aliases,
    Directives,
    /// Values in arguments, with those of variables; a page's size times what it holds.
    Values,
    /// Fields that validation looks at: once for each selection set between them and their parent's field.
    Visits,
    /// Selection sets inside each other, those of fragments and spreads included.
    Levels,
    /// Introspection fields, each list's size times what it holds.
    Introspection,
    IntrospectionDepth,
    IntrospectionLists,
    /// `login` and `signup` at the top of it.
    SignIns,
}

/// One of each measure. Everything saturates.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cost([u64; Measure::SignIns as usize + 1]);

impl Cost {
    pub(super) fn get(&self, measure: Measure) -> u64 {
        self.0[measure as usize]
    }

    pub(super) fn with(mut self, measure: Measure, value: u64) -> Self {
        self.0[measure as usize] = value;
        self
    }

    pub(super) fn plus(self, measure: Measure, more: u64) -> Self {
        self.with(measure, self.get(measure).saturating_add(more))
    }

    pub(super) fn times(self, measure: Measure, size: u64) -> Self {
        self.with(measure, self.get(measure).saturating_mul(size))
    }

    /// Of two selections side by side: levels are those of the deeper one, all else adds up.
    pub(super) fn beside(self, other: Self) -> Self {
        const LEVELS: [Measure; 4] = [
            Measure::Depth,
            Measure::Levels,
            Measure::IntrospectionDepth,
            Measure::IntrospectionLists,
        ];
        let mut both = Self(std::array::from_fn(|at| {
            self.0[at].saturating_add(other.0[at])
        }));
        for level in LEVELS {
            both = both.with(level, self.get(level).max(other.get(level)));
        }
        both
    }

    /// Of what validation names as unknown: no less than a field, as spreads of it multiply, too.
    pub(super) fn unknown() -> Self {
        [Measure::Complexity, Measure::Top, Measure::Visits]
            .into_iter()
            .fold(Self::default(), |cost, measure| cost.with(measure, 1))
    }
}
