//! Worked cases, and what holds for all.

use super::*;
use crate::coupons::limits::Limits;
use proptest::prelude::*;
use time::Duration;
use time::macros::datetime;
use uuid::Uuid;

const NOW: OffsetDateTime = datetime!(2026-03-01 00:00 UTC);

/// What is bought: `product/service amount, …; words`. Words: renew, change, years, hours, usage, first=service,
/// partner=0.9, contract=0.9, promotion=0.9, usd. Without them: new, months.
fn purchase(text: &str) -> Purchase {
    let mut parts = text.split(';');
    let line = |text: &str| {
        let (name, amount) = text.trim().split_once(' ').expect("a line has an amount");
        let (product, service) = name.split_once('/').expect("a line has a service");
        Line { product: product.to_owned(), service: service.to_owned(), amount: amount.parse().expect("a number") }
    };
    let mut purchase = Purchase {
        lines: parts.next().expect("there is one part").split(',').map(line).collect(),
        currency: Currency::Cny,
        subscribe_type: Some(SubscribeType::New),
        period: Period::Months,
        first_in: BTreeSet::new(),
        discounts: Vec::new(),
        now: NOW,
    };
    for word in parts.next().unwrap_or_default().split_whitespace() {
        let mut discount =
            |kind, ratio: &str| purchase.discounts.push(Discount { kind, ratio: ratio.parse().expect("a number") });
        match word.split_once('=').unwrap_or((word, "")) {
            ("renew", _) => purchase.subscribe_type = Some(SubscribeType::Renew),
            ("change", _) => purchase.subscribe_type = Some(SubscribeType::Change),
            ("years", _) => purchase.period = Period::Years,
            ("hours", _) => purchase.period = Period::Hours,
            ("usage", _) => purchase.period = Period::PayPerUse,
            ("usd", _) => purchase.currency = Currency::Usd,
            ("first", service) => drop(purchase.first_in.insert(service.to_owned())),
            ("partner", ratio) => discount(DiscountKind::Partner, ratio),
            ("contract", ratio) => discount(DiscountKind::Contract, ratio),
            ("promotion", ratio) => discount(DiscountKind::Promotion, ratio),
            other => panic!("unknown word {other:?}"),
        }
    }
    purchase
}

/// Coupons: `name kind value words, …`, told apart by a letter. Words: dN expires in N days (30 unless said), from=N takes
/// effect in N days, group=N, used, usd, and limits as the command line writes them, with `+` between values.
fn coupons(text: &str) -> Vec<Candidate> {
    let coupon = |text: &str| {
        let mut words = text.split_whitespace();
        let name = words.next().and_then(|name| name.bytes().next()).expect("a coupon has a name");
        let kind = match words.next() {
            Some("cash") => CouponKind::Cash,
            Some("discount") => CouponKind::Discount,
            Some("product") => CouponKind::Product,
            Some("flexi") => CouponKind::Flexi,
            other => panic!("unknown kind {other:?}"),
        };
        let value = words.next().and_then(|value| value.parse().ok()).expect("a coupon has a value");
        let mut limits = Limits::default();
        let mut coupon = Candidate {
            id: CouponId(Uuid::from_u128(name.into())),
            kind,
            group: 0,
            value,
            currency: Currency::Cny,
            validity: Validity { from: NOW - Duration::DAY, until: NOW + Duration::days(30) },
            is_usable: true,
            rules: limits.rules().expect("no limits are sane"),
        };
        let days = |days: &str| NOW + Duration::days(days.parse().expect("a number"));
        for word in words {
            match word.split_once('=') {
                None if word == "used" => coupon.is_usable = false,
                None if word == "usd" => coupon.currency = Currency::Usd,
                None => coupon.validity.until = days(word.trim_start_matches('d')),
                Some(("from", start)) => coupon.validity.from = days(start),
                Some(("group", group)) => coupon.group = group.parse().expect("a number"),
                Some(_) => limits.add(&word.replace('+', ",")).expect("a limit"),
            }
        }
        coupon.rules = limits.rules().expect("the limits are sane");
        coupon
    };
    text.split(',').map(str::trim).filter(|text| !text.is_empty()).map(coupon).collect()
}

