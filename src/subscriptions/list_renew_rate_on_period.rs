//! `POST /v2/bills/ratings/period-resources/renew-rate`

use crate::api::caller::{AnyCaller, CallerKind};
use crate::api::error::ApiError;
use crate::api::extract::Json;
use crate::api::policy::Policy;
use crate::app::App;
use crate::pricing::discounts::Offered;
use crate::pricing::model::{Currency, Period, PeriodType, ResourceId};
use crate::pricing::quote::{self, Purchase};
use crate::subscriptions::model::FailResourceInfo;
use crate::subscriptions::renewal::{Held, Renewal, RenewalQuote};
use crate::values::decimal::plain;
use crate::values::number::{self, Number};
use crate::values::truth;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use utoipa::ToSchema;

/// Which resources are renewed, for how long.
#[derive(Deserialize, ToSchema)]
pub struct ListRenewRateOnPeriodReq {
    /// Primary resources; their secondaries are renewed with them.
    #[schema(min_items = 1, max_items = 10, value_type = Vec<String>, example = json!(["server-1"]))]
    resource_ids: Vec<ResourceId>,
    /// `2` months, `3` years.
    #[schema(example = 2)]
    #[serde(deserialize_with = "number::any")]
    period_type: i32,
    /// How many periods: up to 11 months or 3 years.
    #[schema(value_type = i32, minimum = 1, maximum = 11, example = 1)]
    period_num: Number<1, 11>,
    /// Whether associated primary resources are renewed too; absent, null and empty are `false`.
    #[serde(default, deserialize_with = "truth::value")]
    #[schema(nullable, default = false, value_type = Option<bool>)]
    include_relative_resources: bool,
}

/// What a renewal costs.
#[derive(Serialize, ToSchema)]
pub struct ListRenewRateOnPeriodResponse {
    /// In which currency.
    currency: Currency,
    /// Each primary resource with its secondaries, with the best discount taken off.
    renew_inquiry_results: Vec<RenewInquiryResultInfo>,
    /// All of them at official prices; absent if none can be renewed.
    #[serde(skip_serializing_if = "Option::is_none")]
    official_website_rating_result: Option<OfficialWebsiteRatingResultV2>,
    /// All of them with each discount that the customer can choose, the best first.
    optional_discount_rating_results: Vec<OptionalDiscountRatingResultV2>,
    /// The resources that cannot be renewed, and why.
    fail_resource_infos: Vec<FailResourceInfo>,
}

/// What the renewal of a primary resource costs.
#[derive(Serialize, ToSchema)]
pub struct RenewInquiryResultInfo {
    /// The primary resource.
    #[schema(example = "server-1")]
    resource_id: String,
    /// To be paid for it and its secondaries.
    #[schema(example = "153.6")]
    amount: String,
}

/// At official prices. Nothing is sold in instalments, so their fields are absent.
#[derive(Serialize, ToSchema)]
pub struct OfficialWebsiteRatingResultV2 {
    /// The amount.
    #[schema(example = "153.6")]
    official_website_amount: String,
    /// Absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    installment_official_website_amount: Option<String>,
    /// Absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    installment_period_type: Option<i32>,
}

/// A renewal with one of the customer's discounts.
#[derive(Serialize, ToSchema)]
pub struct OptionalDiscountRatingResultV2 {
    /// The discount.
    #[schema(example = "01978d6a2b3c7d4e8f90a1b2c3d4e5f6")]
    discount_id: String,
    /// To be paid.
    #[schema(example = "122.88")]
    amount: String,
    /// At official prices.
    #[schema(example = "153.6")]
    official_website_amount: String,
    /// What is saved.
    #[schema(example = "30.72")]
    discount_amount: String,
    /// `605` commercial, `606` contract, `607` granted by the partner, `700` promotion.
    #[schema(example = 605)]
    discount_type: i32,
    /// Its name.
    #[schema(example = "Framework agreement 2026")]
    discount_name: String,
    /// `1` for the one that saves most, promotions left aside; else `0`.
    #[schema(example = 1)]
    best_offer: i32,
    /// Absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    installment_official_website_amount: Option<String>,
    /// Absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    installment_official_discount_amount: Option<String>,
    /// Absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    installment_amount: Option<String>,
    /// Absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    installment_period_type: Option<i32>,
}

