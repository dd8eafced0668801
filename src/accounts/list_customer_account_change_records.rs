//! `GET /v2/accounts/customer-accounts/account-change-records`

use super::credit;
use super::model::{self, BalanceType, CURRENCY, TradeType};
use crate::api::caller::{Caller, CallerKind, Customer};
use crate::api::error::ApiError;
use crate::api::extract::{Json, Query};
use crate::api::filter::{Filter as Wanted, Ignored, Refused};
use crate::api::page::{Limit, Offset};
use crate::api::policy::Policy;
use crate::app::App;
use crate::customers::model::AssociationType;
use crate::customers::model::Related;
use crate::ledger::entries::{Change, Filter, History, Trade};
use crate::ledger::{self, AccountKind, Purse, TransferKind};
use crate::values::amount::{Amount, AmountText};
use crate::values::money::Currency;
use crate::values::site::Site;
use crate::values::text::texts;
use crate::values::time::{Day, Instant};
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

texts! {
    /// A transfer's or order's number, or nothing.
    TradeId, 0..=128, "AD01978D6A2B3C7D4E8F90A1B2C3D4E5F6";
    /// Payment channels, separated by commas.
    PaymentChannels, 0..=64, "2,11";
    /// A payment channel's number for a payment.
    PaymentChannelNo, 0..=128, "2026032822001";
}

/// Which records.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListCustomerAccountChangeRecordsQuery {
    /// Which balance.
    #[param(inline)]
    balance_type: BalanceType,
    /// Only income or only expenses.
    #[param(inline)]
    revenue_expense_type: Option<RevenueExpenseType>,
    /// Only those of this type.
    #[param(inline, value_type = TradeType)]
    #[serde(default)]
    trade_type: Wanted<TradeType, Ignored, Refused>,
    /// The first day, in UTC+8; by default one year before the last. At most one year.
    #[param(inline)]
    #[serde(default, deserialize_with = "crate::values::time::optional_day")]
    trade_time_begin: Option<Day>,
    /// The last day, in UTC+8; by default today.
    #[param(inline)]
    #[serde(default, deserialize_with = "crate::values::time::optional_day")]
    trade_time_end: Option<Day>,
    /// Only those of this transfer or order.
    #[param(inline)]
    trade_id: Option<TradeId>,
    /// Only those of these payment channels. No payment comes through one here, so any value matches nothing.
    #[param(inline)]
    payment_channel_id: Option<PaymentChannels>,
    /// Only those of this payment in a channel. As with the channels, any value matches nothing.
    #[param(inline)]
    payment_channel_no: Option<PaymentChannelNo>,
    /// How many to skip.
    #[param(inline)]
    #[serde(default)]
    offset: Offset,
    /// How many to answer at most.
    #[param(inline)]
    #[serde(default)]
    limit: Limit<100>,
}

/// The direction of a change.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum RevenueExpenseType {
    /// Income.
    Revenue,
    /// Expense.
    Expense,
}

/// Changes of a balance.
#[derive(Serialize, ToSchema)]
pub struct ListCustomerAccountChangeRecordsResponse {
    /// How many there are in all.
    #[schema(example = 25)]
    total_count: i64,
    /// The currency.
    currency: Currency,
    /// This part of them, the latest first.
    records: Vec<CustomerAccountChangeRecord>,
}

/// A change of a balance.
#[derive(Serialize, ToSchema)]
pub struct CustomerAccountChangeRecord {
    /// The record's number.
    #[schema(example = "01978d6a2b3c7d4e8f90a1b2c3d4e5f61")]
    account_change_id: String,
    /// Why, in the vendor's detailed words.
    #[schema(example = "SOURCE_OPERATION_BEADJUST")]
    trade_detail_type: &'static str,
    /// When.
    trade_time: Instant,
    /// The transfer's or order's number.
    #[schema(example = "AD01978D6A2B3C7D4E8F90A1B2C3D4E5F6")]
    trade_id: String,
    /// By how much, in yuan.
    change_amount: AmountText,
    /// What the balance was then, in yuan; of credit that of the lot.
    balance_after_change: AmountText,
    /// `REVENUE` or `EXPENSE`.
    #[schema(example = "REVENUE")]
    revenue_expense_type: &'static str,
    /// The bill cycle, `yyyy-MM` in UTC+8.
    #[schema(example = "2026-03")]
    bill_cycle: String,
    /// The payment channel; empty where the payment came through none.
    #[schema(example = "")]
    payment_channel_id: &'static str,
    /// The channel's number for the payment.
    #[schema(example = "")]
    payment_channel_no: &'static str,
    /// When it was consumed; of consumption only.
    #[serde(skip_serializing_if = "Option::is_none")]
    consume_time: Option<Instant>,
    /// The customer's account.
    #[schema(example = "demo-customer")]
    account_name: String,
    /// The cloud service's name; of consumption only.
    #[schema(example = "")]
    cloud_service_type_name: &'static str,
    /// The resource type's name; of consumption only.
    #[schema(example = "")]
    resource_type_name: &'static str,
}