/// `a 30, b 20`, in the order in which they pay.
fn shown(covers: &[Cover]) -> String {
    let name = |id: CouponId| char::from(u8::try_from(id.0.as_u128()).expect("a letter"));
    covers
        .iter()
        .map(|cover| format!("{} {}", name(cover.coupon), cover.amount.normalize()))
        .collect::<Vec<_>>()
        .join(", ")
}

/// What is bought, the coupons there are, and what they pay: the best choice.
const CHOICES: [(&str, &str, &str); 40] = [
    // How much.
    ("vm/ecs 100", "a cash 30", "a 30"),
    ("vm/ecs 100", "a cash 100", "a 100"),
    ("vm/ecs 100", "a cash 130", "a 100"),
    ("vm/ecs 100", "", ""),
    ("vm/ecs 0.01", "a cash 50", "a 0.01"),
    ("vm/ecs 0", "a cash 50", ""),
    ("vm/ecs 100, disk/evs 50", "a cash 120", "a 120"),
    // In which order: what expires first pays first, and nothing is used for nothing.
    ("vm/ecs 100", "a flexi 60 d20, b flexi 60 d10", "b 60, a 40"),
    ("vm/ecs 50", "a flexi 60 d20, b flexi 60 d10", "b 50"),
    ("vm/ecs 100", "a flexi 50 d9, b flexi 100 d20", "a 50, b 50"),
    ("vm/ecs 100", "a flexi 10 d1, b flexi 20 d2, c flexi 30 d3, d flexi 40 d4", "b 20, c 30, d 40"),
    ("vm/ecs 100", "a flexi 10 d1, b flexi 20 d2, c flexi 30 d3, d flexi 90 d4", "a 10, b 20, d 70"),
    ("vm/ecs 100, disk/evs 50", "a flexi 60 d10, b flexi 60 d10 cloudServiceType=evs", "b 50, a 60"),
    // For what: an earlier coupon makes room for one that is good for less.
    ("vm/ecs 100, disk/evs 50", "a flexi 50 d1, b flexi 100 d2 cloudServiceType=ecs", "a 50, b 100"),
    ("vm/ecs 100, disk/evs 50", "a flexi 150 d1 cloudServiceType=evs, b flexi 20 d2 cloudServiceType=evs", "a 50"),
    ("vm/ecs 100, disk/evs 50", "a cash 80 productId=disk", "a 50"),
    ("vm/ecs 100, disk/evs 50", "a cash 120 excludedProductId=vm", "a 50"),
    ("vm/ecs 100", "a cash 80 cloudServiceType=rds", ""),
    ("vm/ecs 100", "a cash 80 subscribeType=renew", ""),
    ("vm/ecs 100; renew", "a cash 80 subscribeType=renew+change", "a 80"),
    ("vm/ecs 100", "a cash 80 cycleType=1", ""),
    ("vm/ecs 100; years", "a cash 80 cycleType=0", "a 80"),
    ("vm/ecs 100; usage", "a flexi 80 cycleType=0, b flexi 70 cycleType=5", "b 70"),
    ("vm/ecs 100, disk/evs 50; first=evs", "a cash 80 firstOrderInService=1", "a 50"),
    ("vm/ecs 100; first=rds", "a cash 80 firstOrderInService=1", ""),
    ("vm/ecs 99.99", "a cash 80 minOrderAmount=100", ""),
    ("vm/ecs 60, disk/evs 40", "a cash 80 minOrderAmount=100 cloudServiceType=evs", "a 40"),
    // Up to which share; whole cents.
    ("vm/ecs 100", "a cash 80 maxDeductionRatio=0.5", "a 50"),
    ("vm/ecs 0.99", "a cash 80 maxDeductionRatio=0.5", "a 0.49"),
    ("vm/ecs 100, disk/evs 50", "a cash 80 maxDeductionRatio=0.5 cloudServiceType=evs", "a 25"),
    ("vm/ecs 100", "a flexi 80 d1 maxDeductionRatio=0.5, b flexi 80 d2 maxDeductionRatio=0.5", "a 50, b 50"),
    // Beside what.
    ("vm/ecs 100; partner=0.9", "a flexi 80 simultaneousUseWithEmpowerDiscount=0, b flexi 20", "b 20"),
    ("vm/ecs 100; contract=0.8", "a flexi 80 minConsumeDiscount=0.9, b flexi 70 minConsumeDiscount=0.8", "b 70"),
    ("vm/ecs 100; promotion=0.8", "a cash 80 simultaneousUseWithContractDiscount=0", "a 80"),
    // What lowers the price: beside flexi-purchase and product coupons, not beside cash coupons.
    ("vm/ecs 100", "a discount 0.85", "a 15"),
    ("vm/ecs 100", "a discount 0.85, b cash 14.99", "a 15"),
    ("vm/ecs 100", "a discount 0.85, b cash 15.01", "b 15.01"),
    ("vm/ecs 100", "a flexi 200 d1, b discount 0.8 d9", "b 20, a 80"),
    (
        "vm/ecs 100, disk/evs 9.99",
        "a discount 0.5 cloudServiceType=evs, b product 120 productId=vm, c discount 0.9",
        "a 4.99, b 100",
    ),
    ("vm/ecs 100", "a flexi 40 group=1 d1, b flexi 40 group=2 d2, c flexi 30 d3", "a 40, c 30"),
];

