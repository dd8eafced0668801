//! `DELETE /v1.0/{domain_id}/customer/order-mgr/orders/{order_id}`

use super::form::{DoneV1, OrderOfCaller, check_own};
use crate::api::caller::{CallerKind, Customer};
use crate::api::error::ApiError;
use crate::api::extract::{Path, Query};
use crate::api::policy::Policy;
use crate::api::write::{Answer, Outcome, Write};
use crate::app::App;
use crate::orders::administration::LINES_MAX;
use crate::orders::cancel;
use crate::orders::model::By;
use crate::resources::cancel_resources_subscription::UnsubscribeReason;
use crate::resources::change::{self, How, Return};
use crate::resources::family::{self, Held};
use crate::resources::refusal::Refusal;
use crate::subscriptions::lifecycle::ResourceStatus;
use crate::subscriptions::search::{SubscriptionFilter, page};
use crate::values::number::Number;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// How to give back what an order bought, in the old form.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct UnsubscribeOrderV1Query {
    /// `1`, `3` the resources and the renewals that lie ahead, `2` these renewals alone.
    #[param(inline)]
    unsub_type: Number<1, 3>,
    /// Why: `1` to `5`, as `CancelResourcesSubscription` has it.
    #[serde(rename = "unsubscribe_reason_type")]
    #[param(inline, rename = "unsubscribe_reason_type")]
    _reason_type: Option<Number<1, 5>>,
    /// Why, in words.
    #[serde(rename = "unsubscribe_reason")]
    #[param(inline, rename = "unsubscribe_reason")]
    _unsubscribe_reason: Option<UnsubscribeReason>,
}

/// What was given back, in the old form.
#[derive(Serialize, ToSchema)]
pub struct UnsubscribeOrderV1Response {
    #[serde(flatten)]
    done: DoneV1,
    /// The order that gives it back.
    #[schema(example = json!(["CS2603281445NO7AB"]))]
    unsub_order_ids: Vec<String>,
}

/// Gives back what an order bought, in the old form.
///
/// As `CancelResourcesSubscription` does today with each primary of the order that is not gone.
#[utoipa::path(
    delete, path = "/v1.0/{domain_id}/customer/order-mgr/orders/{order_id}",
    params(OrderOfCaller, UnsubscribeOrderV1Query),
    responses((status = 200, description = "The order.", body = UnsubscribeOrderV1Response)),
    extensions(("x-policy" = json!(
        Policy::callers(&CallerKind::CUSTOMERS).customer_action("billing:subscription:unsubscribe").writes()
    ))),
)]
pub async fn unsubscribe_order_v1(
    State(app): State<App>,
    customer: Customer,
    write: Write,
    Path(OrderOfCaller { domain_id, order_id }): Path<OrderOfCaller>,
    Query(query): Query<UnsubscribeOrderV1Query>,
) -> Result<Answer, ApiError> {
    check_own(&customer, &domain_id)?;
    let how = if query.unsub_type.get() == 2 { How::OnlyRenewals } else { How::Unsubscribe };
    let (account, id) = ((customer.tenant, customer.domain), order_id.id());
    let (desk, by) = (app.desk(), By { user: Some(customer.user), now: app.now(customer.tenant) });
    let user_name = customer.user_name.clone();
    let filter = SubscriptionFilter {
        order: Some(id.clone()),
        only_main: true,
        statuses: Some(vec![ResourceStatus::InUse, ResourceStatus::Frozen, ResourceStatus::Expired]),
        ..SubscriptionFilter::default()
    };
    write
        .once(async |connection| {
            cancel::lock(connection, account, &id).await?;
            let (bought, _) = page(connection, account, &filter, (0, LINES_MAX)).await?;
            if bought.is_empty() {
                return Err(Refusal::Deleted.into());
            }
            let wish = Return { account, ids: family::ids(&bought), how, user_name };
            let held = Held::lock(connection, account, &wish.ids, desk.site).await?;
            let order = change::give_back(connection, &desk, (&wish, &held), by).await?;
            let body = UnsubscribeOrderV1Response { done: DoneV1::default(), unsub_order_ids: vec![order.id.clone()] };
            Outcome::of(&order.id, &body)
        })
        .await
}
