//! The operators' API, `/admin/v1/…`: what the vendor's staff do. It has a listener, tokens and a document of its own.
//!
//! Its operations are declared like the others, with [`policy::OperatorPolicy`] for rules. What they do is done by the
//! functions that `bss-gateway admin …` calls as well.

pub mod accounts;
pub mod audit_events;
pub mod clock;
pub mod command;
pub mod cursor;
pub mod document;
pub mod faults;
pub mod funds;
pub mod gate;
pub mod keys;
pub mod limits;
pub mod operators;
pub mod policy;
pub mod prices;
pub mod scenarios;
pub mod snapshots;
pub mod store;
pub mod users;

use crate::api::error::ApiError;
use crate::api::operation::{Operations, operations};
use axum::http::StatusCode;
use policy::OperatorPolicy;
use serde::Deserialize;
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
    operations!(operations, "clock": clock::show_clock, clock::set_clock);
    operations!(operations, "faults": faults::list_faults, faults::create_fault, faults::delete_fault);
    operations!(operations, "operators":
        operators::list_operators,
        operators::create_operator,
        operators::delete_operator,
    );
    operations!(operations, "prices": prices::export_prices, prices::import_prices);
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

/// The refusal of a function that the command line calls as well: its own words, unless the database failed.
pub fn refused(error: impl Into<anyhow::Error>) -> ApiError {
    let error = error.into();
    if error.chain().any(<dyn std::error::Error>::is::<sqlx::Error>) {
        return ApiError::internal(error);
    }
    ApiError::bss(StatusCode::BAD_REQUEST, "CBC.0100", format!("Not done: {error:#}."))
}
