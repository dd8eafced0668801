//! The life of an invoice: one table, and nothing else decides which status follows which.

use Status::{InReview, Issued, Refused, Returned, Sent, Withdrawn};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How an invoice stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum Status {
    /// It was asked for; the vendor looks at it.
    InReview,
    /// Who asked for it does not want it any more.
    Withdrawn,
    /// The vendor does not issue it.
    Refused,
    /// It has a number.
    Issued,
    /// It is on its way.
    Sent,
    /// It is given back and void.
    Returned,
}

/// What happens to an invoice.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    /// It is asked for.
    Requested,
    /// Who asked for it takes that back.
    Withdrawn,
    /// Staff refuse it.
    Refused,
    /// Staff issue it.
    Issued,
    /// Staff send it.
    Sent,
    /// It comes back.
    Returned,
}

/// From which status what leads where.
const TABLE: [(Option<Status>, Event, Status); 7] = [
    (None, Event::Requested, InReview),
    (Some(InReview), Event::Withdrawn, Withdrawn),
    (Some(InReview), Event::Refused, Refused),
    (Some(InReview), Event::Issued, Issued),
    (Some(Issued), Event::Sent, Sent),
    (Some(Issued), Event::Returned, Returned),
    (Some(Sent), Event::Returned, Returned),
];

/// The status that follows, or nothing if this cannot happen to an invoice that stands so.
pub fn next(from: Option<Status>, event: Event) -> Option<Status> {
    TABLE.iter().find(|row| row.0 == from && row.1 == event).map(|row| row.2)
}

impl Status {
    /// Whether what the invoice held may be invoiced again.
    pub fn is_void(self) -> bool {
        matches!(self, Withdrawn | Refused | Returned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn no_row_is_there_twice_and_what_is_void_stays_so() {
        for (place, row) in TABLE.iter().enumerate() {
            assert!(!TABLE[..place].iter().any(|other| (other.0, other.1) == (row.0, row.1)), "{row:?}");
            assert!(!row.0.is_some_and(Status::is_void), "{row:?}");
        }
    }

    proptest! {
        #[test]
        fn an_invoice_is_void_once_whatever_happens_to_it(events in prop::collection::vec(0..TABLE.len(), 0..20)) {
            let (mut status, mut ends) = (next(None, Event::Requested), 0);
            for event in events {
                if let Some(to) = next(status, TABLE[event].1).filter(|_| status.is_some()) {
                    ends += usize::from(to.is_void());
                    status = Some(to);
                }
            }
            prop_assert!(ends <= 1);
        }
    }
}
