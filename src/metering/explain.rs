//! Why a charge is what it is.

use crate::charges::model::{BillType, BillingMode, Paid};
use crate::values::id::{ChargeId, DomainId, TenantId};
use crate::values::money::Currency;
use rust_decimal::Decimal;
use sqlx::PgConnection;
use time::{Date, OffsetDateTime};

/// A charge with what explains it.
#[derive(Clone, PartialEq, Debug)]
pub struct Explained {
    /// Its id.
    pub id: ChargeId,
    /// The customer.
    pub customer: DomainId,
    /// Whose customer it was then.
    pub partner: Option<DomainId>,
    /// The first day of the month it is billed in.
    pub cycle: Date,
    /// What it is for.
    pub bill_type: BillType,
    /// How that is paid for.
    pub charging_mode: BillingMode,
    /// The order, or the settlement.
    pub trade_id: String,
    /// The resource.
    pub resource_id: String,
    /// The enterprise project; empty: none.
    pub enterprise_project: String,
    /// From when on it was used.
    pub consumed_at: OffsetDateTime,
    /// Until when.
    pub used_until: OffsetDateTime,
    /// When it was taken.
    pub charged_at: OffsetDateTime,
    /// How much was used.
    pub usage_amount: Option<Decimal>,
    /// What packages covered of it.
    pub package_amount: Option<Decimal>,
    /// How the rest became an amount.
    pub steps: Option<serde_json::Value>,
    /// The currency.
    pub currency: Currency,
    /// The amounts.
    pub amounts: Amounts,
}

/// The amounts of a charge.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Amounts {
    /// At list prices.
    pub official: Decimal,
    /// Less by discounts.
    pub discount: Decimal,
    /// Cut off.
    pub erase: Decimal,
    /// What is to be paid.
    pub consume: Decimal,
    /// Who paid it.
    pub paid: Paid,
}

/// A record that a charge is of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Record {
    /// The service's id for it.
    pub record_id: String,
    /// From when on.
    pub from: OffsetDateTime,
    /// Until when.
    pub until: OffsetDateTime,
    /// How much.
    pub quantity: Decimal,
    /// In which unit.
    pub measure_id: i32,
    /// When it was reported.
    pub reported_at: OffsetDateTime,
}

/// A charge of a tenant.
pub async fn find(connection: &mut PgConnection, tenant: TenantId, id: ChargeId) -> sqlx::Result<Option<Explained>> {
    let row = sqlx::query!(
        r#"select domain_id as "customer: DomainId", partner_id as "partner: DomainId", cycle,
                  bill_type as "bill_type: BillType", charging_mode as "charging_mode: BillingMode", trade_id, resource_id,
                  enterprise_project_id, consumed_at, used_until, charged_at, usage_amount, package_amount, steps,
                  currency as "currency: Currency", official_amount, discount_amount, erase_amount, consume_amount,
                  cash_amount, credit_amount, coupon_amount, flexi_amount, card_amount, bonus_amount, debt_amount,
                  writeoff_amount
           from charges where tenant_id = $1 and charge_id = $2"#,
        tenant.0,
        id.0
    );
    let row = row.fetch_optional(connection).await?;
    Ok(row.map(|row| Explained {
        id,
        customer: row.customer,
        partner: row.partner,
        cycle: row.cycle,
        bill_type: row.bill_type,
        charging_mode: row.charging_mode,
        trade_id: row.trade_id,
        resource_id: row.resource_id,
        enterprise_project: row.enterprise_project_id,
        consumed_at: row.consumed_at,
        used_until: row.used_until,
        charged_at: row.charged_at,
        usage_amount: row.usage_amount,
        package_amount: row.package_amount,
        steps: row.steps,
        currency: row.currency,
        amounts: Amounts {
            official: row.official_amount,
            discount: row.discount_amount,
            erase: row.erase_amount,
            consume: row.consume_amount,
            paid: Paid {
                cash: row.cash_amount,
                credit: row.credit_amount,
                coupon: row.coupon_amount,
                flexi: row.flexi_amount,
                card: row.card_amount,
                bonus: row.bonus_amount,
                debt: row.debt_amount,
                writeoff: row.writeoff_amount,
            },
        },
    }))
}

/// The records that a charge is of, the first one first.
pub async fn usage(connection: &mut PgConnection, tenant: TenantId, of: &Explained) -> sqlx::Result<Vec<Record>> {
    sqlx::query_as!(
        Record,
        r#"select record_id, used_from as "from", used_until as "until", quantity, measure_id, reported_at from usages
           where tenant_id = $1 and resource_id = $2 and used_from >= $3 and used_from <= $4 and charge_id = $5
           order by used_from, record_id"#,
        tenant.0,
        of.resource_id,
        of.consumed_at,
        of.used_until,
        of.id.0
    )
    .fetch_all(connection)
    .await
}
