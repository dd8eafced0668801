//! `POST /v2/orders/subscriptions/resources/autorenew/{resource_id}`

use super::family::Held;
use super::refusal::{Failure, Refusal};
use crate::api::caller::{CallerKind, Customer};
use crate::api::error::ApiError;
use crate::api::extract::{Json, Path};
use crate::api::policy::Policy;
use crate::api::write::{Answer, Outcome, Write};
use crate::app::App;
use crate::pricing::model::{PeriodType, ResourceId};
use crate::subscriptions::lifecycle::{AutoRenewal, ExpirePolicy, ResourceStatus};
use crate::subscriptions::model::Subscription;
use crate::subscriptions::store as subscriptions;
use crate::values::id::{DomainId, TenantId};
use crate::values::number;
use crate::values::site::Site;
use axum::extract::State;
use serde::Deserialize;
use sqlx::PgConnection;
use time::OffsetDateTime;
use utoipa::{IntoParams, ToSchema};

/// Which resource.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct AutoRenewalPath {
    /// The resource, a primary.
    #[param(inline)]
    pub resource_id: ResourceId,
}

/// How a resource is renewed by itself.
#[derive(Deserialize, Default, ToSchema)]
pub struct AutoRenewalResourcesReq {
    /// How often, 0 to 99; 0, also if absent at first, is without end. Absent later, it stays as it is.
    #[schema(nullable, minimum = 0, maximum = 99, example = 0)]
    #[serde(default, deserialize_with = "number::any_or_none")]
    auto_renew_times: Option<i16>,
    /// For a month or a year each time; absent, as it was bought last.
    #[schema(nullable)]
    period_type: Option<AutoRenewalPeriod>,
}

/// For how long a resource is renewed by itself each time.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, ToSchema)]
pub enum AutoRenewalPeriod {
    /// A month.
    #[serde(rename = "MONTH")]
    Month,
    /// A year.
    #[serde(rename = "YEAR")]
    Year,
}

/// Lets a resource be renewed by itself.
///
/// At 03:00 of UTC+8, from seven days before its end on or as many as the account has chosen, each day until it is paid or the
/// resource is gone. Its secondaries are renewed with it. The body may be left out.
#[utoipa::path(
    post, path = "/v2/orders/subscriptions/resources/autorenew/{resource_id}",
    params(AutoRenewalPath),
    request_body = Option<AutoRenewalResourcesReq>,
    responses((status = 204, description = "It will be renewed.")),
    extensions(("x-policy" = json!(
        Policy::callers(&CallerKind::CUSTOMERS).customer_action("billing:subscription:renew").writes()
    ))),
)]
pub async fn auto_renewal_resources(
    State(app): State<App>,
    customer: Customer,
    write: Write,
    Path(AutoRenewalPath { resource_id }): Path<AutoRenewalPath>,
    request: Option<Json<AutoRenewalResourcesReq>>,
) -> Result<Answer, ApiError> {
    let request = request.map(|Json(request)| request).unwrap_or_default();
    if request.auto_renew_times.is_some_and(|times| !(0..=99).contains(&times)) {
        return Err(ApiError::parameter("auto_renew_times", "must be from 0 to 99"));
    }
    let (account, now) = ((customer.tenant, customer.domain), app.now(customer.tenant));
    let (site, id) = (app.desk().site, resource_id.as_str().to_owned());
    write
        .once(async |connection| {
            switch_on(connection, (account, site), &id, &request, now).await?;
            Ok(Outcome::empty(&id))
        })
        .await
}

/// Lets a customer's resource be renewed by itself: in the transaction of who calls.
pub async fn switch_on(
    connection: &mut PgConnection,
    (account, site): ((TenantId, DomainId), Site),
    id: &str,
    request: &AutoRenewalResourcesReq,
    now: OffsetDateTime,
) -> Result<(), Failure> {
    let held = Held::lock(connection, account, &[id.to_owned()], site).await?;
    let mut resource = held.primary(id).and_then(|primary| decide(primary, request, now))?;
    resource.renew_attempt_at = resource.attempt_after(now, &held.rules);
    Ok(subscriptions::update(connection, account.0, &[resource], &held.rules).await?)
}

fn decide(
    primary: &Subscription,
    request: &AutoRenewalResourcesReq,
    now: OffsetDateTime,
) -> Result<Subscription, Refusal> {
    if primary.status != ResourceStatus::InUse {
        return Err(Refusal::NoAutoRenewal);
    }
    let before = (primary.policy == ExpirePolicy::AutoRenew).then_some(primary.auto_renewal);
    let kind = request.period_type.map(|kind| match kind {
        AutoRenewalPeriod::Month => PeriodType::Month,
        AutoRenewalPeriod::Year => PeriodType::Year,
    });
    Ok(Subscription {
        policy: ExpirePolicy::AutoRenew,
        auto_renewal: AutoRenewal::switched_on(before, request.auto_renew_times),
        renew_kind: kind.or(primary.renew_kind.filter(|_| before.is_some())),
        updated_at: now,
        ..primary.clone()
    })
}
