//! The operators' API, `/admin/v1/…`: what the vendor's staff do. It has a listener, tokens and a document of its own.
//!
//! Its operations are declared like the others, with [`policy::OperatorPolicy`] for rules. What they do is done by the
//! functions that `bss-gateway admin …` calls as well.

pub mod accounts;
pub mod associations;
pub mod audit_events;
pub mod cards;
pub mod catalogue;
pub mod clock;
pub mod codes;
pub mod command;
pub mod coupons;
pub mod cursor;
pub mod customers;
pub mod discounts;
pub mod document;
pub mod faults;
pub mod funds;
pub mod gate;
pub mod incentives;
pub mod keys;
pub mod limits;
pub mod maintenance;
pub mod notifications;
pub mod operators;
pub mod partners;
pub mod policy;
pub mod prices;
pub mod quotas;
pub mod real_name;
pub mod requests;
pub mod scenarios;
pub mod sheets;
pub mod snapshots;
pub mod store;
pub mod users;
pub mod webhooks;

use crate::api::error::ApiError;
use crate::api::operation::{Operations, operations};
use crate::app::App;
use crate::clock as clocks;
use crate::identity::administration::find_account;
use crate::values::id::{DomainId, TenantId};
use axum::http::StatusCode;
use policy::OperatorPolicy;
use serde::Deserialize;
use sqlx::PgConnection;
use time::OffsetDateTime;
use utoipa::IntoParams;

/// Every operation of the operators' API.
pub fn operations() -> Operations<OperatorPolicy> {
    let mut operations = Operations::new(document::head(), document::schemas());
    operations!(operations, "accounts":
        accounts::list_accounts,
        accounts::create_account,
        funds::show_funds,
        funds::top_up_funds,
        funds::withdraw_funds,
        funds::set_credit_line,
        limits::list_limits,
    );
    operations!(operations, "audit": audit_events::list_audit_events);
    operations!(operations, "cards": cards::list_cards, cards::issue_card);
    operations!(operations, "catalogue": catalogue::export_catalogue, catalogue::import_catalogue);
    operations!(operations, "clock": clock::show_clock, clock::set_clock);
    operations!(operations, "codes": codes::list_verification_codes, codes::reserve_receiver);
    operations!(operations, "coupons":
        quotas::list_quotas,
        quotas::grant_quota,
        quotas::set_quota_status,
        quotas::withdraw_quota,
        coupons::list_coupons,
        coupons::issue_coupon,
        coupons::show_coupon_issuing,
        coupons::set_coupon_issuing,
        coupons::list_coupon_products,
        coupons::set_coupon_product,
    );
    operations!(operations, "customers":
        customers::list_customers,
        customers::show_customer,
        customers::freeze_customer,
        customers::unfreeze_customer,
        associations::show_association,
        associations::create_association,
        associations::update_association,
        associations::delete_association,
    );
    operations!(operations, "discounts":
        discounts::list_agreements,
        discounts::create_agreement,
        discounts::list_discounts,
        discounts::create_discount,
        discounts::end_discount,
        discounts::set_currency,
        incentives::list_incentive_policies,
        incentives::set_incentive_policy,
    );
    operations!(operations, "faults": faults::list_faults, faults::create_fault, faults::delete_fault);
    operations!(operations, "maintenance": maintenance::show_maintenance, maintenance::set_maintenance);
    operations!(operations, "notifications": notifications::list_notifications, notifications::send_notification);
    operations!(operations, "operators":
        operators::list_operators,
        operators::create_operator,
        operators::delete_operator,
    );
    operations!(operations, "partners":
        partners::show_profile,
        partners::update_profile,
        partners::assign_platform,
        partners::list_resellers,
        partners::admit_reseller,
    );
    operations!(operations, "prices": prices::export_prices, prices::import_prices);
    operations!(operations, "real-name":
        real_name::list_real_name_reviews,
        real_name::show_real_name_review,
        real_name::approve_real_name,
        real_name::refuse_real_name,
        real_name::ban_document,
    );
    operations!(operations, "requests":
        requests::list_requests,
        requests::delete_requests,
        requests::show_request,
        requests::show_request_as_curl,
        requests::show_request_as_sdk_code,
        requests::replay_request,
    );
    operations!(operations, "snapshots":
        snapshots::list_snapshots,
        snapshots::save_snapshot,
        snapshots::restore_snapshot,
        snapshots::delete_snapshot,
        snapshots::create_fork,
        snapshots::delete_fork,
        scenarios::list_scenarios,
    );
    operations!(operations, "users":
        users::list_users,
        users::create_user,
        users::update_user,
        users::enable_second_factor,
        users::disable_second_factor,
        keys::list_keys,
        keys::create_key,
        keys::update_key,
        keys::delete_key,
    );
    webhooks::register(&mut operations);
    operations
}

/// The account in the path.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct OfAccount {
    /// The account's name.
    #[param(example = "demo-partner")]
    pub account: String,
}

/// The user in the path.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct OfUser {
    /// The account's name.
    #[param(example = "demo-partner")]
    pub account: String,
    /// The user's name, unique in the account.
    #[param(example = "clerk")]
    pub user: String,
}

/// The account of a name, and the tenant's time.
async fn account_and_time(
    connection: &mut PgConnection,
    app: &App,
    name: &str,
) -> Result<((TenantId, DomainId), OffsetDateTime), ApiError> {
    let account = find_account(connection, name).await.map_err(refused)?;
    Ok((account, clocks::business_time(connection, account.0, &app.clock).await?))
}

/// The refusal of a function that the command line calls as well: its own words, unless the database failed.
pub fn refused(error: impl Into<anyhow::Error>) -> ApiError {
    let error = error.into();
    if error.chain().any(<dyn std::error::Error>::is::<sqlx::Error>) {
        return ApiError::internal(error);
    }
    ApiError::bss(StatusCode::BAD_REQUEST, "CBC.0100", format!("Not done: {error:#}."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accounts::administration as funds;
    use crate::customers::administration as customers;
    use crate::identity::administration as identity;
    use crate::ledger::PostError;

    #[test]
    fn a_database_that_fails_is_no_refusal_however_deep_it_lies() {
        let failed = || identity::Refusal::Database(sqlx::Error::PoolTimedOut);
        let statuses = [
            refused(sqlx::Error::PoolTimedOut),
            refused(failed()),
            refused(customers::Refusal::Account(failed())),
            refused(funds::Refusal::Ledger(PostError::Database(sqlx::Error::PoolTimedOut))),
        ]
        .map(|error| (error.status.as_u16(), error.message.contains("pool")));
        assert_eq!(statuses, [(500, false); 4]);
        assert_eq!(refused(identity::Refusal::NoSuchKey("A".to_owned())).status, StatusCode::BAD_REQUEST);
    }
}
