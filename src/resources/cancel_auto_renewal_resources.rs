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
use crate::values::id::{DomainId, TenantId};
use crate::values::site::Site;
use axum::extract::State;
use sqlx::PgConnection;
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
    let (site, id) = (app.desk().site, resource_id.as_str().to_owned());
    write
        .once(async |connection| {
            switch_off(connection, (account, site), &id, now).await?;
            Ok(Outcome::empty(&id))
        })
        .await
}

/// Lets a customer's resource be renewed by itself no more: in the transaction of who calls.
pub async fn switch_off(
    connection: &mut PgConnection,
    (account, site): ((TenantId, DomainId), Site),
    id: &str,
    now: OffsetDateTime,
) -> Result<(), Failure> {
    let held = Held::lock(connection, account, &[id.to_owned()], site).await?;
    let resource = held.primary(id).and_then(|primary| decide(primary, now))?;
    Ok(subscriptions::update(connection, account.0, &[resource], &held.rules).await?)
}

fn decide(primary: &Subscription, now: OffsetDateTime) -> Result<Subscription, Refusal> {
    if primary.policy != ExpirePolicy::AutoRenew {
        return Err(Refusal::NotAutoRenewed);
    }
    Ok(Subscription { policy: ExpirePolicy::Grace, renew_attempt_at: None, updated_at: now, ..primary.clone() })
}
