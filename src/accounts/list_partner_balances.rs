//! `GET /v2/accounts/partner-accounts/balances`

use super::model::{CURRENCY, YUAN, cash};
use crate::api::caller::{CallerKind, Partner};
use crate::api::error::ApiError;
use crate::api::extract::{Json, Query};
use crate::api::policy::Policy;
use crate::app::App;
use crate::customers::model::AccountIdText;
use crate::ledger::store::{self, Balance};
use crate::ledger::{AccountKind, Purse};
use crate::values::amount::Amount;
use crate::values::id::AccountId;
use crate::values::money::Currency;
use crate::values::site::Site;
use axum::extract::State;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Whose balances.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListPartnerBalancesQuery {
    /// For a distributor: the reseller whose balances to answer. Ignored for other callers.
    #[param(inline)]
    indirect_partner_id: Option<AccountIdText>,
}

/// Balances.
#[derive(Serialize, ToSchema)]
pub struct ListPartnerBalancesResponse {
    /// One for each type of account.
    account_balances: Vec<AccountBalanceV2>,
}

/// What an account holds.
#[derive(Serialize, ToSchema, Debug, PartialEq, Eq)]
pub struct AccountBalanceV2 {
    /// The account.
    account_id: AccountId,
    /// 1 balance, 2 credit.
    #[schema(example = 1)]
    account_type: i32,
    /// How much, in yuan. Of a credit, what is left of it.
    amount: Amount,
    /// The currency.
    currency: Currency,
    /// How much of the amount is for designated purposes and cannot be allocated.
    designated_amount: Amount,
    /// The whole credit; for type 2 only.
    #[serde(skip_serializing_if = "Option::is_none")]
    credit_amount: Option<Amount>,
    /// The unit of the amounts: 1, the yuan.
    #[schema(example = 1)]
    measure_id: i32,
    /// A remark; of a balance there is none.
    #[schema(example = "")]
    memo: &'static str,
}

/// Lists a partner's balances.
///
/// The balance is what was paid in less what was allocated. A partner with a credit line may allocate from that when its
/// balance is used up.
#[utoipa::path(
    get, path = "/v2/accounts/partner-accounts/balances",
    params(ListPartnerBalancesQuery),
    responses((status = 200, description = "The balances.", body = ListPartnerBalancesResponse)),
    extensions(("x-policy" = json!(
        Policy::callers(&CallerKind::PARTNERS)
            .on(Site::Cn)
            .needs("BPC_ITEM_VIEW_010100")
            .needs("BPC_ITEM_SUBCUSTSERV_010103")
            .needs("BPC_ITEM_SUBCUSTSERV_010104")
            .needs("BPC_ITEM_SALES_020104")
            .needs("BPC_ITEM_SALES_020105")
    ))),
)]
pub async fn list_partner_balances(
    State(app): State<App>,
    partner: Partner,
    Query(query): Query<ListPartnerBalancesQuery>,
) -> Result<Json<ListPartnerBalancesResponse>, ApiError> {
    let owner = app.customers.acting_partner(&partner, query.indirect_partner_id.as_ref()).await?;
    let mut connection = app.database.tenant(partner.tenant).await?;
    let balances = store::balances(&mut connection, partner.tenant, &[owner]).await?;
    Ok(Json(ListPartnerBalancesResponse { account_balances: show(&cash(partner.tenant, owner), &balances) }))
}

/// Cash above zero is the balance; below zero it is credit that was used, down to the floor.
fn show(cash: &Purse, balances: &[Balance]) -> Vec<AccountBalanceV2> {
    let of = |kind| balances.iter().find(|balance| balance.kind == kind && balance.currency == CURRENCY);
    let held = of(AccountKind::Cash).map_or(Decimal::ZERO, |account| account.balance);
    let line = of(AccountKind::Cash).and_then(|account| account.floor).map_or(Decimal::ZERO, |floor| -floor);
    let designated = of(AccountKind::Designated).map_or(Decimal::ZERO, |account| account.balance);
    let balance = |account_type, amount: Decimal| AccountBalanceV2 {
        account_id: cash.id(),
        account_type,
        amount: amount.into(),
        currency: CURRENCY,
        designated_amount: Amount::ZERO,
        credit_amount: None,
        measure_id: YUAN,
        memo: "",
    };
    let paid_in =
        AccountBalanceV2 { designated_amount: designated.into(), ..balance(1, held.max(Decimal::ZERO) + designated) };
    let credit = AccountBalanceV2 { credit_amount: Some(line.into()), ..balance(2, line + held.min(Decimal::ZERO)) };
    if line.is_zero() { vec![paid_in] } else { vec![paid_in, credit] }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::id::{DomainId, TenantId};
    use uuid::Uuid;

    fn shown(cash_held: i64, line: i64, designated: i64) -> Vec<(i32, String, String, Option<String>)> {
        let purse = cash(TenantId(Uuid::nil()), DomainId(Uuid::nil()));
        let balance = |kind, balance: i64, floor: i64| Balance {
            owner: Uuid::nil(),
            account: purse.id(),
            kind,
            currency: CURRENCY,
            balance: balance.into(),
            floor: Some(floor.into()),
        };
        let balances = [balance(AccountKind::Cash, cash_held, -line), balance(AccountKind::Designated, designated, 0)];
        let text = |amount: Amount| amount.to_string();
        show(&purse, &balances)
            .into_iter()
            .map(|shown| {
                let credit = shown.credit_amount.map(text);
                (shown.account_type, text(shown.amount), text(shown.designated_amount), credit)
            })
            .collect()
    }

    #[test]
    fn what_is_below_zero_is_credit_that_was_used() {
        let row = |kind, amount: &str, designated: &str, credit: Option<&str>| {
            (kind, amount.to_owned(), designated.to_owned(), credit.map(str::to_owned))
        };
        assert_eq!(shown(100, 0, 0), [row(1, "100.00", "0.00", None)]);
        assert_eq!(shown(100, 0, 20), [row(1, "120.00", "20.00", None)]);
        assert_eq!(shown(100, 50, 0), [row(1, "100.00", "0.00", None), row(2, "50.00", "0.00", Some("50.00"))]);
        assert_eq!(shown(-30, 50, 5), [row(1, "5.00", "5.00", None), row(2, "20.00", "0.00", Some("50.00"))]);
        assert_eq!(show(&cash(TenantId(Uuid::nil()), DomainId(Uuid::nil())), &[]).len(), 1);
    }
}
