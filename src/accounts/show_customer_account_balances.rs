//! `GET /v2/accounts/customer-accounts/balances`

use super::model::YUAN;
use crate::api::caller::{CallerKind, Customer};
use crate::api::error::ApiError;
use crate::api::extract::Json;
use crate::api::policy::Policy;
use crate::app::App;
use crate::ledger::{AccountKind, Purse};
use crate::values::amount::Amount;
use crate::values::id::{AccountId, DomainId, TenantId};
use crate::values::money::Currency;
use axum::extract::State;
use rust_decimal::Decimal;
use serde::Serialize;
use sqlx::PgConnection;
use time::OffsetDateTime;
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
    let account = (customer.tenant, customer.domain);
    let held = held(&mut connection, account, app.now(customer.tenant)).await?;
    Ok(Json(show(account, &held)))
}

/// What a customer holds of one kind, or owes.
struct Held {
    /// Nothing: it is owed for use that nobody has paid.
    kind: Option<AccountKind>,
    currency: Currency,
    amount: Decimal,
    /// Of a lot of credit, what it would hold if it had never paid.
    granted: Option<Decimal>,
}

/// All that a customer holds and owes, read at once: nothing is asked for more often.
async fn held(
    connection: &mut PgConnection,
    (tenant, owner): (TenantId, DomainId),
    now: OffsetDateTime,
) -> sqlx::Result<Vec<Held>> {
    sqlx::query_as!(
        Held,
        r#"select a.kind as "kind?: AccountKind", a.currency as "currency!: Currency", a.balance as "amount!",
                  null::numeric as granted
           from accounts a where a.tenant_id = $1 and a.owner_id = $2
           union all
           select 'credit', l.currency, coalesce(a.balance, 0), l.granted
           from credit_lots l
           left join accounts a on a.tenant_id = l.tenant_id and a.owner_id = l.lot_id and a.kind = 'credit'
               and a.tenant_id = $1
           where l.tenant_id = $1 and l.customer_id = $2 and (l.expires_at is null or l.expires_at > $3)
           union all
           select null, d.currency, d.owed, null
           from debtors d where d.tenant_id = $1 and d.domain_id = $2 and d.owed > 0
           order by 1 nulls last, 2"#,
        tenant.0,
        owner.0,
        now
    )
    .fetch_all(connection)
    .await
}

fn show((tenant, owner): (TenantId, DomainId), held: &[Held]) -> ShowCustomerAccountBalancesResponse {
    // A customer has one currency; before its first transfer it is the default.
    let currency = held.first().map_or(Currency::default(), |held| held.currency);
    let held: Vec<&Held> = held.iter().filter(|held| held.currency == currency).collect();
    let account = |kind| held.iter().find(|held| held.kind == Some(kind) && held.granted.is_none());
    let balance_of = |kind| account(kind).map_or(Decimal::ZERO, |held| held.amount);
    let balance = |kind, account_type, amount: Decimal| AccountBalanceV3 {
        account_id: Purse::of(tenant, owner, kind, currency).id(),
        account_type,
        amount: amount.into(),
        currency,
        designated_amount: Amount::ZERO,
        credit_amount: None,
        measure_id: YUAN,
    };
    let own = balance_of(AccountKind::Cash) + balance_of(AccountKind::Allocated);
    let designated = balance_of(AccountKind::Designated);
    let mut shown = vec![AccountBalanceV3 {
        designated_amount: designated.into(),
        ..balance(AccountKind::Cash, 1, own.max(Decimal::ZERO) + designated)
    }];
    let lots = || held.iter().filter_map(|held| Some((held.granted?, held.amount)));
    if lots().next().is_some() {
        let (granted, left): (Decimal, Decimal) =
            lots().fold(Default::default(), |(granted, left), lot| (granted + lot.0, left + lot.1));
        shown.push(AccountBalanceV3 { credit_amount: Some(granted.into()), ..balance(AccountKind::Credit, 2, left) });
    }
    if let Some(bonus) = account(AccountKind::Bonus) {
        shown.push(balance(AccountKind::Bonus, 5, bonus.amount));
    }
    let owed: Decimal = held.iter().filter(|held| held.kind.is_none()).map(|held| held.amount).sum();
    ShowCustomerAccountBalancesResponse {
        account_balances: shown,
        debt_amount: ((-own).max(Decimal::ZERO) + owed).into(),
        measure_id: YUAN,
        currency,
    }
}
