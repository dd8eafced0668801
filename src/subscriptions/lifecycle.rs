//! What becomes of a resource as time goes on: expiry, grace, retention, automatic renewal.
//!
//! From the vendor's manual: an expired resource still works in its grace period, is frozen in the retention period after
//! it, and is deleted then. How many days both have depends on the site and the customer's level. Automatic renewal is
//! tried at 03:00 of UTC+8 from seven days before the end (or as many as the account has chosen), every day until it is
//! paid or the retention is over.
//!
//! Ours, where the manual is silent: each of these periods ends at the second at which the one before it does, 23:59:59;
//! a policy 5 ("delete out of retention") goes the way of policy 0, which ends there; and a deployment that serves both
//! sites follows the Chinese one.

use crate::pricing::model::{Period, PeriodType};
use crate::values::coded::coded;
use crate::values::site::Site;
use crate::values::time::Day;
use serde::Serialize;
use time::{Duration, OffsetDateTime};

coded! {
    /// How a resource stands: 2 in use, 3 closed, 4 frozen, 5 expired.
    ResourceStatus {
        /// In use.
        InUse = 2,
        /// Unsubscribed, deleted or turned to on-demand: gone for good.
        Closed = 3,
        /// In the retention period: its data is kept, it cannot be used. So are the resources of a frozen account.
        Frozen = 4,
        /// In the grace period: it still works.
        Expired = 5,
    }

    /// What happens when a resource's time is over: 0 grace, then retention, then deletion; 1 to on-demand; 2 deletion at
    /// once; 3 automatic renewal; 4 frozen at once; 5 deletion out of retention.
    ExpirePolicy {
        /// Grace, then retention, then deletion.
        Grace = 0,
        /// It is charged by use from then on.
        ToOnDemand = 1,
        /// It is deleted at once.
        Delete = 2,
        /// It is renewed before; where that fails it goes the way of [`Self::Grace`].
        AutoRenew = 3,
        /// Retention without grace.
        Freeze = 4,
        /// It is deleted at the end of its retention.
        DeleteAfterRetention = 5,
    }
}

/// A customer's level, which the vendor gives by what is spent.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, sqlx::Type)]
#[sqlx(type_name = "text")]
#[expect(missing_docs, reason = "the levels have no other names")]
pub enum CustomerLevel {
    #[default]
    V0,
    V1,
    V2,
    V3,
    V4,
    V5,
}

/// How long the vendor waits for its money, in days.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Leniency {
    /// After the end, while the resource still works.
    pub grace: u8,
    /// After that, while its data is kept.
    pub retention: u8,
}

impl Leniency {
    /// Of resources that are bought for a time.
    pub fn of_period(site: Site, level: CustomerLevel) -> Self {
        use CustomerLevel::{V0, V1, V2, V3, V4, V5};
        let (grace, retention) = match (site, level) {
            (Site::Intl, _) => (15, 15),
            (_, V4 | V5) => (7, 15),
            (_, V3) => (7, 7),
            (_, V1 | V2) => (1, 7),
            (_, V0) => (1, 1),
        };
        Self { grace, retention }
    }

    /// Of resources that are paid by use, from the first use on that could not be paid.
    pub fn of_use(site: Site, level: CustomerLevel) -> Self {
        use CustomerLevel::{V0, V1, V2, V3, V4, V5};
        let (grace, retention) = match (site, level) {
            (Site::Intl, _) => (15, 15),
            (_, V4 | V5) => (7, 15),
            (_, V3) => (1, 7),
            (_, V1 | V2) => (0, 7),
            (_, V0) => (0, 1),
        };
        Self { grace, retention }
    }

    /// When the grace is over.
    pub fn grace_end(self, expiry: OffsetDateTime) -> OffsetDateTime {
        expiry + Duration::days(self.grace.into())
    }

    /// When the retention after the grace is over.
    pub fn retention_end(self, expiry: OffsetDateTime) -> OffsetDateTime {
        self.grace_end(expiry) + Duration::days(self.retention.into())
    }
}

/// What a resource becomes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Becomes {
    /// Expired: in grace.
    Expired,
    /// Frozen: in retention.
    Frozen,
    /// On-demand: it is closed, and one that is charged by use begins.
    OnDemand,
    /// Closed.
    Closed,
}

