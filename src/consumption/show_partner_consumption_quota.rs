//! `GET /v2/partners/credit/consumption-quota`

use crate::api::caller::{CallerKind, Partner};
use crate::api::error::ApiError;
use crate::api::extract::Json;
use crate::api::policy::Policy;
use crate::app::App;
use crate::coupons::store::coupons;
use crate::customers::budgets::{self, CURRENCY};
use crate::customers::partners;
use crate::ledger::AccountKind;
use crate::ledger::store;
use crate::values::amount::{Amount, AmountText};
use crate::values::money::{Currency, MAIN_UNIT};
use crate::values::site::Site;
use axum::extract::State;
use rust_decimal::Decimal;
use serde::Serialize;
use utoipa::ToSchema;

/// What a partner's customers may consume together.
#[derive(Serialize, ToSchema)]
pub struct ShowPartnerConsumptionQuotaResponse {
    /// The quota; 0 if none is granted.
    consumption_quota: AmountText,
    /// The partner's balance.
    amount: AmountText,
    /// What is left of the cash coupons that it can use now.
    coupon_amount: AmountText,
    /// What it owes for bills.
    due_amount: AmountText,
    /// What its customers have consumed in this month and no bill says yet.
    unbilled_amount: AmountText,
    /// What is used of the quota: due and unbilled, less balance and coupons.
    used_consumption_quota: AmountText,
    /// The unit of the amounts: 1, the dollar.
    #[schema(example = 1)]
    measure_id: i32,
    /// The currency.
    currency: Currency,
}

/// Shows what the partner's customers may consume together, and have consumed.
///
/// Its own coupons count, as its own funds do; those that it issues are its customers'.
#[utoipa::path(
    get, path = "/v2/partners/credit/consumption-quota",
    responses((status = 200, description = "The quota.", body = ShowPartnerConsumptionQuotaResponse)),
    extensions(("x-policy" = json!(
        Policy::callers(&CallerKind::PARTNERS).on(Site::Intl).needs("BPC_ITEM_ACCOUNT_010500")
    ))),
)]
pub async fn show_partner_consumption_quota(
    State(app): State<App>,
    partner: Partner,
) -> Result<Json<ShowPartnerConsumptionQuotaResponse>, ApiError> {
    let (tenant, now) = (partner.tenant, app.now(partner.tenant));
    let mut connection = app.database.tenant(tenant).await?;
    let profile = partners::profile(&mut connection, tenant, partner.domain).await?;
    let unbilled = budgets::used_together(&mut connection, (tenant, partner.domain), now).await?;
    let balances = store::balances(&mut connection, tenant, &[partner.domain]).await?;
    let cash = balances.iter().filter(|held| held.kind == AccountKind::Cash && held.currency == CURRENCY);
    let coupons = coupons::usable_cash(&mut connection, (tenant, partner.domain), CURRENCY, now).await?;
    let sums = sums(cash.map(|held| held.balance).sum(), coupons, unbilled);
    let text = |amount: Decimal| AmountText(Amount::from(amount));
    Ok(Json(ShowPartnerConsumptionQuotaResponse {
        consumption_quota: text(profile.consumption_quota.unwrap_or_default()),
        amount: text(sums.amount),
        coupon_amount: text(coupons),
        due_amount: text(sums.due),
        unbilled_amount: text(unbilled),
        used_consumption_quota: text(sums.used),
        measure_id: MAIN_UNIT,
        currency: CURRENCY,
    }))
}

struct Sums {
    amount: Decimal,
    due: Decimal,
    used: Decimal,
}