/// Lists what changed a customer's balance.
///
/// The latest first. A resale customer's cash is what its partner has allocated to it. Credit is held in lots that end at
/// different times: a record of it shows the balance of its lot.
#[utoipa::path(
    get, path = "/v2/accounts/customer-accounts/account-change-records",
    params(ListCustomerAccountChangeRecordsQuery),
    responses((status = 200, description = "The records.", body = ListCustomerAccountChangeRecordsResponse)),
    extensions(("x-policy" = json!(Policy::callers(&CallerKind::CUSTOMERS).on(Site::Cn).customer_action("bss:balance:view")))),
)]
pub async fn list_customer_account_change_records(
    State(app): State<App>,
    customer: Customer,
    Query(query): Query<ListCustomerAccountChangeRecordsQuery>,
) -> Result<Json<ListCustomerAccountChangeRecordsResponse>, ApiError> {
    let span = model::days(query.trade_time_begin, query.trade_time_end, app.now(customer.tenant))?;
    let channel = query.payment_channel_id.as_ref().map_or("", PaymentChannels::as_str);
    let channel_no = query.payment_channel_no.as_ref().map_or("", PaymentChannelNo::as_str);
    if !channel.is_empty() || !channel_no.is_empty() {
        let (total_count, records) = (0, Vec::new());
        return Ok(Json(ListCustomerAccountChangeRecordsResponse { total_count, currency: CURRENCY, records }));
    }
    let part = (query.offset.get(), query.limit.get());
    let listed = match query.balance_type {
        BalanceType::Debit => {
            let kind = debit_kind(&app, &customer).await?;
            let account = Purse::of(customer.tenant, customer.domain, kind, CURRENCY).id();
            let history = History { tenant: customer.tenant, account };
            app.histories.changes(history, span, &filter(&query), part).await?
        }
        BalanceType::Credit => {
            let mut connection = app.database.tenant(customer.tenant).await?;
            let lots = credit::accounts(&mut connection, (customer.tenant, customer.domain), CURRENCY).await?;
            drop(connection);
            let lots = (customer.tenant, lots.as_slice());
            app.histories.changes_together(lots, span, &filter(&query), part).await?.into()
        }
    };
    let records = listed.entries.iter().map(|change| show(change, &customer)).collect();
    Ok(Json(ListCustomerAccountChangeRecordsResponse { total_count: listed.total, currency: CURRENCY, records }))
}

/// Where a customer's own money is.
async fn debit_kind(app: &App, customer: &Caller) -> Result<AccountKind, ApiError> {
    let related = app.customers.related(customer.tenant, customer.domain).await?;
    let is_resale = matches!(
        related.as_deref(),
        Some(Related::Customer(customer)) if customer.association.kind == AssociationType::Resale
    );
    Ok(if is_resale { AccountKind::Allocated } else { AccountKind::Cash })
}

fn filter(query: &ListCustomerAccountChangeRecordsQuery) -> Filter {
    let number = query.trade_id.as_ref().map(TradeId::as_str).filter(|number| !number.is_empty());
    Filter {
        kinds: query.trade_type.wanted().map(|wanted| wanted.kinds()),
        received: query.revenue_expense_type.map(|wanted| wanted == RevenueExpenseType::Revenue),
        trade: number.map(|number| Trade { reference: number.to_owned(), transfer: ledger::parse_number(number) }),
        other: None,
    }
}

fn show(change: &Change, customer: &Caller) -> CustomerAccountChangeRecord {
    let entry = &change.entry;
    let trade_id =
        if change.reference.is_empty() { ledger::number(entry.kind, entry.transfer) } else { change.reference.clone() };
    let is_consumption = matches!(entry.kind, TransferKind::Subscribe | TransferKind::Usage);
    let day = Day::of(entry.happened_at).0;
    CustomerAccountChangeRecord {
        account_change_id: model::record_id(entry.transfer, entry.amount),
        trade_detail_type: model::detail_type(entry.kind),
        trade_time: Instant(entry.happened_at),
        trade_id,
        change_amount: AmountText(Amount::from(entry.amount.abs())),
        balance_after_change: AmountText(Amount::from(change.balance_after)),
        revenue_expense_type: if entry.amount.is_sign_positive() { "REVENUE" } else { "EXPENSE" },
        bill_cycle: format!("{:04}-{:02}", day.year(), u8::from(day.month())),
        payment_channel_id: "",
        payment_channel_no: "",
        consume_time: is_consumption.then_some(Instant(entry.happened_at)),
        account_name: customer.domain_name.clone(),
        cloud_service_type_name: "",
        resource_type_name: "",
    }
}
