//! Funds: balances of partners and customers, transfers between them, and the records of both.
//!
//! Every amount here is a balance of the [`ledger`](crate::ledger); a record is a transfer as one of its sides sees it.

pub mod administration;
pub mod cards;
pub mod command;
pub mod credit;
pub mod list_customer_account_change_records;
pub mod list_customers_balances_detail;
pub mod list_partner_account_change_records;
pub mod list_partner_adjust_records;
pub mod list_partner_balances;
pub mod list_stored_value_cards;
pub mod model;
pub mod reclaim_indirect_partner_account;
pub mod reclaim_to_partner_account;
pub mod sandbox;
pub mod show_customer_account_balances;
pub mod update_customer_account_amount;
pub mod update_indirect_partner_account;

use crate::api::operation::{Operations, operations};
use crate::app::App;

/// The domain's operations.
pub fn register(operations: &mut Operations<App>) {
    operations!(operations, "accounts":
        list_partner_balances::list_partner_balances,
        show_customer_account_balances::show_customer_account_balances,
        list_customers_balances_detail::list_customers_balances_detail,
        update_customer_account_amount::update_customer_account_amount,
        reclaim_to_partner_account::reclaim_to_partner_account,
        update_indirect_partner_account::update_indirect_partner_account,
        reclaim_indirect_partner_account::reclaim_indirect_partner_account,
        list_partner_adjust_records::list_partner_adjust_records,
        list_partner_account_change_records::list_partner_account_change_records,
        list_customer_account_change_records::list_customer_account_change_records,
        list_stored_value_cards::list_stored_value_cards,
    );
}