#[test]
fn the_best_choice_of_forty() {
    for (bought, owned, expected) in CHOICES {
        assert_eq!(shown(&choose(&purchase(bought), &coupons(owned))), expected, "{bought} | {owned}");
    }
}

/// What is bought, the coupons a customer names, and what comes of it.
const NAMED: [(&str, &str, &str); 18] = [
    ("vm/ecs 100", "a flexi 30 d9, b flexi 30 d8", "b 30, a 30"),
    ("vm/ecs 100", "a flexi 100 d9, b flexi 30 d10", "a 100"),
    ("vm/ecs 100", "a flexi 50 d1, b cash 30 d9", "b 30, a 50"),
    ("vm/ecs 100", "a cash 30 d9, b cash 30 d8", "Clash(TwoCash)"),
    ("vm/ecs 100", "a flexi 50, b discount 0.8", "b 20, a 50"),
    ("vm/ecs 100", "a cash 30 used", "CBC.99003112"),
    ("vm/ecs 100; partner=0.9", "a cash 30 simultaneousUseWithEmpowerDiscount=0", "CBC.99003116"),
    ("vm/ecs 100; contract=0.9", "a cash 30 simultaneousUseWithContractDiscount=0", "CBC.99003116"),
    ("vm/ecs 100; promotion=0.9", "a cash 30 simultaneousUseWithPromotionDiscount=0", "CBC.99003116"),
    ("vm/ecs 100; promotion=0.85", "a cash 30 minConsumeDiscount=0.9", "CBC.99003117"),
    ("vm/ecs 100", "a cash 30, b discount 0.9", "CBC.99003147"),
    ("vm/ecs 100", "a flexi 30 group=2, b flexi 30 group=1", "CBC.99003156"),
    ("vm/ecs 100", "a cash 1, b cash 1, c cash 1, d cash 1", "Clash(TooMany)"),
    ("vm/ecs 100", "a cash 1, a cash 1", "Clash(Twice)"),
    ("vm/ecs 100", "a discount 0.9, b discount 0.9", "Clash(TwoDiscounts)"),
    ("vm/ecs 100", "a cash 30 d0", "NotValid"),
    ("vm/ecs 100", "a cash 30 from=1", "NotValid"),
    ("vm/ecs 100", "a cash 30 usd", "Currency"),
];

