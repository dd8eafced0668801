//! Bills: what charges are shown as. Fee records and resource records of customers, their sums, and what partners see of
//! them.
//!
//! Every amount is one of the charges' or a sum that is kept with them, so what the lists add up to is what the sums say.

pub mod accounts;
pub mod explain_bill_record;
pub mod formula;
pub mod list_consume_sub_customers;
pub mod list_customer_bills_fee_records;
pub mod list_customerself_resource_record_details;
pub mod list_customerself_resource_records;
pub mod list_postpaid_bill_sum;
pub mod list_resource_usage;
pub mod list_resource_usage_summary;
pub mod list_sub_customer_bill_detail;
pub mod list_subcustomer_monthly_bills;
pub mod model;
pub mod search;
pub mod show_customer_monthly_sum;
pub mod sums;
#[cfg(test)]
mod tests;
pub mod walk;

use crate::api::operation::{Operations, operations};
use crate::app::App;

/// The domain's operations.
pub fn register(operations: &mut Operations<App>) {
    operations!(operations, "bills":
        list_customer_bills_fee_records::list_customer_bills_fee_records,
        list_customerself_resource_records::list_customerself_resource_records,
        list_customerself_resource_record_details::list_customerself_resource_record_details,
        show_customer_monthly_sum::show_customer_monthly_sum,
        list_resource_usage::list_resource_usage,
        list_resource_usage_summary::list_resource_usage_summary,
        list_sub_customer_bill_detail::list_sub_customer_bill_detail,
        list_consume_sub_customers::list_consume_sub_customers,
        list_subcustomer_monthly_bills::list_subcustomer_monthly_bills,
        list_postpaid_bill_sum::list_postpaid_bill_sum,
        explain_bill_record::explain_bill_record,
    );
}
