//! What partners ask of this server beyond the vendor's API, and what they do in the vendor's console.

pub mod ask_partner_to_pay;
pub mod create_export_link;
pub mod create_file_subscription;
pub mod create_invoice_title;
pub mod create_webhook;
pub mod delete_file_subscription;
pub mod delete_invoice_title;
pub mod delete_webhook;
pub mod download_export;
pub mod exports;
pub mod file_subscriptions;
pub mod invoices;
pub mod list_events;
pub mod list_exports;
pub mod list_file_deliveries;
pub mod list_file_subscriptions;
pub mod list_invoice_requests;
pub mod list_invoice_titles;
pub mod list_invoiceable_amounts;
pub mod list_orders_to_pay;
pub mod list_webhook_deliveries;
pub mod list_webhooks;
pub mod open_export_link;
pub mod orders;
pub mod pay_order_for_customer;
pub mod place_order_for_customer;
pub mod print_invoice;
pub mod refuse_to_pay_order;
pub mod replay_webhook;
pub mod request_export;
pub mod request_invoice;
pub mod show_export;
pub mod show_idempotency_key;
pub mod update_file_subscription;
pub mod update_webhook;
pub mod webhook;
pub mod withdraw_invoice;

use crate::api::operation::{Operations, operations};
use crate::app::App;

/// The domain's operations.
pub fn register(operations: &mut Operations<App>) {
    operations!(operations, "partner":
        show_idempotency_key::show_idempotency_key,
        list_events::list_events,
        list_webhooks::list_webhooks,
        create_webhook::create_webhook,
        update_webhook::update_webhook,
        delete_webhook::delete_webhook,
        list_webhook_deliveries::list_webhook_deliveries,
        replay_webhook::replay_webhook,
        place_order_for_customer::place_order_for_customer,
        ask_partner_to_pay::ask_partner_to_pay,
        list_orders_to_pay::list_orders_to_pay,
        pay_order_for_customer::pay_order_for_customer,
        refuse_to_pay_order::refuse_to_pay_order,
        list_invoiceable_amounts::list_invoiceable_amounts,
        request_invoice::request_invoice,
        list_invoice_requests::list_invoice_requests,
        withdraw_invoice::withdraw_invoice,
        print_invoice::print_invoice,
        create_invoice_title::create_invoice_title,
        list_invoice_titles::list_invoice_titles,
        delete_invoice_title::delete_invoice_title,
        request_export::request_export,
        list_exports::list_exports,
        show_export::show_export,
        download_export::download_export,
        create_export_link::create_export_link,
        open_export_link::open_export_link,
        create_file_subscription::create_file_subscription,
        list_file_subscriptions::list_file_subscriptions,
        update_file_subscription::update_file_subscription,
        delete_file_subscription::delete_file_subscription,
        list_file_deliveries::list_file_deliveries,
    );
}
