//! `POST /v1.0/{domain_id}/common/order-mgr/resources/renew`

use super::form::{DoneV1, OfCaller, check_own};
use crate::api::caller::{CallerKind, Customer};
use crate::api::error::ApiError;
use crate::api::extract::{Json, Path};
use crate::api::policy::Policy;
use crate::api::write::{Answer, Write};
use crate::app::App;
use crate::orders::model::{By, SourceType};
use crate::pricing::model::ResourceId;
use crate::resources::family::{Held, named};
use crate::resources::refusal::Refusal;
use crate::resources::renewal_resources::{outcome, period};
use crate::resources::renewing::{self, Renewal};
use crate::values::list::List;
use crate::values::number::Number;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What to renew, and for how long, in the old form.
#[derive(Deserialize, ToSchema)]
pub struct RenewResourcesV1Req {
    /// The primaries, up to ten; their secondaries are renewed with them.
    #[schema(inline, value_type = Vec<ResourceId>, max_items = 10)]
    resource_ids: List<ResourceId, 10>,
    /// `2` months, `3` years.
    #[schema(value_type = i32, minimum = 2, maximum = 3, example = 2)]
    period_type: Number<2, 3>,
    /// How many: 1 to 11 months, 1 to 3 years.
    #[schema(value_type = i32, minimum = 1, maximum = 11, example = 1)]
    period_num: Number<1, 11>,
    /// What is to happen at the end. It is read and not used: what happens then is set by operations of its own.
    #[serde(rename = "expire_mode")]
    #[schema(value_type = i32, minimum = 0, maximum = 5, example = 0)]
    _expire_mode: Number<0, 5>,
    /// `1`: the order is paid at once; `0`, also if absent or null: it waits to be paid.
    #[serde(rename = "isAutoPay")]
    #[schema(value_type = Option<i32>, nullable, minimum = 0, maximum = 1, example = 0)]
    is_auto_pay: Option<Number<0, 1>>,
}

/// What was renewed, in the old form.
#[derive(Serialize, ToSchema)]
pub struct RenewResourcesV1Response {
    #[serde(flatten)]
    done: DoneV1,
    /// The orders.
    #[schema(example = json!(["CS2603281445NO7AB"]))]
    order_ids: Vec<String>,
    /// What is gone and could not be renewed.
    #[serde(rename = "expiredResourceIds")]
    #[schema(example = json!([]))]
    expired: Vec<String>,
}

/// Renews resources that were bought for a time, in the old form.
///
/// As `RenewalResources` does today.
#[utoipa::path(
    post, path = "/v1.0/{domain_id}/common/order-mgr/resources/renew",
    params(OfCaller),
    responses((status = 200, description = "The orders.", body = RenewResourcesV1Response)),
    extensions(("x-policy" = json!(
        Policy::callers(&CallerKind::CUSTOMERS).customer_action("billing:subscription:renew").per_second(20).writes()
    ))),
)]
pub async fn renew_resources_v1(
    State(app): State<App>,
    customer: Customer,
    write: Write,
    Path(OfCaller { domain_id }): Path<OfCaller>,
    Json(request): Json<RenewResourcesV1Req>,
) -> Result<Answer, ApiError> {
    check_own(&customer, &domain_id)?;
    let (desk, by) = (app.desk(), By { user: Some(customer.user), now: app.now(customer.tenant) });
    let renewal = Renewal {
        account: (customer.tenant, customer.domain),
        ids: named(request.resource_ids.as_slice())?,
        period: period(request.period_type, request.period_num)?,
        is_auto_pay: request.is_auto_pay.is_some_and(|pay| pay.get() == 1),
        source: SourceType::Customer,
        user_name: customer.user_name.clone(),
    };
    write
        .once(async |connection| {
            let held = Held::lock(connection, renewal.account, &renewal.ids, desk.site).await?;
            let renewed = renewing::renew(connection, &desk, (&renewal, &held), by).await?;
            outcome(renewed, |order_ids, failed| {
                let gone = failed.into_iter().filter(|(_, refusal)| *refusal == Refusal::Gone);
                let expired = gone.map(|(id, _)| id).collect();
                RenewResourcesV1Response { done: DoneV1::default(), order_ids, expired }
            })
        })
        .await
}
