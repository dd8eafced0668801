//! `DELETE /v2/orders/subscriptions/resources/autorenew/{resource_id}`

use super::auto_renewal_resources::AutoRenewalPath;
use super::family::Held;
use super::refusal::{Failure, Refusal};
use crate::api::caller::{CallerKind, Customer};
use crate::api::error::ApiError;
use crate::api::extract::Path;
use crate::api::policy::Policy;
use crate::api::write::{Answer, Outcome, Write};
use crate::app::App;
use crate::subscriptions::lifecycle::ExpirePolicy;
use crate::subscriptions::model::Subscription;
use crate::subscriptions::store as subscriptions;
use axum::extract::State;
use time::OffsetDateTime;

/// Lets a resource be renewed by itself no more.
///
/// When its time is over it comes into its grace period, as resources do by default.
#[utoipa::path(
    delete, path = "/v2/orders/subscriptions/resources/autorenew/{resource_id}",
    params(AutoRenewalPath),
    responses((status = 204, description = "It will not be renewed.")),
    extensions(("x-policy" = json!(
        Policy::callers(&CallerKind::CUSTOMERS).customer_action("billing:subscription:renew").writes()
    ))),
)]
pub async fn cancel_auto_renewal_resources(
    State(app): State<App>,
    customer: Customer,
    write: Write,
    Path(AutoRenewalPath { resource_id }): Path<AutoRenewalPath>,
) -> Result<Answer, ApiError> {
    let (account, now) = ((customer.tenant, customer.domain), app.now(customer.tenant));
    let (desk, id) = (app.desk(), resource_id.as_str().to_owned());
    write
        .once(async |connection| {
            let held = Held::lock(connection, account, std::slice::from_ref(&id), desk.site).await?;
            let resource = held.primary(&id).and_then(|primary| decide(primary, now)).map_err(Failure::from)?;
            subscriptions::update(connection, account.0, &[resource], &held.rules).await?;
            Ok(Outcome::empty(&id))
        })
        .await
}

fn decide(primary: &Subscription, now: OffsetDateTime) -> Result<Subscription, Refusal> {
    if primary.policy != ExpirePolicy::AutoRenew {
        return Err(Refusal::NotAutoRenewed);
    }
    Ok(Subscription { policy: ExpirePolicy::Grace, renew_attempt_at: None, updated_at: now, ..primary.clone() })
}
