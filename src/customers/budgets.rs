//! Budgets of the international site's resale customers: what each may consume in a month of UTC+8, or once.

use super::model::AssociationType;
use super::model::Frozen;
use super::{freezing, store};
use crate::values::amount::Amount;
use crate::values::coded::coded;
use crate::values::id::{DomainId, TenantId, new_uuid};
use crate::values::money::Currency;
use crate::values::time::Day;
use rust_decimal::{Decimal, RoundingStrategy};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use time::{Date, OffsetDateTime};
use utoipa::ToSchema;
use uuid::Uuid;

/// The international site's currency.
pub const CURRENCY: Currency = Currency::Usd;

/// How long a budget lasts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, sqlx::Type, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
#[sqlx(type_name = "text", rename_all = "UPPERCASE")]
pub enum BudgetType {
    /// A month; then it begins anew.
    #[default]
    Monthly,
    /// Until it is used up.
    Package,
}

coded! {
    /// What happens when a budget is exhausted.
    FrozenOperateType {
        /// Nothing by itself.
        Manual = 0,
        /// The customer is frozen.
        Automatic = 1,
    }
}

/// A customer's budget.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Budget {
    /// How much.
    pub amount: Decimal,
    /// How long.
    pub budget_type: BudgetType,
    /// Whether the customer is frozen when it is exhausted.
    pub freezes: bool,
    /// What is used of it.
    pub used: Decimal,
    /// In which month, by its first day; of a package it does not matter.
    pub used_month: Date,
}

impl Budget {
    /// What is used of it at an instant: of a monthly one nothing in a new month.
    pub fn used_at(&self, now: OffsetDateTime) -> Decimal {
        let is_over = self.budget_type == BudgetType::Monthly && self.used_month < month(now);
        if is_over { Decimal::ZERO } else { self.used }
    }

    /// The same after something more was consumed.
    pub fn after(mut self, consumed: Decimal, now: OffsetDateTime) -> Option<Self> {
        self.used = self.used_at(now).checked_add(consumed)?;
        self.used_month = month(now);
        Some(self)
    }

    /// Whether nothing is left.
    pub fn is_exhausted_at(&self, now: OffsetDateTime) -> bool {
        self.used_at(now) >= self.amount
    }
}

/// The first day of the month of UTC+8.
fn month(now: OffsetDateTime) -> Date {
    Day::of(now).0.replace_day(1).expect("each month has a first day")
}

/// How much of a whole is used, in percent, rounded half up to two decimals. Of nothing it is nothing.
pub fn percentage(used: Decimal, whole: Decimal) -> Decimal {
    let share = used.checked_div(whole).and_then(|share| share.checked_mul(Decimal::ONE_HUNDRED));
    share.unwrap_or_default().round_dp_with_strategy(2, RoundingStrategy::MidpointAwayFromZero)
}

/// The budgets of customers, in no order; who has none is left out.
pub async fn budgets(
    connection: &mut PgConnection,
    tenant: TenantId,
    customers: &[DomainId],
) -> sqlx::Result<Vec<(DomainId, Budget)>> {
    let ids: Vec<Uuid> = customers.iter().map(|customer| customer.0).collect();
    let rows = sqlx::query!(
        r#"select customer_id as "customer: DomainId", amount, budget_type as "budget_type: BudgetType", freezes, used,
                  used_month
           from budgets where tenant_id = $1 and customer_id = any($2)"#,
        tenant.0,
        &ids
    );
    let rows = rows.fetch_all(connection).await?.into_iter();
    Ok(rows
        .map(|row| {
            let (amount, budget_type, freezes) = (row.amount, row.budget_type, row.freezes);
            (row.customer, Budget { amount, budget_type, freezes, used: row.used, used_month: row.used_month })
        })
        .collect())
}

/// What a partner sets.
pub struct Setting {
    /// How much.
    pub amount: Amount,
    /// How long.
    pub budget_type: BudgetType,
    /// Whether it freezes; `None` leaves that as it is, at first "no".
    pub freezes: Option<bool>,
}

/// Sets a customer's budget and says so in its records, with the user who does it. What is used stays, unless the budget becomes another type.
pub async fn set(
    connection: &mut PgConnection,
    (tenant, partner, customer): (TenantId, DomainId, DomainId),
    setting: &Setting,
    operator: &str,
    now: OffsetDateTime,
) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into budgets (tenant_id, customer_id, amount, budget_type, freezes, used, used_month)
         values ($1, $2, $3, $4, coalesce($5, false), 0, $6)
         on conflict (tenant_id, customer_id) do update
         set amount = excluded.amount, budget_type = excluded.budget_type, freezes = coalesce($5, budgets.freezes),
             used = case when budgets.budget_type = excluded.budget_type then budgets.used else 0 end,
             used_month = case when budgets.budget_type = excluded.budget_type then budgets.used_month
                               else excluded.used_month end",
        tenant.0,
        customer.0,
        setting.amount.decimal(),
        setting.budget_type as _,
        setting.freezes,
        month(now)
    )
    .execute(&mut *connection)
    .await?;
    let record = (RecordType::Setting, setting.amount.decimal(), setting.budget_type);
    append(connection, (tenant, partner, customer), record, operator, now).await
}

/// What a record says.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, sqlx::Type, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
#[sqlx(type_name = "text", rename_all = "UPPERCASE")]
pub enum RecordType {
    /// A budget was set.
    Setting,
    /// It ended with the association.
    Delete,
}

