//! Fee records of customers: each line of an order and each settlement of use, in the fields of `ListSubCustomerBillDetail`.

use crate::bills::model::{shown_period, shown_project};
use crate::bills::walk::{ChargeKey, Charged, Walk};
use crate::exports::source::{Of, Source, With, instant, micros, table};
use crate::exports::table::{Cell, Column};
use crate::pricing::model::description;
use crate::values::id::{ChargeId, DomainId};
use crate::values::time::{Day, Month};
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

/// Fee records.
pub struct Bills;

/// A charge's key: the cycle as one of its instants, the customer, when it was used, the charge.
pub type Key = (i64, Uuid, i64, Uuid);

table! {
    charged: Charged, with;
    "bill_cycle": Text = Month::of_day(Day(charged.row.cycle)).to_string();
    "customer_id": Text = charged.row.domain_id;
    "association_type": Whole = charged.row.association_type;
    "service_type_code": Text = charged.row.service_type_code.as_str();
    "resource_type_code": Text = charged.row.resource_type_code.as_str();
    "service_type_name": Text = with.service(&charged.row.service_type_code);
    "resource_type_name": Text = with.resource_type(&charged.row.resource_type_code);
    "charging_mode": Whole = charged.row.charging_mode.code();
    "trade_time": Time = charged.row.charged_at;
    "trade_id": Text = charged.row.trade_id.as_str();
    "id": Text = charged.row.charge_id.map(|id| id.to_string());
    "bill_detail_type": Whole = charged.row.bill_type.code();
    "resource_id": Text = charged.row.resource_id.as_str();
    "resource_name": Text = charged.row.resource_name.as_str();
    "product_spec_desc": Text = description(&charged.row.resource_spec, charged.row.resource_size);
    "region_code": Text = charged.row.region_code.as_str();
    "region_name": Text = with.region(&charged.row.region_code);
    "product_id": Text = charged.row.product_id.as_str();
    "product_name": Text = charged.row.resource_spec.as_str();
    "consume_time": Time = charged.row.consumed_at;
    "usage_type": Text = Some(charged.row.usage_type_code.as_str()).filter(|_| charged.row.order_id.is_none());
    "usage_amount": Number = charged.row.usage_amount;
    "usage_measure_id": Whole = charged.row.usage_measure_id;
    "free_resource_usage": Number = charged.row.package_amount;
    "free_resource_measure_id": Whole = charged.row.package_amount.and(charged.row.usage_measure_id);
    "official_amount": Number = charged.row.amounts.official_amount;
    "official_discount_amount": Number = charged.row.amounts.discount_amount;
    "erase_amount": Number = charged.row.amounts.erase_amount;
    "payment_amount": Number = charged.row.amounts.consume_amount;
    "cash_amount": Number = charged.row.amounts.cash_amount;
    "credit_amount": Number = charged.row.amounts.credit_amount;
    "coupon_amount": Number = charged.row.amounts.coupon_amount;
    "flexipurchase_coupon_amount": Number = charged.row.amounts.flexi_amount;
    "stored_value_card_amount": Number = charged.row.amounts.card_amount;
    "bonus_amount": Number = charged.row.amounts.bonus_amount;
    "debt_amount": Number = charged.row.amounts.debt_amount;
    "writeoff_amount": Number = charged.row.amounts.writeoff_amount;
    "currency": Text = charged.currency.code();
    "period_type": Whole = shown_period(charged.row.period_type, charged.row.charging_mode, charged.row.bill_type);
    "period_num": Whole = charged.row.period_num;
    "partner_id": Text = charged.row.partner_id;
    "enterprise_project_id": Text = shown_project(&charged.row.enterprise_project_id).0;
    "order_type": Whole = charged.row.order_type;
}

impl Source for Bills {
    const COLUMNS: &'static [Column] = COLUMNS;
    type Row = Charged;
    type Key = Key;

    async fn count(connection: &mut PgConnection, of: &Of) -> sqlx::Result<i64> {
        walk(of).count(connection).await
    }

    async fn behind(
        connection: &mut PgConnection,
        of: &Of,
        key: Option<Key>,
        limit: usize,
    ) -> sqlx::Result<Vec<Charged>> {
        walk(of).behind(connection, key.map(read), limit).await
    }

    fn key(charged: &Charged) -> Key {
        key(charged)
    }

    fn cells(charged: Charged, with: &With<'_>) -> Vec<Cell> {
        cells(charged, with)
    }
}

/// A charge's key.
pub fn key(charged: &Charged) -> Key {
    let row = &charged.row;
    let consumed_at = row.consumed_at.unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let cycle = row.cycle.midnight().assume_utc();
    (micros(cycle), row.domain_id.0, micros(consumed_at), row.charge_id.map(|id| id.0).unwrap_or_default())
}

/// The key as charges are asked for.
pub fn read((cycle, customer, consumed_at, charge): Key) -> ChargeKey {
    ChargeKey {
        cycle: instant(cycle).date(),
        customer: DomainId(customer),
        consumed_at: instant(consumed_at),
        charge: ChargeId(charge),
    }
}

/// The charges of an export.
pub fn walk(of: &Of) -> Walk {
    // Who asks for months has said which; of no months there is nothing.
    let day = Day::of(of.asked_at);
    let (first, last) = of.days.unwrap_or((day, day));
    let cycles = (Month::of_day(first), Month::of_day(last));
    Walk { tenant: of.tenant, partner: of.owner, customer: of.customer, cycles }
}
