//! Settling a customer's usage: packages first, then coupons, cards, bonus, cash and credit of who pays for it; that one owes the
//! rest. One transaction,
//! one group of transfers.

use super::intake::interval;
use super::model::{Waiting, is_peak};
use super::settlement::{self, Amounts, Settled};
use super::store;
use crate::accounts::cards;
use crate::charges::model::{BillType, BillingMode, Charge, OfOrder, Paid, Subject, UnitPrice, Used};
use crate::charges::store as charges;
use crate::coupons::choice::{self, Candidate, Cover, DiscountKind as Beside};
use crate::coupons::limits::Period;
use crate::coupons::returns;
use crate::coupons::store::coupons::{self, Coupon, Which};
use crate::coupons::usage::{self, Payment};
use crate::customers::budgets;
use crate::customers::model::AssociationType;
use crate::customers::payer::Payer;
use crate::customers::store::{self as customers, State as Customer};
use crate::ledger::{self, AccountKind, Posting, Purse, TransferKind};
use crate::orders::desk::Desk;
use crate::orders::model::{Share, Source};
use crate::orders::{charging, plan};
use crate::packages::model::{Deduction, Quantity, Span, Usage};
use crate::packages::store as packages;
use crate::pricing::discounts::DiscountKind;
use crate::pricing::model::{ProductCodes, Size};
use crate::pricing::quote::{self, Quoting};
use crate::pricing::rating::{Trace, UsageItem};
use crate::resources::arrears;
use crate::values::id::{ChargeId, DomainId, TenantId, new_uuid};
use crate::values::money::Currency;
use crate::values::site::Site;
use crate::values::time::Month;
use anyhow::Context;
use rust_decimal::Decimal;
use sqlx::PgConnection;
use std::collections::{BTreeMap, BTreeSet};
use time::OffsetDateTime;
use uuid::Uuid;

/// A charge that is to be paid, and what coupons must know of it.
#[derive(Clone, Debug)]
pub struct Due {
    /// The charge; nobody has paid it yet.
    pub charge: Charge,
    /// The discounts that it contains.
    pub discounts: Vec<choice::Discount>,
    /// The records it is of.
    pub records: Vec<(OffsetDateTime, String)>,
}

/// Settles what a customer has used and is due by an instant; how many records that was.
pub async fn settle(
    connection: &mut PgConnection,
    desk: &Desk,
    account: (TenantId, DomainId),
    at: OffsetDateTime,
) -> anyhow::Result<usize> {
    let customer = customers::lock(connection, account.0, account.1).await?.context("usage of nobody's")?;
    let waiting = store::waiting(connection, account, at).await?;
    let terms = quote::terms_of(connection, account, desk.currency(), at).await?;
    let cycles: BTreeSet<Month> = waiting.iter().map(|record| Month::of(record.from)).collect();
    let cycles: Vec<Month> = cycles.into_iter().chain([Month::of(at)]).collect();
    let resources: BTreeSet<String> = waiting.iter().map(|record| record.of.resource_id.clone()).collect();
    let resources: Vec<String> = resources.into_iter().collect();
    let mut before = store::used_before(connection, account, (&cycles, &resources)).await?;
    let associations = store::associations(connection, account).await?;
    let settled =
        settlement::together(waiting, |record| interval(&desk.catalogue, &record.usage_type, record.measure_id));
    let (mut dues, mut count) = (Vec::new(), 0);
    for settled in settled {
        count += settled.records.len();
        // What has no price any more is kept aside, and takes nothing out of packages.
        let quoting = Quoting { pricing: &desk.catalogue.pricing, customer: &terms, now: at };
        if quoting.metered((&item(&settled, settled.quantity), Decimal::ZERO), &mut Trace::default()).is_err() {
            store::set_unpriced(connection, account.0, &records_of(&settled.records)).await?;
            continue;
        }
        let cycle = settlement::cycle(settled.from, at);
        let deduction = deduct(connection, account, &settled, at).await?;
        let first = settled.first();
        let key = (cycle, first.of.resource_id.clone(), first.usage_type.to_ascii_lowercase(), first.measure_id);
        let used = before.entry(key).or_default();
        let rated = rate((&quoting, desk.site), (&settled, &deduction, *used));
        let (amounts, rated) = rated.context("the month's usage together costs more than can be charged")?;
        *used += deduction.rest;
        let whose = (account, associations.at(settled.from), terms.currency);
        let charge = charge(whose, (&settled, &deduction, cycle), (amounts, &rated), at);
        dues.push(Due { charge, discounts: rated.beside, records: records_of(&settled.records) });
    }
    pay(connection, (account, &customer, terms.currency), dues, at).await?;
    Ok(count)
}

