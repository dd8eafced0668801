//! `GET /v2/products/incentive-discount-policies`

use crate::api::caller::CallerKind;
use crate::api::error::ApiError;
use crate::api::extract::{Json, Query};
use crate::api::page::{Limit, Offset};
use crate::api::policy::Policy;
use crate::app::App;
use crate::products::store::ServiceType;
use crate::values::site::Site;
use crate::values::text::texts;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use time::{Date, Month, OffsetDateTime, Time, UtcOffset};
use utoipa::{IntoParams, ToSchema};

texts! {
    /// A month, `YYYY-MM`.
    PolicyMonth, 7..=7, "2026-01";
    /// The code of a cloud service type, or nothing.
    ServiceTypeFilter, 0..=64, "hws.service.type.ec2";
}

/// Which policies.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListIncentiveDiscountPoliciesQuery {
    /// A month: the policies are those of its last second, in UTC+8.
    #[param(inline)]
    time: PolicyMonth,
    /// Only that of this service; all if absent. An empty text is a service that does not exist.
    #[param(inline)]
    service_type_code: Option<ServiceTypeFilter>,
    /// How many to skip.
    #[param(inline)]
    #[serde(default)]
    offset: Offset,
    /// How many to answer at most; must not be empty.
    #[param(inline)]
    #[serde(default)]
    limit: Limit<100, 10, false>,
}

/// Policies.
#[derive(Serialize, ToSchema)]
pub struct ListIncentiveDiscountPoliciesResponse {
    /// This part of them.
    policies: Vec<IncentiveAndDiscountPolicy>,
    /// How many there are in all.
    #[schema(example = 104)]
    total_count: usize,
}

/// Whether a service counts for a partner's incentives, and whether the partner's discounts apply to it.
#[derive(Serialize, ToSchema)]
pub struct IncentiveAndDiscountPolicy {
    /// The service.
    #[schema(example = "hws.service.type.ec2")]
    service_type_code: String,
    /// Its name, in Chinese.
    #[schema(example = "弹性云服务器")]
    service_type_name: String,
    /// `0` not a specific product, `1` specific, `2` no performance and no rebate, `13` performance and no rebate.
    #[schema(example = "0")]
    incentive_policy: String,
    /// `YES` or `NO`: whether discounts that partners grant apply.
    #[schema(example = "YES")]
    allow_discount: &'static str,
}

/// Lists the incentive and discount policies of services.
///
/// They are those in force at the end of the month, by service type code. A service without a policy then is not listed.
#[utoipa::path(
    get, path = "/v2/products/incentive-discount-policies",
    params(ListIncentiveDiscountPoliciesQuery),
    responses((status = 200, description = "Policies, by service.", body = ListIncentiveDiscountPoliciesResponse)),
    extensions(("x-policy" = json!(
        Policy::callers(&CallerKind::PARTNERS).needs("BPC_ITEM_SALES_040100").on(Site::Cn)
    ))),
)]
pub async fn list_incentive_discount_policies(
    State(app): State<App>,
    Query(query): Query<ListIncentiveDiscountPoliciesQuery>,
) -> Result<Json<ListIncentiveDiscountPoliciesResponse>, ApiError> {
    let instant =
        last_second(query.time.as_str()).ok_or_else(|| ApiError::parameter("time", "must look like 2026-01"))?;
    let catalogue = app.catalogue.load();
    let wanted = query.service_type_code.as_ref().map(ServiceTypeFilter::as_str);
    let services = catalogue.products.services.iter().filter(|service| wanted.is_none_or(|code| service.code == code));
    let found: Vec<IncentiveAndDiscountPolicy> = services
        .filter_map(|service| {
            let policy = catalogue.pricing.incentives.at(&service.code, instant)?;
            Some(row(service, policy.incentive_policy, policy.allow_discount))
        })
        .collect();
    let total_count = found.len();
    let policies = found.into_iter().skip(query.offset.get()).take(query.limit.get()).collect();
    Ok(Json(ListIncentiveDiscountPoliciesResponse { policies, total_count }))
}

fn row(service: &ServiceType, incentive_policy: i16, allow_discount: bool) -> IncentiveAndDiscountPolicy {
    IncentiveAndDiscountPolicy {
        service_type_code: service.code.clone(),
        service_type_name: service.names.zh.clone(),
        incentive_policy: incentive_policy.to_string(),
        allow_discount: if allow_discount { "YES" } else { "NO" },
    }
}

/// The last second of a month in UTC+8.
fn last_second(month: &str) -> Option<OffsetDateTime> {
    let (year, number) = month.split_once('-')?;
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(year) || !digits(number) || (year.len(), number.len()) != (4, 2) {
        return None;
    }
    let month = Month::try_from(number.parse::<u8>().ok()?).ok()?;
    let year = year.parse().ok()?;
    let date = Date::from_calendar_date(year, month, month.length(year)).ok()?;
    let local = UtcOffset::from_hms(8, 0, 0).ok()?;
    // The vendor's fields hold four-digit years, whose last second is inside what an instant can be.
    Some(date.with_time(Time::from_hms(23, 59, 59).ok()?).assume_offset(local))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TestApp;
    use sqlx::PgPool;
    use time::macros::datetime;

    const TARGET: &str = "/v2/products/incentive-discount-policies";

    #[test]
    fn a_month_ends_in_utc_plus_8() {
        assert_eq!(last_second("2024-02"), Some(datetime!(2024-02-29 15:59:59 UTC)));
        for month in ["2024-13", "2024-00", "24-01", "2024-1", "2024/01", "+024-01"] {
            assert_eq!(last_second(month), None, "{month}");
        }
    }

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn a_policy_changes_with_the_month_in_which_it_begins(pool: PgPool) {
        let app = TestApp::with_prices(pool).await;
        let client = app.client("demo-partner");
        for (month, policy) in [("2026-05", "0"), ("2026-06", "0"), ("2026-07", "1")] {
            let target = format!("{TARGET}?time={month}&service_type_code=hws.service.type.modelarts");
            let found = client.get(&target).await.ok();
            assert_eq!(found["total_count"], 1);
            assert_eq!(found["policies"][0]["incentive_policy"], policy, "{month}");
        }
        assert_eq!(client.get(&format!("{TARGET}?time=2019-12")).await.ok()["total_count"], 0);
        let first = client.get(&format!("{TARGET}?time=2020-01&limit=1&offset=1")).await.ok();
        assert_eq!(first["policies"][0]["service_type_name"], "应用编排服务");
        assert_eq!(client.get(&format!("{TARGET}?time=2026-01&service_type_code=")).await.ok()["total_count"], 0);
    }

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn wrong_parameters_are_named(pool: PgPool) {
        let app = TestApp::new(pool).await;
        for (query, field) in [
            ("", "time: is required"),
            ("?time=2026-13", "time: must look like"),
            ("?time=2026-1", "time: must have 7 to 7"),
            ("?time=2026-01&limit=101", "limit:"),
            ("?time=2026-01&limit=", "limit:"),
        ] {
            let answer = app.client("demo-partner").get(&format!("{TARGET}{query}")).await;
            assert_eq!((answer.refusal().0, answer.refusal().1), (400, "CBC.0100"));
            assert!(answer.refusal().2.contains(field), "{}", answer.body);
        }
    }
}
