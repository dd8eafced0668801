//! What an order is on bills: a charge for each of its lines, made when it is paid or gives something back.

use super::model::{Order, OrderType, ReductionKind, Share, Source, SourceType};
use super::plan;
use super::store::lines;
use crate::accounts::credit;
use crate::charges::model::{BillType, BillingMode, Charge, OfOrder, Paid, Subject, UnitPrice, Used};
use crate::coupons::model::CouponKind;
use crate::customers::model::AssociationType;
use crate::ledger::books::Books;
use crate::ledger::{self, AccountKind, Purse};
use crate::values::id::{ChargeId, DomainId, TenantId, new_uuid};
use crate::values::money::Currency;
use crate::values::time::Month;
use rust_decimal::Decimal;
use sqlx::PgConnection;
use time::OffsetDateTime;

/// The charges of an order that is just paid: what purses paid of each line.
pub fn paid(order: &Order, shares: &[Share], at: OffsetDateTime) -> Vec<Charge> {
    let charge = |(place, line): (usize, &super::model::Line)| {
        let discount = line.amounts.reductions.iter().filter(|reduction| !is_coupon(reduction.0));
        let discount: Decimal = discount.map(|reduction| reduction.1).sum();
        let paid = split(shares.iter().filter(|share| share.line == place).map(|share| (share.source, share.amount)));
        Charge { official: line.amounts.official, discount, consume: paid.sum(), paid, ..blank(order, place, at) }
    };
    order.lines.iter().enumerate().map(charge).collect()
}

/// The charges of an order that has just given something back, below zero: what came back, line by line, and the master account
/// to which, if one had paid.
pub fn given_back(
    (order, association): (&Order, Option<AssociationType>),
    came_back: &[(Paid, Option<DomainId>)],
    at: OffsetDateTime,
) -> Vec<Charge> {
    let charge = |(place, (returned, payer)): (usize, &(Paid, Option<DomainId>))| {
        let (paid, amount) = (returned.negated(), -returned.sum());
        Charge { association, payer: *payer, official: amount, consume: amount, paid, ..blank(order, place, at) }
    };
    came_back.iter().enumerate().map(charge).collect()
}

/// Coupons that lower no price: they pay.
fn is_coupon(kind: ReductionKind) -> bool {
    matches!(kind, ReductionKind::CashCoupon | ReductionKind::FlexiCoupon)
}

/// As what a coupon pays.
pub fn source_of(kind: CouponKind) -> Source {
    match kind {
        CouponKind::Discount => Source::DiscountCoupon,
        CouponKind::Flexi => Source::FlexiCoupon,
        CouponKind::Cash | CouponKind::Product => Source::CashCoupon,
    }
}

/// A customer's own money in the order in which it pays: a resale customer pays with what its partner allocated to it first,
/// others with what they paid in.
pub fn money_of(kind: Option<AssociationType>) -> [(Source, AccountKind); 3] {
    let (cash, allocated) = ((Source::Cash, AccountKind::Cash), (Source::Allocated, AccountKind::Allocated));
    let credit = (Source::Credit, AccountKind::Credit);
    match kind {
        Some(AssociationType::Resale) => [allocated, cash, credit],
        _ => [cash, allocated, credit],
    }
}

/// An account's purses of these kinds, in their order; credit is a purse for each lot, the one that ends first first. Those that
/// were never used are left out: there is nothing in them.
pub async fn purses(
    connection: &mut PgConnection,
    (tenant, owner): (TenantId, DomainId),
    (kinds, currency): (&[(Source, AccountKind)], Currency),
    now: OffsetDateTime,
) -> sqlx::Result<Vec<(Source, Purse)>> {
    let held = ledger::store::balances(connection, tenant, &[owner]).await?;
    let mut purses = Vec::with_capacity(kinds.len());
    for &(source, kind) in kinds {
        if kind == AccountKind::Credit {
            let lots = credit::lots(connection, (tenant, owner), currency, now).await?;
            purses.extend(lots.into_iter().map(|lot| (source, credit::purse(tenant, lot.id, currency))));
        } else if held.iter().any(|balance| balance.kind == kind && balance.currency == currency) {
            purses.push((source, Purse::of(tenant, owner, kind, currency)));
        }
    }
    Ok(purses)
}