fn records_of(records: &[Waiting]) -> Vec<(OffsetDateTime, String)> {
    records.iter().map(|record| (record.from, record.record_id.clone())).collect()
}

/// Takes usage out of the customer's packages.
async fn deduct(
    connection: &mut PgConnection,
    account: (TenantId, DomainId),
    settled: &Settled,
    at: OffsetDateTime,
) -> sqlx::Result<Deduction> {
    let first = settled.first();
    let nothing = Deduction { shares: Vec::new(), rest: settled.quantity };
    // A bandwidth is no quantity that could be used up.
    let Some(quantity) = Quantity::try_from(settled.quantity).ok().filter(|_| !is_peak(&first.usage_type)) else {
        return Ok(nothing);
    };
    let usage = Usage {
        resource_id: first.of.resource_id.clone(),
        resource_tag: String::new(),
        resource_type: first.of.resource_type.clone(),
        usage_type: first.usage_type.clone(),
        quantity,
        measure_id: first.measure_id,
        region: first.of.region.clone(),
        enterprise_project: Some(first.of.enterprise_project.clone()).filter(|project| !project.is_empty()),
        scenario: first.scenario.clone(),
        span: Span { from: settled.from, until: settled.until },
    };
    packages::deduct(connection, account, &usage, at).await
}

/// How usage became an amount.
struct Rated {
    product_id: String,
    price: UnitPrice,
    promotion_types: String,
    beside: Vec<choice::Discount>,
    steps: serde_json::Value,
}

/// A quantity of what was used, as the price book asks for it.
fn item(settled: &Settled, quantity: Decimal) -> UsageItem<'_> {
    let first = settled.first();
    UsageItem {
        codes: ProductCodes {
            service_type: &first.of.service_type,
            resource_type: &first.of.resource_type,
            spec: &first.of.spec,
            region: &first.of.region,
        },
        size: first.of.size.map(|(size, measure_id)| Size { size, measure_id }),
        factor: &first.usage_type,
        value: quantity * settled.share,
        measure_id: first.measure_id,
        count: 1,
    }
}

