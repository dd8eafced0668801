//! Customers: with which partner each is associated, and how.
//!
//! Whom a request names is resolved here and nowhere else: [`acting_partner`] for `indirect_partner_id`, [`of_partner`] for
//! a customer.

pub mod administration;
pub mod association;
pub mod budgets;
pub mod check_user_identity;
pub mod codes;
pub mod command;
pub mod create_sub_customer;
pub mod directory;
pub mod events;
pub mod freeze_sub_customers;
pub mod freezing;
pub mod list;
pub mod list_indirect_partners;
pub mod list_sub_customer_budget;
pub mod list_sub_customer_budget_records;
pub mod list_sub_customer_new_tag;
pub mod list_sub_customers;
pub mod model;
pub mod partner_administration;
pub mod partners;
pub mod sandbox;
pub mod send_verification_message_code;
pub mod show_customer_expenditure_quota;
pub mod show_partner_consumption_quota;
pub mod show_sub_customer_budget;
pub mod store;
pub mod unfreeze_sub_customers;
pub mod update_sub_customer_budget;

use crate::api::caller::{Caller, CallerKind};
use crate::api::error::ApiError;
use crate::api::operation::{Operations, operations};
use crate::app::App;
use crate::values::id::{DomainId, TenantId};
use axum::http::StatusCode;
use directory::Related;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

/// The domain's operations.
pub fn register(operations: &mut Operations) {
    operations!(operations, "customers":
        check_user_identity::check_user_identity,
        send_verification_message_code::send_verification_message_code,
        create_sub_customer::create_sub_customer,
        list_sub_customers::list_sub_customers,
        list_sub_customer_new_tag::list_sub_customer_new_tag,
        list_indirect_partners::list_indirect_partners,
        freeze_sub_customers::freeze_sub_customers,
        unfreeze_sub_customers::unfreeze_sub_customers,
        update_sub_customer_budget::update_sub_customer_budget,
        show_sub_customer_budget::show_sub_customer_budget,
        list_sub_customer_budget::list_sub_customer_budget,
        list_sub_customer_budget_records::list_sub_customer_budget_records,
        show_partner_consumption_quota::show_partner_consumption_quota,
        show_customer_expenditure_quota::show_customer_expenditure_quota,
    );
}

crate::values::text::texts! {
    /// An account's id as a request names it. What is no id of ours is an account that does not exist.
    AccountIdText, 0..=64, "01978d6a2b3c7d4e8f90a1b2c3d4e5f6";
}

impl AccountIdText {
    /// The id, if it can be one.
    pub fn id(&self) -> Option<DomainId> {
        Uuid::try_parse(self.as_str()).ok().map(DomainId)
    }

    /// The id that a request names; nothing if it is absent or empty.
    pub fn given(this: Option<&Self>) -> Option<&Self> {
        this.filter(|text| !text.as_str().is_empty())
    }
}

/// How a customer hangs together with its partner.
#[derive(Clone, Copy, PartialEq, Eq, Debug, sqlx::Type, Serialize, Deserialize, ToSchema, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
#[repr(i16)]
pub enum AssociationType {
    /// It pays the vendor itself.
    Referral = 1,
    /// Its partner allocates funds to it.
    Resale = 2,
}

/// A customer's association with its partner.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Association {
    /// The partner or reseller.
    pub partner: DomainId,
    /// How.
    pub kind: AssociationType,
    /// Since when.
    pub since: OffsetDateTime,
}

/// A customer of a partner.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Customer {
    /// Its id.
    pub id: DomainId,
    /// Its account's name.
    pub name: String,
    /// Its association.
    pub association: Association,
}

impl Customer {
    /// Refuses a referral customer where only resale ones are meant.
    pub fn require_resale(&self) -> Result<(), ApiError> {
        match self.association.kind {
            AssociationType::Resale => Ok(()),
            AssociationType::Referral => Err(not_resale()),
        }
    }
}

/// 400 `CBC.99000037`: no such reseller, or another distributor's.
pub fn no_such_reseller() -> ApiError {
    ApiError::bss(StatusCode::BAD_REQUEST, "CBC.99000037", "You do not have permission to operate this reseller.")
}

/// 400 `CBC.99000035`: no such customer, or another partner's.
pub fn not_a_customer() -> ApiError {
    ApiError::bss(StatusCode::BAD_REQUEST, "CBC.99000035", "Not a customer of the partner.")
}

/// 400 `CBC.99000000`: a customer of the distributor's own tree, but of one of its resellers, which the request does not name.
pub fn no_permission_on_customer() -> ApiError {
    ApiError::bss(StatusCode::BAD_REQUEST, "CBC.99000000", "No permission to operate the customer.")
}

/// The vendor documents no code of the current version for a referral customer; it is as if it could not be operated.
fn not_resale() -> ApiError {
    no_permission_on_customer()
}

/// The partner for whom the caller acts: one of its resellers, if it is a distributor and names one, else itself. Of other
/// callers the parameter is not looked at.
pub async fn acting_partner(
    app: &App,
    caller: &Caller,
    indirect_partner_id: Option<&AccountIdText>,
) -> Result<DomainId, ApiError> {
    match AccountIdText::given(indirect_partner_id) {
        Some(named) if caller.kind == CallerKind::Distributor => Ok(reseller(app, caller, named).await?.0),
        _ => Ok(caller.domain),
    }
}

/// A distributor's reseller, with its name.
pub async fn reseller(app: &App, caller: &Caller, named: &AccountIdText) -> Result<(DomainId, String), ApiError> {
    let id = named.id().ok_or_else(no_such_reseller)?;
    match app.customers.related(caller.tenant, id).await?.as_deref() {
        Some(Related::Reseller { parent, name }) if *parent == caller.domain => Ok((id, name.clone())),
        _ => Err(no_such_reseller()),
    }
}

/// The partner's customer, or, of a distributor, one of its resellers': for operations without a parameter for the reseller.
pub async fn in_tree(app: &App, caller: &Caller, named: &AccountIdText) -> Result<Arc<Customer>, ApiError> {
    let id = named.id().ok_or_else(not_a_customer)?;
    let related = app.customers.related(caller.tenant, id).await?;
    let Some(Related::Customer(customer)) = related.as_deref() else { return Err(not_a_customer()) };
    let partner = customer.association.partner;
    if partner == caller.domain {
        return Ok(customer.clone());
    }
    if caller.kind == CallerKind::Distributor
        && let Some(Related::Reseller { parent, .. }) = app.customers.related(caller.tenant, partner).await?.as_deref()
        && *parent == caller.domain
    {
        return Ok(customer.clone());
    }
    Err(not_a_customer())
}

/// A customer of a partner.
pub async fn of_partner(
    app: &App,
    tenant: TenantId,
    partner: DomainId,
    named: &AccountIdText,
) -> Result<Arc<Customer>, ApiError> {
    let id = named.id().ok_or_else(not_a_customer)?;
    match app.customers.related(tenant, id).await?.as_deref() {
        Some(Related::Customer(customer)) if customer.association.partner == partner => Ok(customer.clone()),
        Some(Related::Customer(_)) => Err(no_permission_on_customer()),
        _ => Err(not_a_customer()),
    }
}
