//! Lists of charges and of their totals, those that were used last first.
//!
//! A statement has those conditions only that are asked for, so each finds its index. A page near the end is read from the
//! end. How many there are is read from the sums where these know all that is filtered by, else it is counted.

use super::model::{PaymentStatus, StatisticType};
use crate::api::page::Part;
use crate::charges::model::{BillType, BillingMode};
use crate::values::id::{ChargeId, DomainId, TenantId};
use crate::values::money::Currency;
use crate::values::time::{Day, Month};
use rust_decimal::Decimal;
use sqlx::{FromRow, PgConnection, Postgres, QueryBuilder};
use std::ops::RangeInclusive;
use time::{Date, OffsetDateTime};
use uuid::Uuid;

/// The amounts of a row, or of a sum.
#[derive(Clone, PartialEq, Eq, Debug, Default, FromRow)]
#[sqlx(default)]
pub struct Amounts {
    /// At list prices.
    pub official_amount: Decimal,
    /// Less by discounts.
    pub discount_amount: Decimal,
    /// Cut off below a cent.
    pub erase_amount: Decimal,
    /// What is to be paid.
    pub consume_amount: Decimal,
    /// By cash.
    pub cash_amount: Decimal,
    /// By credit.
    pub credit_amount: Decimal,
    /// By cash coupons.
    pub coupon_amount: Decimal,
    /// By flexi-purchase coupons.
    pub flexi_amount: Decimal,
    /// By stored-value cards.
    pub card_amount: Decimal,
    /// By bonus.
    pub bonus_amount: Decimal,
    /// By nobody yet.
    pub debt_amount: Decimal,
    /// Written off.
    pub writeoff_amount: Decimal,
}

/// A row of a bill: a charge, or charges of one resource added up. What makes no sense of several is `None` there.
#[derive(Clone, PartialEq, Debug, FromRow)]
pub struct Row {
    /// The customer.
    pub domain_id: DomainId,
    /// Who pays.
    pub payer_id: DomainId,
    /// The first day of the cycle.
    pub cycle: Date,
    /// From when on it was used; of an order: when it was paid.
    pub consumed_at: Option<OffsetDateTime>,
    /// Until when.
    pub used_until: Option<OffsetDateTime>,
    /// The charge.
    pub charge_id: Option<ChargeId>,
    /// The day; of a cycle its first one.
    pub day: Date,
    /// Whose customer it was; all zeros for nobody's in totals.
    pub partner_id: Option<DomainId>,
    /// How.
    pub association_type: Option<i16>,
    /// What it is for.
    pub bill_type: BillType,
    /// How that is paid for.
    pub charging_mode: BillingMode,
    /// When it was taken, the last time.
    pub charged_at: OffsetDateTime,
    /// The order, or the settlement.
    pub trade_id: String,
    /// The order.
    pub order_id: Option<String>,
    /// What the order is for.
    pub order_type: Option<i16>,
    /// The service type.
    pub service_type_code: String,
    /// The resource type.
    pub resource_type_code: String,
    /// The region.
    pub region_code: String,
    /// The resource.
    pub resource_id: String,
    /// Its name.
    pub resource_name: String,
    /// Of a secondary resource: its primary.
    pub parent_id: Option<String>,
    /// Its specification.
    pub resource_spec: String,
    /// Its size.
    pub resource_size: Option<i32>,
    /// The unit of the size.
    pub size_measure_id: Option<i32>,
    /// The product.
    pub product_id: String,
    /// The enterprise project; empty for none.
    pub enterprise_project_id: String,
    /// What was measured; empty for an order.
    pub usage_type_code: String,
    /// How much.
    pub usage_amount: Option<Decimal>,
    /// In which unit.
    pub usage_measure_id: Option<i32>,
    /// What packages covered of it.
    pub package_amount: Option<Decimal>,
    /// For periods of this length.
    pub period_type: Option<i16>,
    /// For how many.
    pub period_num: Option<i32>,
    /// The price, where it is one for any quantity.
    pub unit_price: Option<Decimal>,
    /// How many units of usage it is for.
    pub price_divisor: Option<Decimal>,
    /// The kinds of the discounts.
    pub promotion_types: Option<String>,
    /// The amounts.
    #[sqlx(flatten)]
    pub amounts: Amounts,
}

/// Whose rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whose {
    /// Those of these customers.
    Customers(Vec<DomainId>),
    /// A customer's, as far as it was the partner's then.
    OfPartner {
        /// The partner.
        partner: DomainId,
        /// The customer.
        customer: DomainId,
    },
}