/// What is left after packages costs; nothing if the price book has no price for it, or it costs more than can be charged.
fn rate(
    (quoting, site): (&Quoting<'_>, Site),
    (settled, deduction, before): (&Settled, &Deduction, Decimal),
) -> Option<(Amounts, Rated)> {
    let mut trace = Trace::kept();
    let (rated, unit_price) = quoting.metered((&item(settled, deduction.rest), before), &mut trace).ok()?;
    let kinds: BTreeSet<i32> = rated.taken.iter().map(|taken| taken.discount.kind.number()).collect();
    let kinds: Vec<String> = kinds.iter().map(ToString::to_string).collect();
    let beside = rated.taken.iter().map(|taken| choice::Discount {
        kind: match taken.discount.kind {
            DiscountKind::Commercial | DiscountKind::Contract => Beside::Contract,
            DiscountKind::Partner => Beside::Partner,
            DiscountKind::Promotion => Beside::Promotion,
        },
        ratio: taken.discount.ratio,
    });
    let details = Rated {
        product_id: rated.product_id.to_owned(),
        price: UnitPrice {
            unit_price: unit_price.map(|(price, _)| price),
            price_divisor: unit_price.map(|(_, divisor)| divisor),
        },
        promotion_types: kinds.join(","),
        beside: beside.collect(),
        steps: serde_json::to_value(trace.take()).unwrap_or_default(),
    };
    Some((settlement::amounts(rated.official, rated.amount, site), details))
}

fn charge(
    ((tenant, customer), association, currency): ((TenantId, DomainId), Option<(DomainId, AssociationType)>, Currency),
    (settled, deduction, cycle): (&Settled, &Deduction, Month),
    (amounts, rated): (Amounts, &Rated),
    at: OffsetDateTime,
) -> Charge {
    let first = settled.first();
    let of = &first.of;
    let covered: Decimal = deduction.shares.iter().map(|share| share.used).sum();
    let id = ChargeId(new_uuid(at));
    Charge {
        tenant,
        customer,
        cycle,
        consumed_at: settled.from,
        used_until: settled.until,
        id,
        payer: None,
        partner: association.map(|association| association.0),
        association: association.map(|association| association.1),
        currency,
        bill_type: BillType::Use,
        charging_mode: BillingMode::OnDemand,
        charged_at: at,
        trade_id: id.0.simple().to_string(),
        order: OfOrder::NONE,
        subject: Subject {
            service_type: of.service_type.clone(),
            resource_type: of.resource_type.clone(),
            region: of.region.clone(),
            resource_id: of.resource_id.clone(),
            resource_name: of.name.clone(),
            parent_id: None,
            resource_spec: of.spec.clone(),
            resource_size: of.size.map(|size| size.0),
            size_measure_id: of.size.map(|size| size.1),
            product_id: rated.product_id.clone(),
            enterprise_project: of.enterprise_project.clone(),
        },
        used: Used {
            usage_type: first.usage_type.clone(),
            quantity: Some(settled.quantity),
            measure_id: Some(first.measure_id),
            from_packages: Some(covered).filter(|covered| !covered.is_zero()),
        },
        price: rated.price,
        official: amounts.official,
        discount: amounts.discount,
        erase: amounts.erase,
        consume: amounts.consume,
        paid: Paid { debt: amounts.consume, ..Paid::default() },
        promotion_types: rated.promotion_types.clone(),
        steps: Some(rated.steps.clone()),
    }
}

/// Lets who pays for a customer that is locked pay charges, and writes them with what became of their records.
pub async fn pay(
    connection: &mut PgConnection,
    ((tenant, customer), state, currency): ((TenantId, DomainId), &Customer, Currency),
    mut dues: Vec<Due>,
    at: OffsetDateTime,
) -> anyhow::Result<()> {
    if dues.is_empty() {
        return Ok(());
    }
    let payer = Payer::of(connection, tenant, (customer, state)).await?;
    let used = choose_coupons(connection, (tenant, payer.id), &dues, currency, at).await?;
    let mut shares: Vec<Share> = Vec::new();
    let mut left: Vec<Decimal> = dues.iter().map(|due| due.charge.consume).collect();
    for (coupon, cover) in used.iter().flatten() {
        for (line, amount) in &cover.lines {
            left[*line] -= amount;
            let source = charging::source_of(coupon.kind);
            shares.push(Share { line: *line, source, source_id: coupon.id.0, amount: *amount });
        }
    }
    let coupons: Vec<Coupon> = used.iter().flatten().map(|(coupon, _)| coupon.clone()).collect();
    let homes = returns::homes(connection, tenant, &coupons).await?;
    let trade = dues[0].charge.trade_id.clone();
    let payment = payment((tenant, customer), &dues, &trade);
    let flat: Vec<(Coupon, Cover)> = used.into_iter().flatten().collect();
    let mut postings = usage::postings(&payment, &flat, &homes);
    let is_more_due = left.iter().any(|due| *due > Decimal::ZERO);
    if is_more_due || !postings.is_empty() {
        let money = if is_more_due {
            purses(connection, (tenant, payer.id), (payer.kind(), currency), at).await?
        } else {
            Vec::new()
        };
        let mut all = ledger::purses(&postings);
        all.push(Purse::vendor(tenant, currency));
        all.extend(money.iter().map(|(_, purse)| *purse));
        let books = ledger::lock(connection, tenant, &all, at).await?;
        let (paid, _) = plan::spread(left, &charging::available(&books, &money));
        let trades: Vec<(DomainId, &str)> = dues.iter().map(|due| (customer, due.charge.trade_id.as_str())).collect();
        postings.extend(to_vendor((tenant, currency), &trades, (&paid, &money)));
        shares.extend(paid);
        let transfers = ledger::post_locked(connection, tenant, books, &postings, at).await?;
        usage::record(connection, &payment, &flat, (&transfers, &homes), at).await?;
    }
    let mut money_spent = Decimal::ZERO;
    for (place, due) in dues.iter_mut().enumerate() {
        let parts = shares.iter().filter(|share| share.line == place).map(|share| (share.source, share.amount));
        let mut paid = charging::split(parts);
        paid.debt = due.charge.consume - paid.sum();
        money_spent += paid.cash + paid.credit;
        due.charge.paid = paid;
        due.charge.payer = payer.master();
    }
    let written: Vec<Charge> = dues.iter().map(|due| due.charge.clone()).collect();
    charges::record(connection, tenant, &written).await?;
    let settled = dues.iter().flat_map(|due| due.records.iter().map(|(from, id)| (*from, id.clone(), due.charge.id)));
    store::set_charged(connection, tenant, &settled.collect::<Vec<_>>()).await?;
    budgets::consume(connection, (tenant, payer.id), money_spent, at).await?;
    if written.iter().any(|charge| charge.paid.debt > Decimal::ZERO) {
        arrears::begin(connection, (tenant, customer), at).await?;
    }
    Ok(())
}

fn payment<'a>((tenant, customer): (TenantId, DomainId), dues: &[Due], trade: &'a str) -> Payment<'a> {
    let kinds: BTreeSet<(&str, &str)> = dues
        .iter()
        .map(|due| (due.charge.subject.service_type.as_str(), due.charge.subject.resource_type.as_str()))
        .collect();
    let only = kinds.first().filter(|_| kinds.len() == 1);
    let paid_for = only.map(|(service, resource)| ((*service).to_owned(), (*resource).to_owned()));
    Payment { tenant, reference: trade, customer, is_usage: true, paid_for: paid_for.unwrap_or_default(), user: None }
}