#[test]
fn what_a_customer_names_is_judged() {
    for (bought, named, expected) in NAMED {
        let outcome = match check(&purchase(bought), &coupons(named)) {
            Ok(covers) => shown(&covers),
            Err(refusal) => refusal.code().map_or_else(|| format!("{refusal:?}"), |(code, _)| code.to_owned()),
        };
        assert!(
            outcome == expected || (!expected.is_empty() && outcome.contains(expected)),
            "{bought} | {named}: {outcome}"
        );
    }
}

prop_compose! {
    fn any_purchase()(amounts in prop::collection::vec(0_i64..20_000, 1..4), first in any::<bool>()) -> Purchase {
        let line = |(place, amount): (usize, i64)| {
            let (product, service) = [("vm", "ecs"), ("disk", "evs"), ("db", "rds")][place];
            Line { product: product.to_owned(), service: service.to_owned(), amount: Decimal::new(amount, 2) }
        };
        Purchase {
            lines: amounts.into_iter().enumerate().map(line).collect(),
            first_in: if first { BTreeSet::from(["ecs".to_owned()]) } else { BTreeSet::new() },
            ..purchase("vm/ecs 1")
        }
    }
}

prop_compose! {
    fn any_coupon()(
        kind in 0..4_usize, value in 1_i64..15_000, days in 0_i64..6, group in 0_i16..3, usable in 0..8_u8,
        services in prop::collection::btree_set(prop::sample::select(vec!["ecs", "evs", "rds"]), 0..3),
        ratio in prop::option::of(1_i64..=100), first in 0..8_u8,
    ) -> Candidate {
        let kind = [CouponKind::Cash, CouponKind::Discount, CouponKind::Product, CouponKind::Flexi][kind];
        let mut coupon = coupons("a cash 1").remove(0);
        coupon.kind = kind;
        coupon.value = if kind == CouponKind::Discount { Decimal::new(1 + value % 99, 2) } else { Decimal::new(value, 2) };
        coupon.group = group;
        coupon.is_usable = usable > 0;
        coupon.validity.until = NOW + Duration::days(days);
        let services: BTreeSet<String> = services.into_iter().map(str::to_owned).collect();
        coupon.rules.services = (!services.is_empty()).then_some(services);
        coupon.rules.max_deduction_ratio = ratio.map(|ratio| Decimal::new(ratio, 2));
        coupon.rules.first_order_in_service = first == 0;
        coupon
    }
}

prop_compose! {
    fn any_coupons(max: usize)(coupons in prop::collection::vec(any_coupon(), 0..max)) -> Vec<Candidate> {
        let numbered = coupons.into_iter().zip(1_u128..);
        numbered.map(|(coupon, id)| Candidate { id: CouponId(Uuid::from_u128(id)), ..coupon }).collect()
    }
}

fn total(covers: &[Cover]) -> Decimal {
    covers.iter().map(|cover| cover.amount).sum()
}

/// What these coupons pay one after the other, in this order, each as much as it can: no foresight, and what lowers the
/// price first.
fn one_after_the_other(purchase: &Purchase, coupons: &[&Candidate]) -> Decimal {
    let mut flow_prices: Vec<Decimal> = purchase.lines.iter().map(|line| line.amount).collect();
    let mut paid = Decimal::ZERO;
    for coupon in coupons.iter().filter(|coupon| coupon.kind == CouponKind::Discount) {
        for line in fit(purchase, coupon).unwrap_or_default() {
            let off = cents(flow_prices[line] * (Decimal::ONE - coupon.value));
            flow_prices[line] -= off;
            paid += off;
        }
    }
    let mut left = flow_prices.clone();
    for coupon in coupons.iter().filter(|coupon| coupon.kind != CouponKind::Discount) {
        let lines = fit(purchase, coupon).unwrap_or_default();
        let good_for: Decimal = lines.iter().map(|line| flow_prices[*line]).sum();
        let mut supply =
            coupon.value.min(coupon.rules.max_deduction_ratio.map_or(good_for, |ratio| cents(good_for * ratio)));
        for line in lines {
            let amount = supply.min(left[line]);
            left[line] -= amount;
            supply -= amount;
            paid += amount;
        }
    }
    paid
}

