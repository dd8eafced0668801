//! `GET /partner/v1/bills/{record}/explain`

use super::model::shown_project;
use super::search::{self, Explained, Row};
use crate::api::caller::{AnyCaller, CallerKind};
use crate::api::error::ApiError;
use crate::api::extract::{Json, Path};
use crate::api::policy::Policy;
use crate::app::App;
use crate::charges::model::{BillType, BillingMode};
use crate::metering::reported::{self, Reported};
use crate::values::amount::Amount;
use crate::values::decimal::WireDecimal;
use crate::values::id::{ChargeId, DomainId, TenantId};
use crate::values::money::Currency;
use crate::values::time::{Day, Instant, Month};
use axum::extract::State;
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use utoipa::{IntoParams, ToSchema};

/// Which record.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct ExplainBillRecordPath {
    /// The id of a fee record or a resource record.
    #[param(inline)]
    record: ChargeId,
}

/// How a record's amount came about.
#[derive(Serialize, ToSchema)]
pub struct BillRecordExplained {
    /// The record.
    id: ChargeId,
    /// The customer.
    customer_id: DomainId,
    /// The month it is billed in.
    bill_cycle: Month,
    /// What it is for.
    bill_type: BillType,
    /// How that is paid for.
    charging_mode: BillingMode,
    /// The order, or the settlement.
    #[schema(example = "CS2603281445NO7AB")]
    trade_id: String,
    /// The resource.
    #[schema(example = "01978d6a2b3c7d4e8f90a1b2c3d4e5f6")]
    resource_id: String,
    /// The enterprise project: `0` the default one, `null` none.
    #[schema(example = "0")]
    enterprise_project_id: String,
    /// From when on it was used; of an order: when it was paid.
    consumed_from: Instant,
    /// Until when.
    consumed_until: Instant,
    /// When it was taken.
    charged_at: Instant,
    /// What services reported; of use only.
    usage: Vec<ExplainedUsage>,
    /// How much was used in all; of use only.
    #[schema(nullable, value_type = Option<WireDecimal>)]
    usage_amount: Option<WireDecimal>,
    /// What packages covered of it.
    #[schema(nullable, value_type = Option<WireDecimal>)]
    package_amount: Option<WireDecimal>,
    /// How the rest became an amount: the steps of the price book and the discounts. Empty of an order.
    #[schema(value_type = Vec<Object>)]
    steps: serde_json::Value,
    /// The currency.
    currency: Currency,
    /// At list prices.
    official_amount: Amount,
    /// Less by discounts.
    discount_amount: Amount,
    /// Cut off below a cent.
    erase_amount: Amount,
    /// What is to be paid.
    consume_amount: Amount,
    /// By cash.
    cash_amount: Amount,
    /// By credit.
    credit_amount: Amount,
    /// By cash coupons.
    coupon_amount: Amount,
    /// By flexi-purchase coupons.
    flexi_amount: Amount,
    /// By stored-value cards.
    card_amount: Amount,
    /// By bonus.
    bonus_amount: Amount,
    /// By nobody yet.
    debt_amount: Amount,
    /// Written off.
    writeoff_amount: Amount,
}

/// A record of usage.
#[derive(Serialize, ToSchema)]
pub struct ExplainedUsage {
    /// The service's id for it.
    #[schema(example = "cdr-000001")]
    record_id: String,
    /// From when on.
    from: Instant,
    /// Until when.
    until: Instant,
    /// How much.
    quantity: WireDecimal,
    /// In which unit.
    #[schema(example = 6)]
    measure_id: i32,
    /// When it was reported.
    reported_at: Instant,
}

/// Explains a bill record.
///
/// From what services reported, over packages, price steps, discounts and what was cut off, to who paid it. A customer asks for its
/// own; a partner for those of its customers, from the time when they were.
#[utoipa::path(
    get, path = "/partner/v1/bills/{record}/explain",
    params(ExplainBillRecordPath),
    responses((status = 200, description = "How it came about.", body = BillRecordExplained)),
    extensions(("x-policy" = json!(
        Policy::callers(&CallerKind::PARTNERS_AND_CUSTOMERS)
            .needs("BPC_ITEM_FINANCE_020100")
            .needs("BPC_ITEM_FINANCE_020101")
            .customer_action("billing:bill:view")
            .customer_action("billing:billDetail:view")
    ))),
)]
pub async fn explain_bill_record(
    State(app): State<App>,
    caller: AnyCaller,
    Path(path): Path<ExplainBillRecordPath>,
) -> Result<Json<BillRecordExplained>, ApiError> {
    let is_seen = |found: &Row| {
        let seen_by = if caller.kind.is_customer() { Some(found.domain_id) } else { found.partner_id };
        seen_by == Some(caller.domain)
    };
    let mut connection = app.database.tenant(caller.tenant).await?;
    let found = explain(&mut connection, (caller.tenant, path.record), is_seen).await?;
    Ok(Json(found.ok_or_else(|| ApiError::parameter("record", "there is no such record"))?))
}

/// A record as it is explained, to customers, partners and staff; nothing where it is not there, or not to be seen.
pub async fn explain(
    connection: &mut PgConnection,
    (tenant, record): (TenantId, ChargeId),
    is_seen: impl Fn(&Row) -> bool,
) -> sqlx::Result<Option<BillRecordExplained>> {
    let found = search::explained(connection, tenant, record).await?.filter(|found| is_seen(&found.row));
    let Some(Explained { row, currency, steps }) = found else { return Ok(None) };
    // A charge by itself has both; only what is added up has not.
    let Some((from, until)) = row.consumed_at.zip(row.used_until) else { return Ok(None) };
    let usage = reported::of_charge(connection, (tenant, record), &row.resource_id, &(from..=until)).await?;
    let shown = |record: Reported| ExplainedUsage {
        record_id: record.record_id,
        from: Instant(record.from),
        until: Instant(record.until),
        quantity: WireDecimal(record.quantity),
        measure_id: record.measure_id,
        reported_at: Instant(record.reported_at),
    };
    let amounts = row.amounts;
    Ok(Some(BillRecordExplained {
        id: record,
        customer_id: row.domain_id,
        bill_cycle: Month::of_day(Day(row.cycle)),
        bill_type: row.bill_type,
        charging_mode: row.charging_mode,
        trade_id: row.trade_id,
        resource_id: row.resource_id,
        enterprise_project_id: shown_project(&row.enterprise_project_id).0,
        consumed_from: Instant(from),
        consumed_until: Instant(until),
        charged_at: Instant(row.charged_at),
        usage: usage.into_iter().map(shown).collect(),
        usage_amount: row.usage_amount.map(WireDecimal),
        package_amount: row.package_amount.map(WireDecimal),
        steps: steps.unwrap_or_else(|| serde_json::Value::Array(Vec::new())),
        currency,
        official_amount: amounts.official_amount.into(),
        discount_amount: amounts.discount_amount.into(),
        erase_amount: amounts.erase_amount.into(),
        consume_amount: amounts.consume_amount.into(),
        cash_amount: amounts.cash_amount.into(),
        credit_amount: amounts.credit_amount.into(),
        coupon_amount: amounts.coupon_amount.into(),
        flexi_amount: amounts.flexi_amount.into(),
        card_amount: amounts.card_amount.into(),
        bonus_amount: amounts.bonus_amount.into(),
        debt_amount: amounts.debt_amount.into(),
        writeoff_amount: amounts.writeoff_amount.into(),
    }))
}