/// Which of them; what is `None` does not filter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Of this service type.
    pub service_type: Option<String>,
    /// Of this resource type.
    pub resource_type: Option<String>,
    /// In this region.
    pub region: Option<String>,
    /// Paid for so.
    pub charging_mode: Option<BillingMode>,
    /// For this.
    pub bill_type: Option<BillType>,
    /// In this enterprise project; empty: in none.
    pub enterprise_project: Option<String>,
    /// Whether those of nothing are left out.
    pub without_zero: bool,
    /// How they stand.
    pub status: Option<PaymentStatus>,
    /// Of this order or settlement.
    pub trade: Option<String>,
    /// Of this resource.
    pub resource_id: Option<String>,
    /// Of resources of this name.
    pub resource_name: Option<String>,
    /// As such a customer of the partner's.
    pub association_type: Option<i16>,
    /// Paid by this account.
    pub payer: Option<DomainId>,
    /// Billed on these days.
    pub days: Option<RangeInclusive<Day>>,
}

impl Wanted {
    /// Adds what holds of charges and of sums alike: what is of which kind, and of which resource or trade.
    pub fn push(&self, query: &mut QueryBuilder<Postgres>) {
        for (column, value) in [
            ("service_type_code", &self.service_type),
            ("resource_type_code", &self.resource_type),
            ("region_code", &self.region),
            ("enterprise_project_id", &self.enterprise_project),
            ("trade_id", &self.trade),
            ("resource_id", &self.resource_id),
            ("resource_name", &self.resource_name),
        ] {
            if let Some(value) = value {
                query.push(format_args!(" and c.{column} = ")).push_bind(value.clone());
            }
        }
        for (column, code) in [
            ("charging_mode", self.charging_mode.map(BillingMode::code)),
            ("bill_type", self.bill_type.map(BillType::code)),
            ("association_type", self.association_type),
        ] {
            if let Some(code) = code {
                query.push(format_args!(" and c.{column} = ")).push_bind(code);
            }
        }
    }

    /// Whether the sums know all that is filtered by.
    fn is_summed(&self) -> bool {
        let Self { status, trade, resource_id, resource_name, payer, days, .. } = self;
        let is_of_some = trade.is_some() || resource_id.is_some() || resource_name.is_some() || payer.is_some();
        status.is_none() && !is_of_some && days.is_none()
    }
}

/// A list.
#[derive(Clone, Debug)]
pub struct Search {
    /// The tenant.
    pub tenant: TenantId,
    /// Whose rows.
    pub whose: Whose,
    /// In which cycles, the first and the last.
    pub cycles: (Month, Month),
    /// In which currency.
    pub currency: Currency,
    /// How they are added up.
    pub statistic: StatisticType,
    /// Which of them.
    pub wanted: Wanted,
}

/// What is read of a charge, without what [`ALIKE`] has.
pub(super) const SINGLE: &str = "select c.domain_id, c.cycle, c.consumed_at, c.used_until, c.charge_id,
        billed_on(c.consumed_at, c.cycle) as day, c.partner_id, c.association_type, c.order_type, c.unit_price,
        c.price_divisor, c.promotion_types, ";

const ADDED_UP: &str = "select c.domain_id, c.cycle, null::timestamptz as consumed_at, null::timestamptz as used_until,
        null::uuid as charge_id, c.day, c.partner_id, null::smallint as association_type, null::smallint as order_type,
        null::numeric as unit_price, null::numeric as price_divisor, null::text as promotion_types, ";

/// A charge, and how its amount came about.
#[derive(Clone, PartialEq, Debug, FromRow)]
pub struct Explained {
    /// The charge.
    #[sqlx(flatten)]
    pub row: Row,
    /// The currency.
    pub currency: Currency,
    /// How what packages did not cover became an amount; nothing of an order.
    pub steps: Option<serde_json::Value>,
}

/// A charge of a tenant.
pub async fn explained(
    connection: &mut PgConnection,
    tenant: TenantId,
    charge: ChargeId,
) -> sqlx::Result<Option<Explained>> {
    let mut query = QueryBuilder::<Postgres>::new(SINGLE);
    query.push(ALIKE).push(", c.currency, c.steps from charges c where c.tenant_id = ").push_bind(tenant.0);
    query.push(" and c.charge_id = ").push_bind(charge.0);
    query.build_query_as().fetch_optional(connection).await
}

/// What is read of charges and of their totals.
pub(super) const ALIKE: &str = "coalesce(c.payer_id, c.domain_id) as payer_id,
        c.bill_type, c.charging_mode, c.charged_at, c.trade_id, c.order_id, c.service_type_code,
        c.resource_type_code, c.region_code, c.resource_id, c.resource_name, c.parent_id, c.resource_spec, c.resource_size,
        c.size_measure_id, c.product_id, c.enterprise_project_id, c.usage_type_code, c.usage_amount, c.usage_measure_id,
        c.package_amount, c.period_type, c.period_num, c.official_amount, c.discount_amount, c.erase_amount,
        c.consume_amount, c.cash_amount, c.credit_amount, c.coupon_amount, c.flexi_amount, c.card_amount, c.bonus_amount,
        c.debt_amount, c.writeoff_amount";

