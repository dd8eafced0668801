//! The life of an order: one table, and nothing else decides which status follows which.

use super::model::{Order, OrderStatus};
use crate::values::id::DomainId;
use Stage::{AwaitingAgent, Cancelled, Completed, Confirming, PendingPayment, Processing, Reviewing};

/// Where an order stands in its life: what its status says, and, while it is to be paid, whose turn that is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stage {
    /// The vendor looks at it.
    Reviewing,
    /// Money is to be given back.
    Refunding,
    /// It is paid, and being provided.
    Processing,
    /// It is cancelled.
    Cancelled,
    /// Everything is provided.
    Completed,
    /// Its customer has to pay it.
    PendingPayment,
    /// Somebody else has to pay it: the partner that its customer has asked, or the master account that keeps its finances. To
    /// everybody else it waits to be paid.
    AwaitingAgent,
    /// Its customer has to confirm it.
    Confirming,
}

impl Stage {
    /// What it is called on the wire.
    pub fn status(self) -> OrderStatus {
        match self {
            Self::Reviewing => OrderStatus::Reviewing,
            Self::Refunding => OrderStatus::Refunding,
            Self::Processing => OrderStatus::Processing,
            Self::Cancelled => OrderStatus::Cancelled,
            Self::Completed => OrderStatus::Completed,
            Self::PendingPayment | Self::AwaitingAgent => OrderStatus::PendingPayment,
            Self::Confirming => OrderStatus::Confirming,
        }
    }
}

/// An order that nobody else is asked to pay.
impl From<OrderStatus> for Stage {
    fn from(status: OrderStatus) -> Self {
        match status {
            OrderStatus::Reviewing => Self::Reviewing,
            OrderStatus::Refunding => Self::Refunding,
            OrderStatus::Processing => Self::Processing,
            OrderStatus::Cancelled => Self::Cancelled,
            OrderStatus::Completed => Self::Completed,
            OrderStatus::PendingPayment => Self::PendingPayment,
            OrderStatus::Confirming => Self::Confirming,
        }
    }
}

/// What happens to an order.
#[derive(Clone, Copy, PartialEq, Eq, Debug, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum Event {
    /// It is placed, to be paid.
    Placed,
    /// It is placed, and somebody of the vendor looks at it first.
    PlacedForReview,
    /// Staff place it; the customer has to confirm.
    PlacedByStaff,
    /// It is placed and paid at once, or nothing has to be paid.
    PlacedAndPaid,
    /// It is placed and everything is done already.
    PlacedAndDone,
    /// The review is passed.
    Approved,
    /// The review is not passed.
    Refused,
    /// The customer confirms.
    Confirmed,
    /// Its customer pays, or who keeps its finances does at once.
    Paid,
    /// Its customer asks the partner to pay.
    PartnerAsked,
    /// The partner pays.
    PartnerPaid,
    /// The partner does not pay, or is its customer's partner no more.
    PartnerRefused,
    /// The master account that keeps its customer's finances has to pay it.
    HandedOver,
    /// That one pays.
    MasterPaid,
    /// It keeps them no more.
    HandedBack,
    /// Somebody cancels.
    Cancelled,
    /// The deadline for paying is over.
    Expired,
    /// What it was about is gone, changed or turned to pay-per-use.
    Overtaken,
    /// All lines have an outcome.
    Provisioned,
}

