//! `POST /v2/orders/subscriptions/resources/unsubscribe`

use super::change::{self, How, Return};
use super::family::{Held, named};
use crate::api::caller::{CallerKind, Customer};
use crate::api::error::ApiError;
use crate::api::extract::Json;
use crate::api::policy::Policy;
use crate::api::write::{Answer, Outcome, Write};
use crate::app::App;
use crate::orders::model::By;
use crate::pricing::model::ResourceId;
use crate::subscriptions::model::FailResourceInfo;
use crate::values::list::List;
use crate::values::number::{self, Number};
use crate::values::text::texts;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

texts! {
    /// Why something is given back, in words.
    UnsubscribeReason, 0..=512, "No longer needed";
}

/// What to give back.
#[derive(Deserialize, ToSchema)]
pub struct UnsubscribeResourcesReq {
    /// The primaries, up to ten; their secondaries are given back with them.
    #[schema(inline, value_type = Vec<ResourceId>, max_items = 10)]
    resource_ids: List<ResourceId, 10>,
    /// `1` the resources and the renewals that lie ahead, `2` these renewals alone.
    #[schema(value_type = i32, minimum = 1, maximum = 2, example = 1)]
    unsubscribe_type: Number<1, 2>,
    /// Why: `1` hard to use, `2` lacks functions, `3` too complicated, `4` the service, `5` something else.
    #[schema(nullable, minimum = 1, maximum = 5, example = 5)]
    #[serde(default, deserialize_with = "number::any_or_none")]
    unsubscribe_reason_type: Option<i32>,
    /// Why, in words.
    #[serde(rename = "unsubscribe_reason")]
    #[schema(inline, nullable)]
    _unsubscribe_reason: Option<UnsubscribeReason>,
}

/// What was given back.
#[derive(Serialize, ToSchema)]
pub struct CancelResourcesSubscriptionResponse {
    /// The order that gives it back.
    #[schema(example = json!(["CS2603281445NO7AB"]))]
    order_ids: Vec<String>,
    /// Reserved: it is always empty.
    fail_resource_infos: Vec<FailResourceInfo>,
}

/// Gives back resources that were bought for a time.
///
/// What was used and a fee are kept; within five days of a purchase (not on the international site, ten resources a year) and of
/// renewals that lie ahead everything comes back. All resources are given back, or none is.
#[utoipa::path(
    post, path = "/v2/orders/subscriptions/resources/unsubscribe",
    responses((status = 200, description = "The order.", body = CancelResourcesSubscriptionResponse)),
    extensions(("x-policy" = json!(
        Policy::callers(&CallerKind::CUSTOMERS).customer_action("billing:subscription:unsubscribe").writes()
    ))),
)]
pub async fn cancel_resources_subscription(
    State(app): State<App>,
    customer: Customer,
    write: Write,
    Json(request): Json<UnsubscribeResourcesReq>,
) -> Result<Answer, ApiError> {
    if request.unsubscribe_reason_type.is_some_and(|kind| !(1..=5).contains(&kind)) {
        return Err(ApiError::parameter("unsubscribe_reason_type", "must be from 1 to 5"));
    }
    let (desk, by) = (app.desk(), By { user: Some(customer.user), now: app.now(customer.tenant) });
    let wish = Return {
        account: (customer.tenant, customer.domain),
        ids: named(request.resource_ids.as_slice())?,
        how: if request.unsubscribe_type.get() == 2 { How::OnlyRenewals } else { How::Unsubscribe },
        user_name: customer.user_name.clone(),
    };
    write
        .once(async |connection| {
            let held = Held::lock(connection, wish.account, &wish.ids, desk.site).await?;
            let order = change::give_back(connection, &desk, (&wish, &held), by).await?;
            let body = CancelResourcesSubscriptionResponse {
                order_ids: vec![order.id.clone()],
                fail_resource_infos: Vec::new(),
            };
            Outcome::of(&order.id, &body)
        })
        .await
}