/// Quotes the renewal of yearly and monthly resources.
///
/// A primary resource is quoted together with its secondaries, and with the primaries associated with it if asked. What
/// cannot be renewed is listed with the reason; the others are quoted all the same.
#[utoipa::path(
    post, path = "/v2/bills/ratings/period-resources/renew-rate",
    responses((status = 200, description = "The price.", body = ListRenewRateOnPeriodResponse)),
    extensions(("x-policy" = json!(Policy::callers(&CallerKind::CUSTOMERS).customer_action("bss:discount:view")))),
)]
pub async fn list_renew_rate_on_period(
    State(app): State<App>,
    caller: AnyCaller,
    Json(request): Json<ListRenewRateOnPeriodReq>,
) -> Result<Json<ListRenewRateOnPeriodResponse>, ApiError> {
    let period = request.check()?;
    let now = app.now(caller.tenant);
    let customer = quote::customer_terms((&app.database, app.settings.api.site), &caller, now).await?;
    let ids: Vec<String> = request.resource_ids.iter().map(|id| id.as_str().to_owned()).collect();
    let mut connection = app.database.tenant(caller.tenant).await?;
    let account = (caller.tenant, caller.domain);
    let held = Held::load(&mut connection, account, &ids, request.include_relative_resources).await?;
    drop(connection);
    let catalogue = app.catalogue.load();
    let renewal = Renewal { catalogue: &catalogue, held: &held, customer: &customer, period, now };
    let quote = renewal.quote(&ids, request.include_relative_resources)?;
    Ok(Json(answer(quote)))
}

impl ListRenewRateOnPeriodReq {
    fn check(&self) -> Result<Period, ApiError> {
        if !(1..=10).contains(&self.resource_ids.len()) {
            return Err(ApiError::parameter("resource_ids", "must have 1 to 10 ids"));
        }
        let mut seen = HashSet::new();
        if let Some(twice) = self.resource_ids.iter().find(|id| !seen.insert(id.as_str())) {
            let message = format!("Duplicate resource IDs exist. (id {})", twice.as_str());
            return Err(ApiError::bss(StatusCode::BAD_REQUEST, "CBC.30050012", message));
        }
        let num = self.period_num.get();
        match PeriodType::from_number(self.period_type) {
            Some(kind @ PeriodType::Month) => Ok(Period { kind, num }),
            Some(kind @ PeriodType::Year) if num <= 3 => Ok(Period { kind, num }),
            Some(PeriodType::Year) => Err(ApiError::parameter("period_num", "must be from 1 to 3 for years")),
            _ => Err(ApiError::parameter("period_type", "must be 2 or 3")),
        }
    }
}

fn answer(quote: RenewalQuote<'_>) -> ListRenewRateOnPeriodResponse {
    let RenewalQuote { currency, amounts, purchase, left_out } = quote;
    let renewed = !amounts.is_empty();
    let results = amounts
        .into_iter()
        .map(|(resource, amount)| RenewInquiryResultInfo { resource_id: resource.to_owned(), amount: plain(amount) });
    ListRenewRateOnPeriodResponse {
        currency,
        renew_inquiry_results: results.collect(),
        official_website_rating_result: renewed.then(|| OfficialWebsiteRatingResultV2 {
            official_website_amount: plain(purchase.official),
            installment_official_website_amount: None,
            installment_period_type: None,
        }),
        optional_discount_rating_results: purchase.offered.iter().map(|offered| option(&purchase, offered)).collect(),
        fail_resource_infos: left_out
            .into_iter()
            .map(|(resource_id, reason)| FailResourceInfo {
                error_code: reason.code(),
                error_msg: reason.to_string(),
                resource_id,
            })
            .collect(),
    }
}

