//! What the old forms have in common.

use crate::api::caller::Caller;
use crate::api::error::ApiError;
use crate::customers::model::AccountIdText;
use crate::resources::set_resources_renew_config::DONE;
use crate::values::number::Number;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// A page's number, from 1.
pub type PageNumber = Number<1, 2_147_483_647>;

/// The account in the path: the caller's own.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct OfCaller {
    /// The caller's own account.
    #[param(inline)]
    pub domain_id: AccountIdText,
}

/// Refuses a path with another account than the caller's own.
pub fn check_own(caller: &Caller, named: &AccountIdText) -> Result<(), ApiError> {
    if named.id() == Some(caller.domain) { Ok(()) } else { Err(ApiError::forbidden()) }
}

/// How many are skipped before a page.
pub fn skipped(page: PageNumber, size: usize) -> usize {
    (page.get() as usize - 1).saturating_mul(size)
}

/// That it was done, as every old answer says.
#[derive(Serialize, ToSchema)]
pub struct DoneV1 {
    /// `CBC.0000`.
    #[schema(example = "CBC.0000")]
    error_code: &'static str,
    /// In words.
    #[schema(example = "success")]
    error_msg: &'static str,
}

impl Default for DoneV1 {
    fn default() -> Self {
        Self { error_code: DONE.0, error_msg: DONE.1 }
    }
}

/// What to do about automatic renewal.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct AutoRenewalActionV1 {
    /// `autorenew`.
    #[param(inline)]
    pub action_id: AutoRenewalAction,
}

/// What is done to a resource.
#[derive(Deserialize, ToSchema)]
pub enum AutoRenewalAction {
    /// It is renewed by itself, or no more.
    #[serde(rename = "autorenew")]
    AutoRenew,
}

/// The account and the order in the path.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct OrderOfCaller {
    /// The caller's own account.
    #[param(inline)]
    pub domain_id: AccountIdText,
    /// The order, in any case.
    #[param(inline)]
    pub order_id: crate::orders::model::OrderNumber,
}

/// The account and the resource in the path.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct ResourceOfCaller {
    /// The caller's own account.
    #[param(inline)]
    pub domain_id: AccountIdText,
    /// The resource, a primary.
    #[param(inline)]
    pub resource_id: crate::pricing::model::ResourceId,
}
