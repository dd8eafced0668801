//! The life of a delivery: one table, and nothing else decides which state follows which.

use State::{Delivered, Failed, Uploading, Waiting};
use serde::Serialize;
use utoipa::ToSchema;

/// How a delivery stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, ToSchema, sqlx::Type)]
#[serde(rename_all = "lowercase")]
#[sqlx(type_name = "text", rename_all = "lowercase")]
#[schema(as = FileDeliveryState)]
pub enum State {
    /// The file is not written yet.
    Waiting,
    /// It is on its way; where an attempt has failed, it is tried again.
    Uploading,
    /// It is there.
    Delivered,
    /// It was given up.
    Failed,
}

/// What happens to a delivery.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    /// The file is written, and somebody begins to bring it, or goes on.
    Begun,
    /// All of it is there.
    Ended,
    /// It is given up.
    GivenUp,
}

/// From which state what leads where.
const TABLE: [(State, Event, State); 5] = [
    (Waiting, Event::Begun, Uploading),
    (Uploading, Event::Begun, Uploading),
    (Uploading, Event::Ended, Delivered),
    (Waiting, Event::GivenUp, Failed),
    (Uploading, Event::GivenUp, Failed),
];

/// The state that follows, or nothing if this cannot happen to a delivery that stands so.
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
            assert!(![Delivered, Failed].contains(&row.0), "{row:?}");
        }
    }
}