/// From which status what leads where.
const TABLE: [(Option<Stage>, Event, Stage); 25] = [
    (None, Event::Placed, PendingPayment),
    (None, Event::PlacedForReview, Reviewing),
    (None, Event::PlacedByStaff, Confirming),
    (None, Event::PlacedAndPaid, Processing),
    (None, Event::PlacedAndDone, Completed),
    (Some(Reviewing), Event::Approved, PendingPayment),
    (Some(Reviewing), Event::Refused, Cancelled),
    (Some(Reviewing), Event::Overtaken, Cancelled),
    (Some(Confirming), Event::Confirmed, PendingPayment),
    (Some(Confirming), Event::Cancelled, Cancelled),
    (Some(Confirming), Event::Overtaken, Cancelled),
    (Some(PendingPayment), Event::Paid, Processing),
    (Some(PendingPayment), Event::Cancelled, Cancelled),
    (Some(PendingPayment), Event::Expired, Cancelled),
    (Some(PendingPayment), Event::Overtaken, Cancelled),
    // While somebody else is asked it is not the customer's turn to pay; cancelling ends the asking as well.
    (Some(PendingPayment), Event::PartnerAsked, AwaitingAgent),
    (Some(AwaitingAgent), Event::PartnerPaid, Processing),
    (Some(AwaitingAgent), Event::PartnerRefused, PendingPayment),
    (Some(PendingPayment), Event::HandedOver, AwaitingAgent),
    (Some(AwaitingAgent), Event::MasterPaid, Processing),
    (Some(AwaitingAgent), Event::HandedBack, PendingPayment),
    (Some(AwaitingAgent), Event::Cancelled, Cancelled),
    (Some(AwaitingAgent), Event::Expired, Cancelled),
    (Some(AwaitingAgent), Event::Overtaken, Cancelled),
    // A line that failed is given back by an order of its own; the order itself is done.
    (Some(Processing), Event::Provisioned, Completed),
];

/// The stage that follows, or nothing if this cannot happen to an order that stands so.
pub fn next(from: Option<Stage>, event: Event) -> Option<Stage> {
    TABLE.iter().find(|row| row.0 == from && row.1 == event).map(|row| row.2)
}

impl Order {
    /// Where it stands.
    pub fn stage(&self) -> Stage {
        if self.asked.is_some() { AwaitingAgent } else { self.status.into() }
    }

    /// Whose turn it is to pay it; nobody's if it does not wait for that.
    pub fn turn(&self) -> Option<DomainId> {
        match self.asked {
            Some(asked) => Some(asked.agent.id()),
            None => Some(self.customer).filter(|_| self.admits(Event::Paid)),
        }
    }

    /// Whether this can happen to it now.
    pub fn admits(&self, event: Event) -> bool {
        next(Some(self.stage()), event).is_some()
    }

    /// Lets this happen to it. The status that it had; nothing if it cannot happen to it, which leaves it as it is.
    pub fn undergo(&mut self, event: Event) -> Option<OrderStatus> {
        let stage = next(Some(self.stage()), event)?;
        let from = std::mem::replace(&mut self.status, stage.status());
        self.asked = self.asked.filter(|_| stage == AwaitingAgent);
        Some(from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn no_row_is_there_twice() {
        for (place, row) in TABLE.iter().enumerate() {
            assert!(!TABLE[..place].iter().any(|other| (other.0, other.1) == (row.0, row.1)), "{row:?}");
        }
    }

    #[test]
    fn what_is_over_stays_as_it_is() {
        for over in [Cancelled, Completed] {
            assert!(!TABLE.iter().any(|row| row.0 == Some(over)), "{over:?}");
        }
    }

    #[test]
    fn every_status_can_be_reached_and_leads_to_an_end() {
        let leads_on = |status| TABLE.iter().any(|row| row.0 == Some(status));
        for (_, _, to) in TABLE {
            assert!(leads_on(to) || matches!(to, Cancelled | Completed), "{to:?}");
        }
    }

    proptest! {
        #[test]
        fn an_order_ends_in_one_way_whatever_happens_to_it(events in prop::collection::vec(0..TABLE.len(), 0..40)) {
            let mut status = next(None, Event::Placed);
            let mut ends = 0;
            for event in events {
                if let Some(to) = next(status, TABLE[event].1).filter(|_| status.is_some()) {
                    status = Some(to);
                    ends += usize::from(matches!(to, Cancelled | Completed));
                }
            }
            prop_assert!(ends <= 1);
        }
    }
}