fn option(purchase: &Purchase<'_>, offered: &Offered<'_>) -> OptionalDiscountRatingResultV2 {
    OptionalDiscountRatingResultV2 {
        discount_id: offered.discount.id.simple().to_string(),
        amount: plain(offered.amount),
        official_website_amount: plain(purchase.official),
        discount_amount: plain(purchase.official - offered.amount),
        discount_type: offered.discount.kind.number(),
        discount_name: offered.discount.name.clone(),
        best_offer: offered.best.into(),
        installment_official_website_amount: None,
        installment_official_discount_amount: None,
        installment_amount: None,
        installment_period_type: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity;
    use crate::pricing::model::Size;
    use crate::subscriptions::model::{Subscription, SubscriptionState};
    use crate::subscriptions::store as subscriptions;
    use crate::testing::{Answer, TestApp};
    use serde_json::{Value, json};
    use sqlx::PgPool;
    use time::Duration;
    use uuid::Uuid;

    const TARGET: &str = "/v2/bills/ratings/period-resources/renew-rate";

    /// An application with sample prices in which demo-customer has resources.
    struct Renewals {
        app: TestApp,
        pool: PgPool,
    }

    impl Renewals {
        async fn new(pool: PgPool) -> Self {
            let renewals = Self { app: TestApp::with_prices(pool.clone()).await, pool };
            renewals.add("server", |_| {}).await;
            renewals
        }

        /// A server of demo-customer's in cn-north-4, changed.
        async fn add(&self, id: &str, change: impl FnOnce(&mut Subscription)) {
            let mut connection = self.pool.acquire().await.expect("a connection");
            let (account, now) = (self.app.world.account("demo-customer"), self.app.app.clock.now());
            let account = (account.tenant, account.domain);
            let projects =
                identity::store::projects(&mut connection, account.0, account.1).await.expect("they are read");
            let place = (projects[0].id.0, "cn-north-4".to_owned());
            let mut new = Subscription {
                resource_type: "hws.resource.type.vm".to_owned(),
                resource_spec: "s6.large.2.linux".to_owned(),
                expires_at: now + Duration::days(20),
                ..Subscription::recorded(id.to_owned(), place, now)
            };
            change(&mut new);
            subscriptions::insert(&mut connection, account, &new, None).await.expect("it is written");
        }

        async fn add_disk(&self, id: &str, parent: &str) {
            self.add(id, |disk| {
                "hws.resource.type.volume".clone_into(&mut disk.resource_type);
                "SSD".clone_into(&mut disk.resource_spec);
                disk.size = Some(Size { size: 40, measure_id: 17 });
                disk.is_main = false;
                disk.parent_id = Some(parent.to_owned());
            })
            .await;
        }

        async fn add_address(&self, id: &str, associated_with: &str) {
            self.add(id, |address| {
                "hws.resource.type.ip".clone_into(&mut address.resource_type);
                "5_bgp".clone_into(&mut address.resource_spec);
                address.parent_id = Some(associated_with.to_owned());
            })
            .await;
        }

        async fn ask(&self, change: Value) -> Answer {
            let mut request = json!({"resource_ids": ["server"], "period_type": 2, "period_num": 1});
            let (Value::Object(fields), Value::Object(change)) = (&mut request, change) else {
                panic!("both are objects")
            };
            fields.extend(change);
            self.app.client("demo-customer").post(TARGET, &request).await
        }

        /// Why the one resource that is asked for is left out.
        async fn left_out(&self, change: Value) -> String {
            let answer = self.ask(change).await.ok();
            assert_eq!(answer["renew_inquiry_results"], json!([]), "{answer}");
            assert_eq!(answer.get("official_website_rating_result"), None);
            answer["fail_resource_infos"][0]["error_code"].as_str().expect("a text").to_owned()
        }

        async fn execute(&self, statement: &'static str) {
            sqlx::raw_sql(statement).execute(&self.pool).await.expect("the statement is right");
        }
    }

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn secondaries_are_renewed_with_their_primary_and_associated_ones_only_if_asked(pool: PgPool) {
        let renewals = Renewals::new(pool).await;
        renewals.add_disk("disk", "server").await;
        renewals.add_address("address", "server").await;
        renewals.add("other", |_| {}).await;

        // 153.6 for the server, 26.88 for its disk; a year costs ten months.
        let month = renewals.ask(json!({"resource_ids": ["server", "other"]})).await.ok();
        let results =
            json!([{"resource_id": "server", "amount": "180.48"}, {"resource_id": "other", "amount": "153.6"}]);
        assert_eq!(month["renew_inquiry_results"], results);
        assert_eq!(month["official_website_rating_result"], json!({"official_website_amount": "334.08"}));
        let year = renewals.ask(json!({"period_type": 3})).await.ok();
        assert_eq!(year["renew_inquiry_results"], json!([{"resource_id": "server", "amount": "1804.8"}]));

        let all = renewals.ask(json!({"include_relative_resources": true})).await.ok();
        let results =
            json!([{"resource_id": "server", "amount": "180.48"}, {"resource_id": "address", "amount": "9.6"}]);
        assert_eq!(all["renew_inquiry_results"], results);
        for absent in [json!(""), Value::Null, json!(false)] {
            let one = renewals.ask(json!({"include_relative_resources": absent})).await.ok();
            assert_eq!(one["renew_inquiry_results"].as_array().map(Vec::len), Some(1));
        }
    }

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn a_renewal_has_the_customers_discounts_and_its_own_currency(pool: PgPool) {
        let renewals = Renewals::new(pool).await;
        renewals.add("dollars", |server| server.currency = Currency::Usd).await;
        let dollars = renewals.ask(json!({"resource_ids": ["dollars"]})).await.ok();
        assert_eq!(
            (&dollars["currency"], &dollars["renew_inquiry_results"][0]["amount"]),
            (&json!("USD"), &json!("21.33"))
        );

        renewals.execute(
            "insert into discounts select tenant_id, gen_random_uuid(), domain_id, false, 'partner', 'granted', null, 0.9,
                 false, null, null, null, null, '{MONTHLY}', '2020-01-01', '2100-01-01', '2020-01-01'
             from domains where name = 'demo-customer'",
        )
        .await;
        let quote = renewals.ask(json!({})).await.ok();
        assert_eq!(quote["renew_inquiry_results"][0]["amount"], "138.24");
        let option = &quote["optional_discount_rating_results"][0];
        assert_eq!((&option["discount_type"], &option["best_offer"]), (&json!(607), &json!(1)));
        assert_eq!((&option["amount"], &option["discount_amount"]), (&json!("138.24"), &json!("15.36")));

        let both = renewals.ask(json!({"resource_ids": ["server", "dollars"]})).await;
        assert_eq!(both.refusal(), (400, "CBC.99006066", "Failed to query fee information. (id dollars)"));
    }

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn what_cannot_be_renewed_is_left_out_with_its_reason(pool: PgPool) {
        let renewals = Renewals::new(pool).await;
        renewals.add_disk("disk", "server").await;
        renewals.add("unpaid", |server| server.state = SubscriptionState::PendingPayment).await;
        renewals.add("changing", |server| server.state = SubscriptionState::Changing).await;
        renewals.add("deleted", |server| server.state = SubscriptionState::Deleted).await;
        for (id, code) in [
            ("disk", "CBC.30050007"),
            ("none", "CBC.30050009"),
            ("deleted", "CBC.30050009"),
            ("unpaid", "CBC.30050010"),
            ("changing", "CBC.30050011"),
        ] {
            assert_eq!(renewals.left_out(json!({"resource_ids": [id]})).await, code, "{id}");
        }
        // The others are quoted all the same.
        let quote = renewals.ask(json!({"resource_ids": ["unpaid", "server"]})).await.ok();
        assert_eq!(quote["renew_inquiry_results"], json!([{"resource_id": "server", "amount": "180.48"}]));
        let message = "Some of the resources are in a pending-payment order; the operation cannot be performed.";
        let left_out = json!([{"error_code": "CBC.30050010", "error_msg": message, "resource_id": "unpaid"}]);
        assert_eq!(quote["fail_resource_infos"], left_out);

        renewals.execute("update prices set three_years = '{}' where resource_spec = 's6.large.2.linux'").await;
        renewals.app.reload_catalogue().await;
        assert_eq!(renewals.left_out(json!({"period_type": 3, "period_num": 3})).await, "CBC.30050008");
        renewals
            .execute(
                "insert into prices (resource_type_code, resource_spec, region_code, currency, usage_factor, effective_at,
                     shape, tier_by, tiers, on_demand, day, month, one_year, two_years, three_years)
                 values ('hws.resource.type.vm', 's6.large.2.linux', 'cn-north-4', 'CNY', 'duration', '2025-01-01',
                     'withdrawn', '', '{0}', '{}', '{}', '{}', '{}', '{}', '{}')",
            )
            .await;
        renewals.app.reload_catalogue().await;
        assert_eq!(renewals.left_out(json!({})).await, "CBC.30050013");
    }

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn what_is_wrong_with_the_request_or_the_data_refuses_all(pool: PgPool) {
        let renewals = Renewals::new(pool.clone()).await;
        let unpriced = "delete from prices where region_code = 'cn-south-1'";
        sqlx::raw_sql(unpriced).execute(&pool).await.expect("they are deleted");
        renewals.app.reload_catalogue().await;
        renewals.add("unknown", |server| "s6.none".clone_into(&mut server.resource_spec)).await;
        renewals.add("unpriced", |server| "cn-south-1".clone_into(&mut server.region)).await;
        renewals.add("elsewhere", |server| server.project_id = Uuid::nil()).await;
        renewals
            .add("pieces", |disk| {
                "hws.resource.type.volume".clone_into(&mut disk.resource_type);
                "SSD".clone_into(&mut disk.resource_spec);
                disk.size = Some(Size { size: 40, measure_id: 14 });
            })
            .await;
        for (id, code, words) in [
            ("unknown", "CBC.99006006", "The product for which you request a price was not found. (id unknown)"),
            ("unpriced", "CBC.99006024", "Failed to query product information. (id unpriced)"),
            ("elsewhere", "CBC.99006073", "The project does not exist. (id elsewhere)"),
            ("pieces", "CBC.99006050", "Incorrect usage unit. (id pieces)"),
        ] {
            assert_eq!(renewals.ask(json!({"resource_ids": [id]})).await.refusal(), (400, code, words));
        }
        let twice = renewals.ask(json!({"resource_ids": ["server", "server"]})).await;
        assert_eq!(twice.refusal(), (400, "CBC.30050012", "Duplicate resource IDs exist. (id server)"));
        for (change, field) in [
            (json!({"resource_ids": []}), "resource_ids: must have 1 to 10 ids"),
            (json!({"resource_ids": (0..11).map(|id| id.to_string()).collect::<Vec<_>>()}), "resource_ids: must have"),
            (json!({"period_type": 0}), "period_type: must be 2 or 3"),
            (json!({"period_num": 12}), "period_num: must be an integer from 1 to 11"),
            (json!({"period_type": 3, "period_num": 4}), "period_num: must be from 1 to 3 for years"),
            (json!({"include_relative_resources": "yes"}), "include_relative_resources: must be true or false"),
        ] {
            let answer = renewals.ask(change).await;
            assert_eq!((answer.refusal().0, answer.refusal().1), (400, "CBC.0100"));
            assert!(answer.refusal().2.starts_with(&format!("Parameter error. {field}")), "{}", answer.body);
        }
        let partner = renewals.app.client("demo-partner").post(TARGET, &json!({})).await;
        assert_eq!(partner.refusal(), (403, "CBC.0151", "Access denied."));

        renewals
            .execute("update prices set month = '{999999999999.99}' where resource_spec = 's6.large.2.linux'")
            .await;
        renewals.app.reload_catalogue().await;
        let dear = renewals.ask(json!({"period_num": 2})).await;
        assert_eq!(dear.refusal(), (400, "CBC.99006055", "The rating result exceeds the maximum amount. (id server)"));
    }

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn what_cannot_be_read_is_told_apart(pool: PgPool) {
        let renewals = Renewals::new(pool).await;
        assert!(renewals.ask(json!({})).await.status.is_success());
        renewals.execute("alter table subscriptions rename to away").await;
        assert_eq!(renewals.ask(json!({})).await.refusal(), (500, "CBC.0999", "Other errors."));
        renewals.execute("alter table discounts rename to gone").await;
        assert_eq!(renewals.ask(json!({})).await.refusal().1, "CBC.99006016");
        renewals
            .execute("set session_replication_role = replica; delete from domains where name = 'demo-customer'")
            .await;
        assert_eq!(renewals.ask(json!({})).await.refusal().1, "CBC.99006017");
    }

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn a_resource_of_another_customer_does_not_exist(pool: PgPool) {
        let renewals = Renewals::new(pool).await;
        renewals.execute("update subscriptions set domain_id = tenant_id").await;
        assert_eq!(renewals.left_out(json!({})).await, "CBC.30050009");
    }
}