/// What each purse can pay: down to its floor.
pub fn available(books: &Books, money: &[(Source, Purse)]) -> Vec<plan::Purse> {
    let purse = |(source, purse): &(Source, Purse)| {
        let account = books.account(purse).filter(|account| !account.closed);
        let available = account.map_or(Decimal::ZERO, |account| account.balance - account.floor.unwrap_or_default());
        plan::Purse { source: *source, id: purse.owner(), available }
    };
    money.iter().map(purse).collect()
}

/// What each pocket paid. A coupon that lowers the price pays nothing.
pub fn split(parts: impl Iterator<Item = (Source, Decimal)>) -> Paid {
    let mut paid = Paid::default();
    for (source, amount) in parts {
        let pocket = match source {
            Source::DiscountCoupon => continue,
            Source::CashCoupon => &mut paid.coupon,
            Source::FlexiCoupon => &mut paid.flexi,
            Source::Card => &mut paid.card,
            Source::Bonus => &mut paid.bonus,
            Source::Cash | Source::Allocated | Source::Partner => &mut paid.cash,
            Source::Credit => &mut paid.credit,
        };
        *pocket += amount;
    }
    paid
}

fn bill_type(order: &Order) -> BillType {
    match (order.kind, order.source) {
        (OrderType::Renew, SourceType::System) => BillType::AutomaticRenewal,
        (OrderType::Renew, _) => BillType::Renewal,
        (OrderType::Change, _) if order.gives_back() => BillType::ChangeRefund,
        (OrderType::Change, _) => BillType::Change,
        (OrderType::Unsubscribe, _) => BillType::Unsubscription,
        (OrderType::ToOnDemand, _) => BillType::ToOnDemandRefund,
        (OrderType::FeeAdjustment, _) => BillType::Deduction,
        (OrderType::New | OrderType::ToPeriod | OrderType::Trial | OrderType::ToCommercial, _) => BillType::Purchase,
    }
}

/// A charge of a line of an order, of nothing.
fn blank(order: &Order, place: usize, at: OffsetDateTime) -> Charge {
    let line = &order.lines[place];
    let product = &line.product;
    let kinds = line.amounts.reductions.iter().filter(|reduction| !is_coupon(reduction.0));
    let kinds: Vec<String> = kinds.map(|reduction| reduction.0.code().to_string()).collect();
    let is_for_a_time = line.period.num > 0;
    Charge {
        tenant: order.tenant,
        customer: order.customer,
        cycle: Month::of(at),
        consumed_at: at,
        used_until: at,
        id: ChargeId(new_uuid(at)),
        payer: order.payer,
        partner: order.partner,
        association: order.paid_as,
        currency: order.currency,
        bill_type: bill_type(order),
        charging_mode: BillingMode::Period,
        charged_at: at,
        trade_id: order.id.clone(),
        order: OfOrder {
            order_id: Some(order.id.clone()),
            order_type: Some(order.kind.code()),
            order_line: Some(lines::number(place)),
            period_type: i16::try_from(line.period.kind.number()).ok().filter(|_| is_for_a_time),
            period_num: i32::try_from(line.period.num).ok().filter(|_| is_for_a_time),
        },
        subject: Subject {
            service_type: product.service_type.clone(),
            resource_type: product.resource_type.clone(),
            region: product.region.clone(),
            resource_id: line.resource_id.clone().unwrap_or_default(),
            resource_name: line.resource_name.clone(),
            parent_id: line.main.and_then(|main| order.lines[main].resource_id.clone()),
            resource_spec: product.resource_spec.clone(),
            resource_size: product.size.map(|size| size.size),
            size_measure_id: product.size.map(|size| size.measure_id),
            product_id: product.product_id.clone(),
            enterprise_project: order.enterprise_project.clone().unwrap_or_default(),
        },
        used: Used::default(),
        price: UnitPrice::default(),
        official: Decimal::ZERO,
        discount: Decimal::ZERO,
        erase: Decimal::ZERO,
        consume: Decimal::ZERO,
        paid: Paid::default(),
        promotion_types: kinds.join(","),
        steps: None,
    }
}
