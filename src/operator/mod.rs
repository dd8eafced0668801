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
pub mod curl;
pub mod cursor;
pub mod customers;
pub mod discounts;
pub mod document;
pub mod enterprises;
pub mod exports;
pub mod faults;
pub mod file_subscriptions;
pub mod funds;
pub mod gate;
pub mod incentives;
pub mod invoices;
pub mod keys;
pub mod limits;
pub mod maintenance;
pub mod named;
pub mod notifications;
pub mod operators;
pub mod orders;
pub mod packages;
pub mod partner_payments;
pub mod partners;
pub mod place_order;
pub mod policy;
pub mod prices;
pub mod quotas;
pub mod real_name;
pub mod replay;
pub mod requests;
pub mod resources;
pub mod scenarios;
pub mod sdk;
pub mod sheets;
pub mod snapshots;
pub mod usage;
pub mod users;
pub mod webhooks;

use crate::api::operation::{Operations, operations};
use crate::app::App;
use policy::OperatorPolicy;

/// Every operation of the operators' API.
pub fn operations() -> Operations<App, OperatorPolicy> {
    let mut operations = Operations::new(document::head(), document::schemas());
    operations!(operations, "accounts":
        accounts::list_accounts,
        accounts::create_account,
        funds::show_funds,
        funds::top_up_funds,
        funds::withdraw_funds,
        funds::set_credit_line,
        funds::grant_credit,
        limits::list_limits,
    );
    operations!(operations, "audit": audit_events::list_audit_events);
    operations!(operations, "cards": cards::list_cards, cards::issue_card);
    operations!(operations, "catalogue": catalogue::export_catalogue, catalogue::import_catalogue);
    operations!(operations, "clock": clock::show_clock, clock::set_clock);
    operations!(operations, "codes": codes::list_verification_codes, codes::reserve_receiver);
    coupons::register(&mut operations);
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
    enterprises::register(&mut operations);
    exports::register(&mut operations);
    file_subscriptions::register(&mut operations);
    operations!(operations, "faults": faults::list_faults, faults::create_fault, faults::delete_fault);
    invoices::register(&mut operations);
    operations!(operations, "maintenance": maintenance::show_maintenance, maintenance::set_maintenance);
    operations!(operations, "notifications": notifications::list_notifications, notifications::send_notification);
    operations!(operations, "operators":
        operators::list_operators,
        operators::create_operator,
        operators::delete_operator,
    );
    place_order::register(&mut operations);
    orders::register(&mut operations);
    packages::register(&mut operations);
    usage::register(&mut operations);
    partner_payments::register(&mut operations);
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
    requests::register(&mut operations);
    resources::register(&mut operations);
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
