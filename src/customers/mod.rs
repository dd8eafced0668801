//! Customers: with which partner each is associated, and how.
//!
//! Whom a request names is resolved by the [`directory`] and nowhere else: `acting_partner` for `indirect_partner_id`,
//! `of_partner` for a customer.

pub mod administration;
pub mod budgets;
pub mod check_user_identity;
pub mod codes;
pub mod command;
pub mod create_sub_customer;
pub mod directory;
pub mod events;
pub mod freeze_sub_customers;
pub mod freezing;
pub mod kin;
pub mod list;
pub mod list_indirect_partners;
pub mod list_sub_customer_budget;
pub mod list_sub_customer_budget_records;
pub mod list_sub_customer_new_tag;
pub mod list_sub_customers;
pub mod membership;
pub mod model;
pub mod opening;
pub mod partner_administration;
pub mod partners;
pub mod payer;
pub mod refusal;
pub mod sandbox;
pub mod send_verification_message_code;
pub mod sending;
pub mod show_customer_expenditure_quota;
pub mod show_sub_customer_budget;
pub mod store;
pub mod unfreeze_sub_customers;
pub mod update_sub_customer_budget;
pub mod walk;

use crate::api::operation::{Operations, operations};
use crate::app::App;

/// The domain's operations.
pub fn register(operations: &mut Operations<App>) {
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
        show_customer_expenditure_quota::show_customer_expenditure_quota,
    );
}
