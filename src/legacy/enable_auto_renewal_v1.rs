//! `POST /v1.0/{domain_id}/common/order-mgr/resources/{resource_id}/actions`

use super::form::{AutoRenewalActionV1, DoneV1, ResourceOfCaller, check_own};
use crate::api::caller::{CallerKind, Customer};
use crate::api::error::ApiError;
use crate::api::extract::{Path, Query};
use crate::api::policy::Policy;
use crate::api::write::{Answer, Outcome, Write};
use crate::app::App;
use crate::resources::auto_renewal_resources::{AutoRenewalResourcesReq, switch_on};
use axum::extract::State;

/// Lets a resource be renewed by itself, in the old form.
///
/// As `AutoRenewalResources` does today without a body.
#[utoipa::path(
    post, path = "/v1.0/{domain_id}/common/order-mgr/resources/{resource_id}/actions",
    params(ResourceOfCaller, AutoRenewalActionV1),
    responses((status = 200, description = "It will be renewed.", body = DoneV1)),
    extensions(("x-policy" = json!(
        Policy::callers(&CallerKind::CUSTOMERS).customer_action("billing:subscription:renew").writes()
    ))),
)]
pub async fn enable_auto_renewal_v1(
    State(app): State<App>,
    customer: Customer,
    write: Write,
    Path(ResourceOfCaller { domain_id, resource_id }): Path<ResourceOfCaller>,
    _action: Query<AutoRenewalActionV1>,
) -> Result<Answer, ApiError> {
    check_own(&customer, &domain_id)?;
    let (account, now) = ((customer.tenant, customer.domain), app.now(customer.tenant));
    let (site, id) = (app.desk().site, resource_id.as_str().to_owned());
    write
        .once(async |connection| {
            switch_on(connection, (account, site), &id, &AutoRenewalResourcesReq::default(), now).await?;
            Outcome::of(&id, &DoneV1::default())
        })
        .await
}