async fn append(
    connection: &mut PgConnection,
    (tenant, partner, customer): (TenantId, DomainId, DomainId),
    (record, amount, budget_type): (RecordType, Decimal, BudgetType),
    operator: &str,
    now: OffsetDateTime,
) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into budget_records (tenant_id, happened_at, record_id, customer_id, partner_id, operation_type, amount,
                                     budget_type, operator)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        tenant.0,
        now,
        new_uuid(now),
        customer.0,
        partner.0,
        record as _,
        amount,
        budget_type as _,
        operator
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Ends a customer's budget, if it has one, because its association ends.
pub async fn end(
    connection: &mut PgConnection,
    (tenant, partner, customer): (TenantId, DomainId, DomainId),
    now: OffsetDateTime,
) -> sqlx::Result<()> {
    let ended = sqlx::query!(
        r#"delete from budgets where tenant_id = $1 and customer_id = $2
           returning amount, budget_type as "budget_type: BudgetType""#,
        tenant.0,
        customer.0
    );
    if let Some(row) = ended.fetch_optional(&mut *connection).await? {
        let record = (RecordType::Delete, row.amount, row.budget_type);
        append(connection, (tenant, partner, customer), record, "system", now).await?;
    }
    Ok(())
}

/// Counts what a customer has consumed, and freezes it if its budget is exhausted and says so. For who rates usage, in the
/// transaction of the deduction and before it: the customer is locked first.
pub async fn consume(
    connection: &mut PgConnection,
    (tenant, customer): (TenantId, DomainId),
    consumed: Decimal,
    now: OffsetDateTime,
) -> sqlx::Result<()> {
    let Some(state) = store::lock(connection, tenant, customer).await? else { return Ok(()) };
    let [(_, budget)] = budgets(connection, tenant, &[customer]).await?[..] else { return Ok(()) };
    let Some(budget) = budget.after(consumed, now) else { return Ok(()) };
    sqlx::query!(
        "update budgets set used = $3, used_month = $4 where tenant_id = $1 and customer_id = $2",
        tenant.0,
        customer.0,
        budget.used,
        budget.used_month
    )
    .execute(&mut *connection)
    .await?;
    if budget.freezes && budget.is_exhausted_at(now) && state.frozen == Frozen::No {
        let why = ("The budget is exhausted.", None);
        freezing::set(connection, (tenant, customer), Frozen::Account, why, now).await?;
    }
    Ok(())
}

/// What a partner's resale customers have consumed of their budgets in the month of `now`.
pub async fn used_together(
    connection: &mut PgConnection,
    (tenant, partner): (TenantId, DomainId),
    now: OffsetDateTime,
) -> sqlx::Result<Decimal> {
    sqlx::query_scalar!(
        r#"select coalesce(sum(b.used), 0) as "used!" from budgets b
           join customers c on c.tenant_id = b.tenant_id and c.domain_id = b.customer_id
           where b.tenant_id = $1 and c.tenant_id = $1 and c.partner_id = $2 and c.association_type = $3
             and b.used_month = $4"#,
        tenant.0,
        partner.0,
        AssociationType::Resale as i16,
        month(now)
    )
    .fetch_one(connection)
    .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TestApp;
    use sqlx::PgPool;
    use time::macros::{date, datetime};

    #[test]
    fn a_monthly_budget_begins_anew_and_a_package_does_not() {
        let budget = |budget_type| Budget {
            amount: Decimal::from(100),
            budget_type,
            freezes: false,
            used: Decimal::from(60),
            used_month: date!(2026 - 01 - 01),
        };
        let (january, february) = (datetime!(2026-01-31 15:59 UTC), datetime!(2026-01-31 16:00 UTC));
        assert_eq!(budget(BudgetType::Monthly).used_at(january), Decimal::from(60));
        assert_eq!(budget(BudgetType::Monthly).used_at(february), Decimal::ZERO);
        assert_eq!(budget(BudgetType::Package).used_at(february), Decimal::from(60));
        let after = budget(BudgetType::Monthly).after(Decimal::from(40), january).expect("it fits");
        assert!(after.is_exhausted_at(january) && !after.is_exhausted_at(february));
    }

    #[test]
    fn a_share_is_rounded_half_up_to_two_decimals() {
        let number = |text: &str| text.parse::<Decimal>().expect("a number");
        assert_eq!(percentage(number("1"), number("3")), number("33.33"));
        assert_eq!(percentage(number("0.00125"), number("1")), number("0.13"));
        assert_eq!(percentage(number("1"), Decimal::ZERO), Decimal::ZERO);
    }

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn an_exhausted_budget_freezes_where_it_is_set_to(pool: PgPool) {
        let app = TestApp::new(pool.clone()).await;
        let customer = app.world.account("demo-customer");
        let at = (customer.tenant, customer.domain);
        let now = app.app.now(customer.tenant);
        let mut connection = pool.acquire().await.expect("a connection");
        consume(&mut connection, at, Decimal::TEN, now).await.expect("without a budget nothing is counted");
        for (freezes, frozen) in [(0, Frozen::No), (1, Frozen::Account)] {
            let request = serde_json::json!({"customer_id": customer.domain, "budget_amount": 15.5,
                                             "frozen_operate_type": freezes, "budget_type": "PACKAGE"});
            let set = app.client("demo-partner").post("/v2/partners/sub-customers/budget", &request).await;
            assert_eq!(set.status.as_u16(), 204, "{}", set.body);
            consume(&mut connection, at, Decimal::TEN, now).await.expect("it is counted");
            let state = store::lock(&mut connection, at.0, at.1).await.expect("it is read");
            assert_eq!(state.map(|state| state.frozen), Some(frozen), "{freezes}");
        }
    }
}
