//! `POST /v1.0/{domain_id}/common/order-mgr/resources/delete`

use super::form::{DoneV1, OfCaller, check_own};
use crate::api::caller::{CallerKind, Customer};
use crate::api::error::ApiError;
use crate::api::extract::{Json, Path};
use crate::api::policy::Policy;
use crate::api::write::{Answer, Outcome, Write};
use crate::app::App;
use crate::orders::model::By;
use crate::pricing::model::ResourceId;
use crate::resources::cancel_resources_subscription::UnsubscribeReason;
use crate::resources::change::{self, How, Return};
use crate::resources::family::{Held, named};
use crate::values::list::List;
use crate::values::number::Number;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What to give back, in the old form.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UnsubscribeResourcesV1Req {
    /// The primaries, up to ten; their secondaries are given back with them.
    #[schema(inline, value_type = Vec<ResourceId>, max_items = 10)]
    resource_ids: List<ResourceId, 10>,
    /// `1` the resources and the renewals that lie ahead, `2` these renewals alone.
    #[schema(value_type = i32, minimum = 1, maximum = 2, example = 1)]
    un_sub_type: Number<1, 2>,
    /// Why: `1` to `5`, as `CancelResourcesSubscription` has it.
    #[serde(rename = "unsubscribeReasonType")]
    #[schema(inline, nullable)]
    _reason_type: Option<Number<1, 5>>,
    /// Why, in words.
    #[serde(rename = "unsubscribeReason")]
    #[schema(inline, nullable)]
    _unsubscribe_reason: Option<UnsubscribeReason>,
}

/// What was given back, in the old form.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UnsubscribeResourcesV1Response {
    #[serde(flatten)]
    done: DoneV1,
    /// The order that gives it back.
    #[schema(example = json!(["CS2603281445NO7AB"]))]
    order_ids: Vec<String>,
}

/// Gives back resources that were bought for a time, in the old form.
///
/// As `CancelResourcesSubscription` does today.
#[utoipa::path(
    post, path = "/v1.0/{domain_id}/common/order-mgr/resources/delete",
    params(OfCaller),
    responses((status = 200, description = "The order.", body = UnsubscribeResourcesV1Response)),
    extensions(("x-policy" = json!(
        Policy::callers(&CallerKind::CUSTOMERS).customer_action("billing:subscription:unsubscribe").writes()
    ))),
)]
pub async fn unsubscribe_resources_v1(
    State(app): State<App>,
    customer: Customer,
    write: Write,
    Path(OfCaller { domain_id }): Path<OfCaller>,
    Json(request): Json<UnsubscribeResourcesV1Req>,
) -> Result<Answer, ApiError> {
    check_own(&customer, &domain_id)?;
    let (desk, by) = (app.desk(), By { user: Some(customer.user), now: app.now(customer.tenant) });
    let wish = Return {
        account: (customer.tenant, customer.domain),
        ids: named(request.resource_ids.as_slice())?,
        how: if request.un_sub_type.get() == 2 { How::OnlyRenewals } else { How::Unsubscribe },
        user_name: customer.user_name.clone(),
    };
    write
        .once(async |connection| {
            let held = Held::lock(connection, wish.account, &wish.ids, desk.site).await?;
            let order = change::give_back(connection, &desk, (&wish, &held), by).await?;
            let body = UnsubscribeResourcesV1Response { done: DoneV1::default(), order_ids: vec![order.id.clone()] };
            Outcome::of(&order.id, &body)
        })
        .await
}