/// A balance below zero is what is due.
fn sums(cash: Decimal, coupons: Decimal, unbilled: Decimal) -> Sums {
    let (amount, due) = (cash.max(Decimal::ZERO), (-cash).max(Decimal::ZERO));
    Sums { amount, due, used: due + unbilled - amount - coupons }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coupons::administration::{OwnCoupon, issue_own};
    use crate::coupons::limits::Limits;
    use crate::coupons::model::{CouponKind, Validity};
    use crate::testing::TestApp;
    use serde_json::json;
    use sqlx::PgPool;
    use time::{Duration, OffsetDateTime};

    #[test]
    fn used_is_due_and_unbilled_less_the_balance_and_coupons() {
        let used = |cash: i64, coupons: i64, unbilled: i64| {
            sums(Decimal::from(cash), Decimal::from(coupons), Decimal::from(unbilled)).used
        };
        assert_eq!(used(10, 0, 4), Decimal::from(-6));
        assert_eq!(used(-10, 3, 4), Decimal::from(11));
    }

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn what_customers_consume_is_used(pool: PgPool) {
        let app = TestApp::new(pool.clone()).await;
        let (demo, customer) = (app.world.demo(), app.world.account("demo-customer"));
        let profile =
            partners::Profile { consumption_quota: Some(Decimal::from(1000)), ..partners::Profile::default() };
        let mut connection = pool.acquire().await.expect("a connection");
        partners::set_profile(&mut connection, demo.tenant, demo.domain, &profile).await.expect("it is written");
        let budget = json!({"customer_id": customer.domain, "budget_amount": 50});
        let set = app.client("demo-partner").post("/v2/partners/sub-customers/budget", &budget).await;
        assert_eq!(set.status.as_u16(), 204);
        let now = app.app.now(demo.tenant);
        let at = (customer.tenant, customer.domain);
        budgets::consume(&mut connection, at, "12.5".parse().expect("a number"), now).await.expect("it is counted");
        let quota = app.client("demo-partner").get("/v2/partners/credit/consumption-quota").await.ok();
        assert_eq!(
            quota,
            json!({"consumption_quota": "1000.00", "amount": "0.00", "coupon_amount": "0.00", "due_amount": "0.00",
                   "unbilled_amount": "12.50", "used_consumption_quota": "12.50", "measure_id": 1, "currency": "USD"})
        );
        let own = app.client("demo-customer").get("/v2/accounts/customer-accounts/expenditure-quota").await.ok();
        assert_eq!((&own["granting_amount_used"], &own["percentage_granting_amount_used"]), (&json!(12.5), &json!(25)));
    }

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn coupons_that_can_be_used_lower_what_is_used(pool: PgPool) {
        let app = TestApp::new(pool.clone()).await;
        let (demo, customer) = (app.world.demo(), app.world.account("demo-customer"));
        let mut connection = pool.acquire().await.expect("a connection");
        let now = app.app.now(demo.tenant);
        let year = |from: OffsetDateTime| Validity { from, until: from + Duration::days(365) };
        let (over, later) = (year(now - Duration::days(365)), year(now + Duration::DAY));
        for (holder, kind, value, currency, validity) in [
            (demo.domain, CouponKind::Cash, "7.25", CURRENCY, year(now)),
            (demo.domain, CouponKind::Cash, "0.5", CURRENCY, year(now)),
            (demo.domain, CouponKind::Cash, "100", CURRENCY, over),
            (demo.domain, CouponKind::Cash, "200", CURRENCY, later),
            (demo.domain, CouponKind::Cash, "300", Currency::Cny, year(now)),
            (demo.domain, CouponKind::Flexi, "400", CURRENCY, year(now)),
            (demo.domain, CouponKind::Discount, "0.85", CURRENCY, year(now)),
            (customer.domain, CouponKind::Cash, "500", CURRENCY, year(now)),
        ] {
            let (face_value, limits) = (value.parse().expect("a number"), Limits::default());
            let (name, memo) = (String::new(), String::new());
            let coupon = OwnCoupon { kind, face_value, currency, validity, limits, group: 0, name, memo };
            issue_own(&mut connection, (demo.tenant, holder), &coupon, now).await.expect("it is issued");
        }
        let quota = app.client("demo-partner").get("/v2/partners/credit/consumption-quota").await.ok();
        assert_eq!((&quota["coupon_amount"], &quota["used_consumption_quota"]), (&json!("7.75"), &json!("-7.75")));
    }
}