impl Search {
    /// A page, and how many there are in all.
    pub async fn page(
        &self,
        connection: &mut PgConnection,
        (offset, limit): (usize, usize),
    ) -> sqlx::Result<(Vec<Row>, i64)> {
        let total: i64 = self.count().build_query_scalar().fetch_one(&mut *connection).await?;
        let Some(part) = Part::of(total, offset, limit) else { return Ok((Vec::new(), total)) };
        let mut rows: Vec<Row> = self.select(part).build_query_as().fetch_all(connection).await?;
        if part.is_from_the_end {
            rows.reverse();
        }
        Ok((rows, total))
    }

    fn is_single(&self) -> bool {
        self.statistic == StatisticType::Single
    }

    /// The statement that counts.
    pub fn count(&self) -> QueryBuilder<Postgres> {
        let mut query = QueryBuilder::new("select ");
        if self.is_single() && self.wanted.is_summed() {
            let counted = if self.wanted.without_zero { "c.charges - c.zero_charges" } else { "c.charges" };
            query.push(format_args!("coalesce(sum({counted}), 0)::bigint from charge_sums c"));
            self.push_conditions(&mut query, true);
        } else {
            query.push("count(*) from ").push(self.table());
            self.push_conditions(&mut query, false);
        }
        query
    }

    fn table(&self) -> &'static str {
        if self.is_single() { "charges c" } else { "charge_totals c" }
    }

    /// The statement that reads a part.
    pub fn select(&self, part: Part) -> QueryBuilder<Postgres> {
        let mut query = QueryBuilder::new(if self.is_single() { SINGLE } else { ADDED_UP });
        query.push(ALIKE).push(" from ").push(self.table());
        self.push_conditions(&mut query, false);
        let direction = if part.is_from_the_end { "asc" } else { "desc" };
        let order: &[&str] = if self.is_single() {
            &["cycle", "consumed_at", "charge_id"]
        } else {
            &[
                "cycle",
                "day",
                "source",
                "usage_type_code",
                "bill_type",
                "product_id",
                "enterprise_project_id",
                "partner_id",
                "domain_id",
            ]
        };
        let order: Vec<String> = order.iter().map(|column| format!("c.{column} {direction}")).collect();
        query.push(format_args!(" order by {} offset ", order.join(", ")));
        query.push_bind(part.skipped).push(" limit ").push_bind(part.read);
        query
    }

    fn push_conditions(&self, query: &mut QueryBuilder<Postgres>, of_sums: bool) {
        let wanted = &self.wanted;
        query.push(" where c.tenant_id = ").push_bind(self.tenant.0);
        match &self.whose {
            // With one, the order of its index is the order of the list.
            Whose::Customers(customers) if customers.len() == 1 => {
                query.push(" and c.domain_id = ").push_bind(customers[0].0)
            }
            Whose::Customers(customers) => {
                let ids: Vec<Uuid> = customers.iter().map(|customer| customer.0).collect();
                query.push(" and c.domain_id = any(").push_bind(ids).push(")")
            }
            Whose::OfPartner { partner, customer } => query
                .push(" and c.domain_id = ")
                .push_bind(customer.0)
                .push(" and c.partner_id = ")
                .push_bind(partner.0),
        };
        let (first, last) = self.cycles;
        if first == last {
            query.push(" and c.cycle = ").push_bind(first.first_day());
        } else {
            query.push(" and c.cycle between ").push_bind(first.first_day()).push(" and ").push_bind(last.first_day());
        }
        if !of_sums && !self.is_single() {
            query.push(" and c.statistic = ").push_bind(self.statistic.code());
        }
        query.push(" and c.currency = ").push_bind(self.currency);
        wanted.push(query);
        if !of_sums {
            self.push_of_rows(query);
        }
    }

    fn push_of_rows(&self, query: &mut QueryBuilder<Postgres>) {
        let wanted = &self.wanted;
        if wanted.without_zero {
            query.push(" and c.consume_amount <> 0");
        }
        match wanted.status {
            Some(PaymentStatus::Paid) => query.push(" and c.debt_amount = 0"),
            Some(PaymentStatus::Owed) => query.push(" and c.debt_amount > 0"),
            // What is charged is settled.
            Some(PaymentStatus::Unsettled) => query.push(" and false"),
            None => query,
        };
        if let Some(payer) = wanted.payer {
            query.push(" and coalesce(c.payer_id, c.domain_id) = ").push_bind(payer.0);
        }
        let Some(days) = &wanted.days else { return };
        if self.is_single() {
            // What is billed in a month and was used before it stands on its first day.
            let month = Month::of_day(*days.start());
            if month.first_day() != days.start().0 {
                query.push(" and (c.consumed_at >= ").push_bind(days.start().start());
                // In one month alone the index finds the day.
                if self.cycles.0 != self.cycles.1 {
                    query.push(" or c.cycle > ").push_bind(month.first_day());
                }
                query.push(")");
            }
            query.push(" and c.consumed_at < ").push_bind(days.end().end());
        } else {
            query.push(" and c.day between ").push_bind(days.start().0).push(" and ").push_bind(days.end().0);
        }
    }
}
