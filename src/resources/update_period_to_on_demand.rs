//! `POST /v2/orders/subscriptions/resources/to-on-demand`

use super::family::{Held, named};
use super::refusal::{Failure, Refusal};
use crate::api::caller::{CallerKind, Customer};
use crate::api::error::ApiError;
use crate::api::extract::Json;
use crate::api::policy::Policy;
use crate::api::write::{Answer, Outcome, Write};
use crate::app::App;
use crate::coupons::refusal::ErrorDetail;
use crate::pricing::model::ResourceId;
use crate::subscriptions::lifecycle::{ExpirePolicy, ResourceStatus};
use crate::subscriptions::model::{Subscription, SubscriptionState};
use crate::subscriptions::store as subscriptions;
use crate::values::list::List;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::ToSchema;

/// What to turn to pay-per-use when its time is over.
#[derive(Deserialize, ToSchema)]
pub struct PeriodToOnDemandReq {
    /// Whether it is to be.
    operation: ToOnDemandOperation,
    /// The primaries, up to 100; their secondaries go with them.
    #[schema(inline, value_type = Vec<ResourceId>, max_items = 100)]
    resource_ids: List<ResourceId, 100>,
}

/// Whether resources are turned to pay-per-use when their time is over.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, ToSchema)]
pub enum ToOnDemandOperation {
    /// They are.
    #[serde(rename = "SET_UP")]
    SetUp,
    /// They are not.
    #[serde(rename = "CANCEL")]
    Cancel,
}

/// What was not done.
#[derive(Serialize, ToSchema)]
pub struct UpdatePeriodToOnDemandResponse {
    /// The resources for which it was not done, and why.
    error_details: Vec<ErrorDetail>,
}

/// Lets resources be paid by use when their time is over, or not.
///
/// Instead of automatic renewal, if that was on. Those for which it cannot be are listed; for the others it is done.
#[utoipa::path(
    post, path = "/v2/orders/subscriptions/resources/to-on-demand",
    responses((status = 200, description = "What was not done.", body = UpdatePeriodToOnDemandResponse)),
    extensions(("x-policy" = json!(
        Policy::callers(&CallerKind::CUSTOMERS).customer_action("billing:subscription:renew").writes()
    ))),
)]
pub async fn update_period_to_on_demand(
    State(app): State<App>,
    customer: Customer,
    write: Write,
    Json(request): Json<PeriodToOnDemandReq>,
) -> Result<Answer, ApiError> {
    let (account, now) = ((customer.tenant, customer.domain), app.now(customer.tenant));
    let (desk, ids) = (app.desk(), named(request.resource_ids.as_slice())?);
    write
        .once(async |connection| {
            let held = Held::lock(connection, account, &ids, desk.site).await?;
            if held.customer.is_frozen() {
                return Err(Failure::from(Refusal::CustomerFrozen).into());
            }
            let (mut changed, mut error_details) = (Vec::new(), Vec::new());
            for id in &ids {
                match held.primary(id).and_then(|primary| decide(primary, request.operation, now)) {
                    Ok(resource) => changed.push(resource),
                    Err(refusal) => {
                        let (error_code, error_msg) = refusal.words();
                        error_details.push(ErrorDetail { error_code, error_msg, id: id.clone() });
                    }
                }
            }
            subscriptions::update(connection, account.0, &changed, &held.rules).await?;
            Outcome::of(&ids.join(" "), &UpdatePeriodToOnDemandResponse { error_details })
        })
        .await
}

fn decide(
    primary: &Subscription,
    operation: ToOnDemandOperation,
    now: OffsetDateTime,
) -> Result<Subscription, Refusal> {
    if primary.status != ResourceStatus::InUse {
        return Err(Refusal::Frozen);
    }
    if primary.state != SubscriptionState::InUse {
        return Err(Refusal::PendingPayment);
    }
    let policy = match operation {
        ToOnDemandOperation::SetUp => ExpirePolicy::ToOnDemand,
        ToOnDemandOperation::Cancel if primary.policy == ExpirePolicy::ToOnDemand => ExpirePolicy::Grace,
        ToOnDemandOperation::Cancel => primary.policy,
    };
    let renew_attempt_at = primary.renew_attempt_at.filter(|_| policy == ExpirePolicy::AutoRenew);
    Ok(Subscription { policy, renew_attempt_at, updated_at: now, ..primary.clone() })
}
