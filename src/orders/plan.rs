//! Who pays how much of which line: pure, and the same for every way of paying.
//!
//! First prices are lowered: by the one discount that is chosen, then by a discount coupon. Then cash coupons pay, flexi-purchase
//! coupons, stored-value cards (those that expire first), cash, and last credit. The vendor's pages name this order for
//! pay-per-use fees; for orders they name the coupons before money, and cash before credit. All is paid, or nothing is.

use super::model::{Amounts, ReductionKind, Share, Source};
use rust_decimal::Decimal;
use uuid::Uuid;

/// What a coupon pays, line by line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Coupon {
    /// Which.
    pub id: Uuid,
    /// What it takes off, under which name.
    pub source: Source,
    /// How much of which line.
    pub lines: Vec<(usize, Decimal)>,
}

/// A purse with what it has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Purse {
    /// What it is.
    pub source: Source,
    /// The card, or the account.
    pub id: Uuid,
    /// How much it can pay.
    pub available: Decimal,
}

/// The purses together have too little.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Insufficient;

/// Lowers prices by a discount: `left` is what is left of each line.
pub fn lower(lines: &mut [Amounts], kind: ReductionKind, left: &[Decimal]) {
    for (line, left) in lines.iter_mut().zip(left) {
        line.reduce(kind, line.after_discount - left);
    }
}

/// Lets coupons pay, in the order given.
pub fn pay_by_coupons(lines: &mut [Amounts], coupons: &[Coupon]) -> Vec<Share> {
    let mut shares = Vec::new();
    for coupon in coupons {
        let kind = match coupon.source {
            Source::DiscountCoupon => ReductionKind::DiscountCoupon,
            Source::FlexiCoupon => ReductionKind::FlexiCoupon,
            _ => ReductionKind::CashCoupon,
        };
        for (line, amount) in &coupon.lines {
            lines[*line].reduce(kind, *amount);
            shares.push(Share { line: *line, source: coupon.source, source_id: coupon.id, amount: *amount });
        }
    }
    shares
}

/// Lets purses pay what is due, in the order given, line by line; and what is left of each line then.
pub fn spread(due: Vec<Decimal>, purses: &[Purse]) -> (Vec<Share>, Vec<Decimal>) {
    let (mut left, mut shares) = (due, Vec::new());
    for purse in purses {
        let mut available = purse.available.max(Decimal::ZERO);
        for (line, left) in left.iter_mut().enumerate() {
            let amount = available.min(*left);
            if amount > Decimal::ZERO {
                available -= amount;
                *left -= amount;
                shares.push(Share { line, source: purse.source, source_id: purse.id, amount });
            }
        }
    }
    (shares, left)
}

/// Lets purses pay all that is left of an order. What cards pay is no longer part of what is shown as paid; what others pay is.
pub fn pay_by_purses(lines: &mut [Amounts], purses: &[Purse]) -> Result<Vec<Share>, Insufficient> {
    let (shares, left) = spread(lines.iter().map(|line| line.after_discount).collect(), purses);
    for share in shares.iter().filter(|share| share.source == Source::Card) {
        lines[share.line].after_discount -= share.amount;
        lines[share.line].card += share.amount;
    }
    if left.iter().all(Decimal::is_zero) { Ok(shares) } else { Err(Insufficient) }
}

