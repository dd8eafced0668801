//! `GET /v2/accounts/customer-accounts/balances`

use super::credit::{self, Lot};
use super::model::YUAN;
use crate::api::caller::{CallerKind, Customer};
use crate::api::error::ApiError;
use crate::api::extract::Json;
use crate::api::policy::Policy;
use crate::app::App;
use crate::charges::store as charges;
use crate::ledger::store::{self, Balance};
use crate::ledger::{AccountKind, Purse};
use crate::values::amount::Amount;
use crate::values::id::{AccountId, DomainId, TenantId};
use crate::values::money::Currency;
use axum::extract::State;
use rust_decimal::Decimal;
use serde::Serialize;
use utoipa::ToSchema;

/// Balances.
#[derive(Serialize, ToSchema)]
pub struct ShowCustomerAccountBalancesResponse {
    /// One for each type of account.
    account_balances: Vec<AccountBalanceV3>,
    /// What the customer owes, in the unit of its currency.
    debt_amount: Amount,
    /// The unit of the amounts: 1, the currency's main unit.
    #[schema(example = 1)]
    measure_id: i32,
    /// The currency.
    currency: Currency,
}

/// What an account holds.
#[derive(Serialize, ToSchema)]
pub struct AccountBalanceV3 {
    /// The account.
    account_id: AccountId,
    /// 1 balance, 2 credit, 5 bonus.
    #[schema(example = 1)]
    account_type: i32,
    /// How much. Of a credit, what is left of it.
    amount: Amount,
    /// The currency.
    currency: Currency,
    /// How much of the amount is for designated purposes.
    designated_amount: Amount,
    /// The whole credit; for type 2 only.
    #[serde(skip_serializing_if = "Option::is_none")]
    credit_amount: Option<Amount>,
    /// The unit of the amounts: 1, the currency's main unit.
    #[schema(example = 1)]
    measure_id: i32,
}

/// Shows a customer's balances.
///
/// A resale customer's balance is what its partner has allocated to it and is not used yet.
#[utoipa::path(
    get, path = "/v2/accounts/customer-accounts/balances",
    responses((status = 200, description = "The balances.", body = ShowCustomerAccountBalancesResponse)),
    extensions(("x-policy" = json!(Policy::callers(&CallerKind::CUSTOMERS).customer_action("bss:balance:view").per_second(20)))),
)]
pub async fn show_customer_account_balances(
    State(app): State<App>,
    customer: Customer,
) -> Result<Json<ShowCustomerAccountBalancesResponse>, ApiError> {
    let mut connection = app.database.tenant(customer.tenant).await?;
    let balances = store::balances(&mut connection, customer.tenant, &[customer.domain]).await?;
    // An account has one currency; before its first transfer it is the default.
    let currency = balances.first().map_or(Currency::default(), |balance| balance.currency);
    let owed = charges::owed(&mut connection, customer.tenant, (&[customer.domain], currency)).await?;
    let owed = owed.get(&customer.domain).copied().unwrap_or_default();
    let account = (customer.tenant, customer.domain);
    let lots = credit::lots(&mut connection, account, currency, app.now(customer.tenant)).await?;
    Ok(Json(show(account, (&balances, &lots), (currency, owed))))
}

fn show(
    (tenant, owner): (TenantId, DomainId),
    (balances, lots): (&[Balance], &[Lot]),
    (currency, owed): (Currency, Decimal),
) -> ShowCustomerAccountBalancesResponse {
    let of = |kind| balances.iter().find(|balance| balance.kind == kind && balance.currency == currency);
    let held = |kind| of(kind).map_or(Decimal::ZERO, |account| account.balance);
    let balance = |kind, account_type, amount: Decimal| AccountBalanceV3 {
        account_id: Purse::of(tenant, owner, kind, currency).id(),
        account_type,
        amount: amount.into(),
        currency,
        designated_amount: Amount::ZERO,
        credit_amount: None,
        measure_id: YUAN,
    };
    let (own, designated) = (held(AccountKind::Cash) + held(AccountKind::Allocated), held(AccountKind::Designated));
    let mut shown = vec![AccountBalanceV3 {
        designated_amount: designated.into(),
        ..balance(AccountKind::Cash, 1, own.max(Decimal::ZERO) + designated)
    }];
    if !lots.is_empty() {
        let (granted, left): (Decimal, Decimal) =
            (lots.iter().map(|lot| lot.granted).sum(), lots.iter().map(|lot| lot.balance).sum());
        shown.push(AccountBalanceV3 { credit_amount: Some(granted.into()), ..balance(AccountKind::Credit, 2, left) });
    }
    if let Some(bonus) = of(AccountKind::Bonus) {
        shown.push(balance(AccountKind::Bonus, 5, bonus.balance));
    }
    ShowCustomerAccountBalancesResponse {
        account_balances: shown,
        debt_amount: ((-own).max(Decimal::ZERO) + owed).into(),
        measure_id: YUAN,
        currency,
    }
}