/// The coupons that pay, locked, and what each pays: charges with the same discounts are one purchase, since coupons may exclude
/// some of these.
async fn choose_coupons(
    connection: &mut PgConnection,
    (tenant, holder): (TenantId, DomainId),
    dues: &[Due],
    currency: Currency,
    now: OffsetDateTime,
) -> anyhow::Result<Vec<Vec<(Coupon, Cover)>>> {
    let mut alike: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (place, due) in dues.iter().enumerate().filter(|(_, due)| due.charge.consume > Decimal::ZERO) {
        alike.entry(due.charge.promotion_types.clone()).or_default().push(place);
    }
    if alike.is_empty() {
        return Ok(Vec::new());
    }
    let held = coupons::lock(connection, tenant, Which::UsableOf(holder)).await?;
    let candidates = held.iter().map(Candidate::of).collect::<Result<Vec<_>, _>>().map_err(anyhow::Error::msg)?;
    // What lowers a price is for orders; it would be used up by an hour of use.
    let mut candidates: Vec<Candidate> = candidates.into_iter().filter(|one| one.kind.holds_money()).collect();
    let mut used = Vec::new();
    for places in alike.into_values() {
        let purchase = choice::Purchase {
            lines: places
                .iter()
                .map(|place| &dues[*place].charge)
                .map(|charge| choice::Line {
                    product: charge.subject.product_id.clone(),
                    service: charge.subject.service_type.clone(),
                    amount: charge.consume,
                })
                .collect(),
            currency,
            subscribe_type: None,
            period: Period::PayPerUse,
            first_in: BTreeSet::new(),
            discounts: dues[places[0]].discounts.clone(),
            now,
        };
        let covers = choice::choose(&purchase, &candidates);
        candidates.retain(|one| covers.iter().all(|cover| cover.coupon != one.id));
        let found = |cover: Cover| {
            let lines = cover.lines.iter().map(|(line, amount)| (places[*line], *amount)).collect();
            Some((held.iter().find(|coupon| coupon.id == cover.coupon)?.clone(), Cover { lines, ..cover }))
        };
        used.push(covers.into_iter().filter_map(found).collect());
    }
    Ok(used)
}

/// The purses that pay for use, in their order: cards that expire first, bonus, cash, credit.
pub async fn purses(
    connection: &mut PgConnection,
    (tenant, payer): (TenantId, DomainId),
    (kind, currency): (Option<AssociationType>, Currency),
    at: OffsetDateTime,
) -> sqlx::Result<Vec<(Source, Purse)>> {
    let cards = cards::all_usable(connection, (tenant, payer), currency, at).await?;
    let card = |id: Uuid| (Source::Card, Purse::new(tenant, id, AccountKind::StoredValueCard, currency));
    let own: Vec<_> = [(Source::Bonus, AccountKind::Bonus)].into_iter().chain(charging::money_of(kind)).collect();
    let own = charging::purses(connection, (tenant, payer), (&own, currency), at).await?;
    Ok(cards.into_iter().map(|found| card(found.id)).chain(own).collect())
}

/// What purses pay to the vendor: a transfer for each purse and charge, for its customer, with its settlement for a reference.
pub fn to_vendor(
    (tenant, currency): (TenantId, Currency),
    trades: &[(DomainId, &str)],
    (paid, money): (&[Share], &[(Source, Purse)]),
) -> Vec<Posting> {
    let posting = |share: &Share| {
        let purse = money.iter().find(|(of, purse)| (*of, purse.owner()) == (share.source, share.source_id));
        Posting {
            kind: TransferKind::Usage,
            from: purse.expect("only these were planned with").1,
            to: Purse::vendor(tenant, currency),
            amount: share.amount,
            customer: Some(trades[share.line].0),
            reference: trades[share.line].1.to_owned(),
            memo: String::new(),
            user: None,
        }
    };
    paid.iter().map(posting).collect()
}