/// Every set of at most three that fit and do not clash, in every order.
fn every_order(purchase: &Purchase, coupons: &[Candidate]) -> Vec<Vec<Candidate>> {
    let mut orders: Vec<Vec<Candidate>> = vec![Vec::new()];
    let mut grown = orders.clone();
    for _ in 0..ORDER_MAX {
        let mut longer = Vec::new();
        for order in &grown {
            for coupon in coupons {
                let is_new = order.iter().all(|other| other.id != coupon.id && clash(other, coupon).is_none());
                if is_new && fit(purchase, coupon).is_ok() {
                    longer.push(order.iter().cloned().chain([coupon.clone()]).collect());
                }
            }
        }
        orders.extend(longer.iter().cloned());
        grown = longer;
    }
    orders
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn never_more_than_the_bill_nor_than_a_coupon_holds(purchase in any_purchase(), coupons in any_coupons(9)) {
        let covers = choose(&purchase, &coupons);
        for (place, line) in purchase.lines.iter().enumerate() {
            let paid: Decimal = covers.iter().flat_map(|cover| &cover.lines).filter(|(of, _)| *of == place).map(|(_, amount)| *amount).sum();
            prop_assert!(paid <= line.amount, "line {place}: {paid} of {}", line.amount);
        }
        for cover in &covers {
            let coupon = coupons.iter().find(|coupon| coupon.id == cover.coupon).expect("it is one of them");
            let lines = fit(&purchase, coupon).expect("only what fits pays");
            prop_assert!(cover.amount > Decimal::ZERO && cover.lines.iter().all(|(line, amount)| lines.contains(line) && *amount > Decimal::ZERO));
            prop_assert!(coupon.kind == CouponKind::Discount || cover.amount <= coupon.value);
            let good_for: Decimal = lines.iter().map(|line| purchase.lines[*line].amount).sum();
            let ratio = coupon.rules.max_deduction_ratio.filter(|_| coupon.kind != CouponKind::Discount);
            prop_assert!(cover.amount <= ratio.unwrap_or(Decimal::ONE) * good_for);
        }
    }

    #[test]
    fn never_an_excluded_combination(purchase in any_purchase(), coupons in any_coupons(12)) {
        let covers = choose(&purchase, &coupons);
        prop_assert!(covers.len() <= ORDER_MAX);
        let used: Vec<&Candidate> =
            covers.iter().map(|cover| coupons.iter().find(|coupon| coupon.id == cover.coupon).expect("it is one of them")).collect();
        for (place, coupon) in used.iter().enumerate() {
            prop_assert!(coupon.is_usable && coupon.validity.contains(purchase.now));
            for other in &used[..place] {
                prop_assert_eq!(clash(other, coupon), None);
            }
        }
        // What was chosen may also be named.
        let named: Vec<Candidate> = used.into_iter().cloned().collect();
        prop_assert_eq!(check(&purchase, &named), Ok(covers));
    }

    #[test]
    fn no_other_set_and_no_other_order_pays_more(purchase in any_purchase(), coupons in any_coupons(5)) {
        let chosen = total(&choose(&purchase, &coupons));
        for order in every_order(&purchase, &coupons) {
            let other = one_after_the_other(&purchase, &order.iter().collect::<Vec<_>>());
            prop_assert!(other <= chosen, "{other} > {chosen}: {order:?}");
            // Nor does it matter in which order a customer names them.
            if order.len() == ORDER_MAX {
                let reversed: Vec<Candidate> = order.iter().rev().cloned().collect();
                prop_assert_eq!(check(&purchase, &order), check(&purchase, &reversed));
            }
        }
    }

    #[test]
    fn many_coupons_are_chosen_from_in_time(purchase in any_purchase(), coupons in any_coupons(60)) {
        prop_assert!(total(&choose(&purchase, &coupons)) <= purchase.lines.iter().map(|line| line.amount).sum());
    }
}