impl Becomes {
    /// Its status then.
    pub fn status(self) -> ResourceStatus {
        match self {
            Self::Expired => ResourceStatus::Expired,
            Self::Frozen => ResourceStatus::Frozen,
            Self::OnDemand | Self::Closed => ResourceStatus::Closed,
        }
    }
}

/// The one table of what becomes of a resource, and when: each row later than the one before, or at the same instant where
/// a period has no days.
fn stages(policy: ExpirePolicy, expiry: OffsetDateTime, leniency: Leniency) -> Vec<(OffsetDateTime, Becomes)> {
    match policy {
        ExpirePolicy::Grace | ExpirePolicy::AutoRenew | ExpirePolicy::DeleteAfterRetention => vec![
            (expiry, Becomes::Expired),
            (leniency.grace_end(expiry), Becomes::Frozen),
            (leniency.retention_end(expiry), Becomes::Closed),
        ],
        ExpirePolicy::Freeze => {
            let without_grace = Leniency { grace: 0, ..leniency };
            vec![(expiry, Becomes::Frozen), (without_grace.retention_end(expiry), Becomes::Closed)]
        }
        ExpirePolicy::ToOnDemand => vec![(expiry, Becomes::OnDemand)],
        ExpirePolicy::Delete => vec![(expiry, Becomes::Closed)],
    }
}

/// When a resource changes next if nobody does anything, and what it becomes; `None` of one that is closed.
///
/// The instant can be past, where a policy was set late or nobody looked: whoever looks then makes one change after the
/// other until the next one lies ahead.
pub fn next_change(
    status: ResourceStatus,
    policy: ExpirePolicy,
    expiry: OffsetDateTime,
    leniency: Leniency,
) -> Option<(OffsetDateTime, Becomes)> {
    let stages = stages(policy, expiry, leniency);
    let first = stages.iter().find(|(_, becomes)| match status {
        ResourceStatus::InUse => true,
        ResourceStatus::Expired => *becomes > Becomes::Expired,
        ResourceStatus::Frozen => *becomes > Becomes::Frozen,
        ResourceStatus::Closed => false,
    })?;
    // A period without days is passed over.
    stages.iter().rfind(|(at, _)| *at == first.0).copied()
}

/// How many days before the end automatic renewal is tried first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DaysBefore(u8);

impl DaysBefore {
    /// From 2 to 7.
    pub fn from_number(number: i16) -> Option<Self> {
        u8::try_from(number).ok().filter(|days| (2..=7).contains(days)).map(Self)
    }
}

impl Default for DaysBefore {
    fn default() -> Self {
        Self(7)
    }
}

/// When automatic renewal is tried next after an instant: that at which it was switched on, or at which it failed, or at
/// which the resource was renewed otherwise (with the new end). `None` once the retention is over.
pub fn next_attempt(
    after: OffsetDateTime,
    expiry: OffsetDateTime,
    days_before: DaysBefore,
    leniency: Leniency,
) -> Option<OffsetDateTime> {
    let first = three_o_clock(Day::of(expiry)) - Duration::days(days_before.0.into());
    let today = three_o_clock(Day::of(after));
    let next = if today > after { today } else { today + Duration::DAY };
    Some(next.max(first)).filter(|at| *at < leniency.retention_end(expiry))
}

fn three_o_clock(day: Day) -> OffsetDateTime {
    day.start() + Duration::hours(3)
}

/// For how long automatic renewal renews: one month or year as asked, else one of what the last order had, however many
/// that were (8 months: one month). What was bought by the day is renewed by the month, as renewals know only both.
pub fn renewal_period(asked: Option<PeriodType>, last: Period) -> Period {
    let kind = match asked.unwrap_or(last.kind) {
        PeriodType::Year => PeriodType::Year,
        PeriodType::Month | PeriodType::Day | PeriodType::Hour => PeriodType::Month,
    };
    Period { kind, num: 1 }
}

/// How often a resource is renewed by itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AutoRenewal {
    /// This often, 0 to 99; 0 is without end.
    pub times: i16,
    /// Of these so many have been. Renewals by hand do not count.
    pub done: i16,
}

impl AutoRenewal {
    /// Switched on, or on again, which without a number changes nothing and with one begins anew.
    pub fn switched_on(before: Option<Self>, times: Option<i16>) -> Self {
        match (before, times) {
            (Some(before), None) => before,
            (_, times) => Self { times: times.unwrap_or(0), done: 0 },
        }
    }

