//! `POST /v2/orders/subscriptions/resources/renew/config`

use super::refusal::Failure;
use crate::api::caller::{CallerKind, Customer};
use crate::api::error::ApiError;
use crate::api::extract::Json;
use crate::api::policy::Policy;
use crate::api::write::{Answer, Outcome, Write};
use crate::app::App;
use crate::customers::store as customers;
use crate::orders::fulfil;
use crate::orders::refusal::{NotDone, Refusal as OrderRefusal};
use crate::subscriptions::store::{self as subscriptions, RenewConfig};
use crate::values::id::{DomainId, TenantId};
use crate::values::site::Site;
use crate::values::text::texts;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use time::OffsetDateTime;
use utoipa::ToSchema;

texts! {
    /// A day, as a number.
    RenewConfigValue, 1..=64, "7";
}

/// What an account says of how its resources are renewed.
#[derive(Deserialize, ToSchema)]
pub struct RenewResourceConfigReq {
    /// What it says.
    config_name: RenewConfigName,
    /// Of `DEDUCTION_DATE` 2 to 7, of `EXPIRE_DATE` 1 to 28, or -1 for the last day of the month.
    config_value: RenewConfigValue,
}

/// What an account can say of how its resources are renewed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, ToSchema)]
pub enum RenewConfigName {
    /// From how many days before the end on it is tried.
    #[serde(rename = "DEDUCTION_DATE")]
    DeductionDate,
    /// On which day of the month renewed resources end.
    #[serde(rename = "EXPIRE_DATE")]
    ExpireDate,
}

/// That it was taken.
#[derive(Serialize, ToSchema)]
pub struct SetResourcesRenewConfigResponse {
    /// `CBC.0000`.
    #[schema(example = "CBC.0000")]
    error_code: &'static str,
    /// `success`.
    #[schema(example = "success")]
    error_msg: &'static str,
}

/// Sets how all resources of the account are renewed.
///
/// The day on which they end holds for every renewal from then on; the days before the end for automatic renewals.
#[utoipa::path(
    post, path = "/v2/orders/subscriptions/resources/renew/config",
    responses((status = 200, description = "It holds.", body = SetResourcesRenewConfigResponse)),
    extensions(("x-policy" = json!(
        Policy::callers(&CallerKind::CUSTOMERS).customer_action("billing:subscription:renew").writes()
    ))),
)]
pub async fn set_resources_renew_config(
    State(app): State<App>,
    customer: Customer,
    write: Write,
    Json(request): Json<RenewResourceConfigReq>,
) -> Result<Answer, ApiError> {
    let (account, now, site) = ((customer.tenant, customer.domain), app.now(customer.tenant), app.settings.api.site);
    let config = request.config()?;
    write
        .once(async |connection| {
            configure(connection, (account, site), config, now).await?;
            Outcome::of(&account.1, &SetResourcesRenewConfigResponse { error_code: DONE.0, error_msg: DONE.1 })
        })
        .await
}

/// Sets how a customer's resources are renewed: in the transaction of who calls.
pub async fn configure(
    connection: &mut PgConnection,
    (account, site): ((TenantId, DomainId), Site),
    config: RenewConfig,
    now: OffsetDateTime,
) -> Result<(), Failure> {
    let customer = customers::lock(connection, account.0, account.1).await?;
    let customer = customer.ok_or(NotDone::Refused(OrderRefusal::NoSuchOrder))?;
    subscriptions::set_renew_config(connection, account, config).await?;
    // What is renewed by itself is tried on another day now.
    let rules = fulfil::rules(connection, (account, &customer), site).await?;
    let mut renewed = subscriptions::lock_renewed(connection, account).await?;
    for resource in &mut renewed {
        resource.renew_attempt_at = resource.attempt_after(now, &rules);
    }
    Ok(subscriptions::update(connection, account.0, &renewed, &rules).await?)
}

/// The code and the words of answers that have them although nothing is wrong.
pub const DONE: (&str, &str) = ("CBC.0000", "success");

impl RenewResourceConfigReq {
    fn config(&self) -> Result<RenewConfig, ApiError> {
        let number: Option<i16> = self.config_value.as_str().trim().parse().ok();
        let refuse = |rule: &str| Err(ApiError::parameter("config_value", rule));
        match (self.config_name, number) {
            (RenewConfigName::DeductionDate, Some(days @ 2..=7)) => {
                Ok(RenewConfig { deduction_days: Some(days), ..RenewConfig::default() })
            }
            (RenewConfigName::ExpireDate, Some(day @ (1..=28 | -1))) => {
                Ok(RenewConfig { expire_day: Some(day), ..RenewConfig::default() })
            }
            (RenewConfigName::DeductionDate, _) => refuse("must be from 2 to 7"),
            (RenewConfigName::ExpireDate, _) => refuse("must be from 1 to 28, or -1"),
        }
    }
}