/// What each purse pays in all, in the order in which they first pay.
pub fn totals(shares: &[Share]) -> Vec<(Source, Uuid, Decimal)> {
    let mut totals: Vec<(Source, Uuid, Decimal)> = Vec::new();
    for share in shares {
        match totals.iter_mut().find(|total| (total.0, total.1) == (share.source, share.source_id)) {
            Some(total) => total.2 += share.amount,
            None => totals.push((share.source, share.source_id, share.amount)),
        }
    }
    totals
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn purse(source: Source, cents: i64) -> Purse {
        Purse { source, id: Uuid::nil(), available: Decimal::new(cents, 2) }
    }

    /// What was taken off and paid is the official amount, on each line.
    fn is_whole(line: &Amounts) -> bool {
        let reductions: Decimal = line.reductions.iter().map(|reduction| reduction.1).sum();
        line.official == line.after_discount + reductions + line.card && line.after_discount >= Decimal::ZERO
    }

    #[test]
    fn cash_pays_before_credit_and_a_cent_too_little_pays_nothing() {
        let order = || vec![Amounts::unpaid(Decimal::new(11_900, 2))];
        let mut lines = order();
        let shares = pay_by_purses(&mut lines, &[purse(Source::Cash, 10_000), purse(Source::Credit, 5_000)]);
        let paid: Vec<_> = totals(&shares.expect("it is enough")).iter().map(|total| (total.0, total.2)).collect();
        assert_eq!(paid, [(Source::Cash, Decimal::new(10_000, 2)), (Source::Credit, Decimal::new(1_900, 2))]);
        assert_eq!(lines[0].after_discount, Decimal::new(11_900, 2), "both are shown as paid");
        let too_little = [purse(Source::Cash, 10_000), purse(Source::Credit, 1_899)];
        assert_eq!(pay_by_purses(&mut order(), &too_little), Err(Insufficient));
    }

    #[test]
    fn a_purse_in_debt_pays_nothing() {
        let mut lines = vec![Amounts::unpaid(Decimal::ONE)];
        let shares = pay_by_purses(&mut lines, &[purse(Source::Cash, -500), purse(Source::Credit, 100)]);
        assert_eq!(shares.expect("credit is enough").len(), 1);
    }

    proptest! {
        #[test]
        fn each_line_is_paid_in_full_and_no_purse_pays_more_than_it_has(
            officials in prop::collection::vec(1_i64..1_000_000, 1..6),
            ratio in 1_u32..100,
            coupon in 0_i64..2_000_000,
            purses in prop::collection::vec(-1_000_i64..2_000_000, 0..5),
        ) {
            let mut lines: Vec<Amounts> = officials.iter().map(|cents| Amounts::unpaid(Decimal::new(*cents, 2))).collect();
            let left: Vec<Decimal> =
                lines.iter().map(|line| (line.official * Decimal::new(ratio.into(), 2)).round_dp(2)).collect();
            lower(&mut lines, ReductionKind::Commercial, &left);
            let mut rest = Decimal::new(coupon, 2);
            let mut covered = Vec::new();
            for (place, line) in lines.iter().enumerate() {
                let amount = rest.min(line.after_discount);
                rest -= amount;
                covered.push((place, amount));
            }
            let coupon = Coupon { id: Uuid::nil(), source: Source::CashCoupon, lines: covered };
            let by_coupons: Decimal = pay_by_coupons(&mut lines, &[coupon]).iter().map(|share| share.amount).sum();
            let sources = [Source::Card, Source::Card, Source::Cash, Source::Credit];
            let purses: Vec<Purse> = purses.iter().zip(sources).enumerate()
                .map(|(place, (cents, source))| Purse {
                    source, id: Uuid::from_u128(place as u128), available: Decimal::new(*cents, 2),
                })
                .collect();
            let due: Decimal = lines.iter().map(|line| line.after_discount).sum();
            let has: Decimal = purses.iter().map(|purse| purse.available.max(Decimal::ZERO)).sum();
            match pay_by_purses(&mut lines, &purses) {
                Ok(shares) => {
                    prop_assert_eq!(shares.iter().map(|share| share.amount).sum::<Decimal>(), due);
                    for (_, id, paid) in totals(&shares) {
                        let purse = purses.iter().find(|purse| purse.id == id).expect("it is one of them");
                        prop_assert!(paid > Decimal::ZERO && paid <= purse.available);
                    }
                    for line in &lines {
                        prop_assert!(is_whole(line), "{line:?}");
                    }
                    let official: Decimal = lines.iter().map(|line| line.official).sum();
                    let off = Amounts::sum(&lines).by(ReductionKind::Commercial);
                    prop_assert_eq!(official, off + by_coupons + due);
                }
                Err(Insufficient) => prop_assert!(has < due),
            }
        }
    }
}