    /// After an automatic renewal, with the policy that holds then: after the last one none is left.
    pub fn renewed(self) -> (Self, ExpirePolicy) {
        let after = Self { done: self.done.saturating_add(1), ..self };
        let is_over = after.times != 0 && after.done >= after.times;
        (after, if is_over { ExpirePolicy::Grace } else { ExpirePolicy::AutoRenew })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    const EXPIRY: OffsetDateTime = datetime!(2024-04-30 23:59:59 +8);
    const LENIENT: Leniency = Leniency { grace: 7, retention: 15 };

    /// All changes of a resource in use.
    fn course(policy: ExpirePolicy, leniency: Leniency) -> Vec<(i64, Becomes)> {
        let mut status = ResourceStatus::InUse;
        let mut course = Vec::new();
        while let Some((at, becomes)) = next_change(status, policy, EXPIRY, leniency) {
            course.push(((at - EXPIRY).whole_days(), becomes));
            assert!(course.len() <= 3, "it does not end: {course:?}");
            status = becomes.status();
        }
        course
    }

    #[test]
    fn each_policy_has_its_course() {
        use Becomes::{Closed, Expired, Frozen, OnDemand};
        let gentle = vec![(0, Expired), (7, Frozen), (22, Closed)];
        for (policy, expected) in [
            (ExpirePolicy::Grace, gentle.clone()),
            (ExpirePolicy::ToOnDemand, vec![(0, OnDemand)]),
            (ExpirePolicy::Delete, vec![(0, Closed)]),
            (ExpirePolicy::AutoRenew, gentle.clone()),
            (ExpirePolicy::Freeze, vec![(0, Frozen), (15, Closed)]),
            (ExpirePolicy::DeleteAfterRetention, gentle),
        ] {
            assert_eq!(course(policy, LENIENT), expected, "{policy:?}");
        }
    }

    #[test]
    fn periods_without_days_are_passed_over() {
        let of = |grace, retention| course(ExpirePolicy::Grace, Leniency { grace, retention });
        assert_eq!(of(0, 7), [(0, Becomes::Frozen), (7, Becomes::Closed)]);
        assert_eq!(of(0, 0), [(0, Becomes::Closed)]);
    }

    #[test]
    fn a_resource_that_is_frozen_with_its_account_is_not_thawed_by_time() {
        let next = |policy| next_change(ResourceStatus::Frozen, policy, EXPIRY, LENIENT);
        assert_eq!(next(ExpirePolicy::Grace), Some((LENIENT.retention_end(EXPIRY), Becomes::Closed)));
        assert_eq!(next(ExpirePolicy::ToOnDemand), Some((EXPIRY, Becomes::OnDemand)));
    }

    #[test]
    fn attempts_are_daily_until_the_retention_is_over() {
        let mut attempts = Vec::new();
        let mut after = datetime!(2024-04-01 00:00 +8);
        let leniency = Leniency { grace: 1, retention: 1 };
        while let Some(at) = next_attempt(after, EXPIRY, DaysBefore::default(), leniency) {
            attempts.push(at);
            assert!(at > after, "it is tried twice at {at}");
            after = at;
        }
        assert_eq!(attempts.len(), 10, "23 April to 2 May");
        assert_eq!(attempts[0], datetime!(2024-04-23 03:00 +8));
        assert_eq!(attempts[9], datetime!(2024-05-02 03:00 +8));
    }

    #[test]
    fn the_days_before_are_2_to_7() {
        assert_eq!([1, 8, -1].map(DaysBefore::from_number), [None; 3]);
        assert_eq!(DaysBefore::from_number(7), Some(DaysBefore::default()));
    }

    #[test]
    fn renewals_are_by_the_month_or_the_year() {
        let last = Period { kind: PeriodType::Day, num: 10 };
        assert_eq!(renewal_period(None, last), Period { kind: PeriodType::Month, num: 1 });
        assert_eq!(renewal_period(Some(PeriodType::Year), last), Period { kind: PeriodType::Year, num: 1 });
    }

    #[test]
    fn without_a_number_renewal_never_ends_and_a_new_number_begins_anew() {
        let on = AutoRenewal::switched_on(None, None);
        assert_eq!(AutoRenewal { done: 98, ..on }.renewed().1, ExpirePolicy::AutoRenew);
        let again = AutoRenewal::switched_on(Some(AutoRenewal { times: 3, done: 2 }), Some(3));
        assert_eq!(again, AutoRenewal { times: 3, done: 0 });
    }
}
