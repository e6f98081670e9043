//! A survey summed up by cells, with a mark for each.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    grid::{Grid, Place, Trial},
    style::Tone,
    survey::{Finding, Findings},
};

/// What the connections of a cell have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum State {
    /// A pod and itself only: not tried.
    Itself,
    /// All connect.
    Connects,
    /// All are dropped.
    Blocked,
    /// Some connect: replicas or address families differ.
    Mixed,
    /// At least one is neither, such as refused.
    Strange,
}

/// The symbol of a cell.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark {
    /// One column wide.
    pub(super) symbol: char,
    /// Its colour.
    pub(super) tone: Tone,
}

/// All cells' states.
pub(super) type Matrix = BTreeMap<Place, State>;

/// Sums a survey up.
pub(super) fn matrix(grid: &Grid, findings: &Findings) -> Matrix {
    grid.cells.iter().map(|(place, trials)| (*place, state(trials, findings))).collect()
}

fn state(trials: &BTreeSet<Trial>, findings: &Findings) -> State {
    let (mut open, mut blocked) = (0, 0);
    for trial in trials {
        match findings.get(trial) {
            Some(Finding::Connects) => open += 1,
            Some(Finding::Blocked) => blocked += 1,
            Some(Finding::Strange(_)) | None => return State::Strange,
        }
    }
    match (open, blocked) {
        (0, 0) => State::Itself,
        (_, 0) => State::Connects,
        (0, _) => State::Blocked,
        (_, _) => State::Mixed,
    }
}

/// How many cells are in this state.
pub(super) fn count(matrix: &Matrix, state: State) -> usize {
    matrix.values().filter(|other| **other == state).count()
}

impl State {
    /// Its mark.
    pub(super) fn mark(self) -> Mark {
        let (symbol, tone) = match self {
            Self::Itself => ('·', Tone::Faint),
            Self::Connects => ('●', Tone::Good),
            Self::Blocked => ('×', Tone::Blocked),
            Self::Mixed => ('◐', Tone::Notable),
            Self::Strange => ('!', Tone::Bad),
        };
        Mark { symbol, tone }
    }
}

/// Marks for a plain matrix.
pub(super) fn marks(matrix: &Matrix) -> BTreeMap<Place, Mark> {
    matrix.iter().map(|(place, state)| (*place, state.mark())).collect()
}

/// Marks for a matrix in which only what changed stands out.
pub(super) fn change_marks(before: &Matrix, after: &Matrix) -> BTreeMap<Place, Mark> {
    let mark = |place: &Place, state: State| {
        if before.get(place) == Some(&state) {
            return Mark { tone: Tone::Faint, ..state.mark() };
        }
        let symbol = match state {
            State::Connects => '+',
            State::Blocked => '−',
            State::Itself | State::Mixed | State::Strange => state.mark().symbol,
        };
        Mark { symbol, tone: Tone::Notable }
    };
    after.iter().map(|(place, state)| (*place, mark(place, *state))).collect()
}
