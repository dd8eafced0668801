//! The life of an export: one table, and nothing else decides which state follows which.

use State::{Done, Failed, Running, Waiting};

/// How an export stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "lowercase")]
pub enum State {
    /// Nobody has begun.
    Waiting,
    /// It is being written.
    Running,
    /// The file is whole.
    Done,
    /// It cannot be written.
    Failed,
}

/// What happens to an export.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    /// A replica takes it up, for the first time or after another one.
    Taken,
    /// A piece is written, and more follow.
    Continued,
    /// The last piece is written.
    Finished,
    /// It is given up.
    GivenUp,
}

/// From which state what leads where.
const TABLE: [(State, Event, State); 6] = [
    (Waiting, Event::Taken, Running),
    (Running, Event::Taken, Running),
    (Running, Event::Continued, Running),
    (Running, Event::Finished, Done),
    (Waiting, Event::GivenUp, Failed),
    (Running, Event::GivenUp, Failed),
];

/// The state that follows, or nothing if this cannot happen to an export that stands so.
pub fn next(from: State, event: Event) -> Option<State> {
    TABLE.iter().find(|row| row.0 == from && row.1 == event).map(|row| row.2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_row_is_there_twice_and_what_has_ended_stays_so() {
        for (place, row) in TABLE.iter().enumerate() {
            assert!(!TABLE[..place].iter().any(|other| (other.0, other.1) == (row.0, row.1)), "{row:?}");
            assert!(![Done, Failed].contains(&row.0), "{row:?}");
        }
    }
}
