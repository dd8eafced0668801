//! bss-gateway: a self-hosted server for the partner and customer BSS API of Huawei Cloud.
//!
//! A guided tour:
//!
//! 1. [`cli`] reads the command line ([`admin`] is its part for operators, [`doctor`] for developers), [`config`] the
//!    settings; [`server`] listens and puts the layers round the routes.
//! 2. [`api`] is what every operation shares: how it is declared and registered ([`api::operation`]), the gate before it
//!    ([`api::gate`]), signatures, quotas, refusals.
//! 3. A folder each for the domains: [`identity`], [`mod@reference`], [`products`], [`pricing`], [`subscriptions`],
//!    [`accounts`], [`coupons`]. A file there is one operation.
//! 4. [`catalogue`], [`identity::directory`] and [`follow`] keep in memory what requests would otherwise ask for.
//!    [`gather`] asks the database for many of them at once.
//! 5. [`postgres`] and [`sandbox`] are the one-command world for developers; [`explorer`] is its page.

pub mod accounts;
pub mod admin;
pub mod api;
pub mod app;
pub mod audit;
pub mod catalogue;
pub mod cli;
pub mod clock;
pub mod config;
pub mod coupons;
pub mod customers;
pub mod database;
pub mod doctor;
pub mod due;
pub mod events;
pub mod explorer;
pub mod follow;
pub mod gather;
pub mod identity;
pub mod ledger;
pub mod maintenance;
pub mod messages;
pub mod operator;
pub mod outbox;
pub mod partner;
pub mod personal;
pub mod postgres;
pub mod pricing;
pub mod products;
pub mod real_name;
pub mod reference;
pub mod sandbox;
pub mod secrets;
pub mod server;
pub mod sheet;
pub mod subscriptions;
pub mod telemetry;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod values;

use api::operation::Operations;

/// Every operation of the API.
pub fn operations() -> Operations {
    let mut operations = Operations::default();
    identity::register(&mut operations);
    reference::register(&mut operations);
    products::register(&mut operations);
    accounts::register(&mut operations);
    coupons::register(&mut operations);
    customers::register(&mut operations);
    real_name::register(&mut operations);
    partner::register(&mut operations);
    pricing::register(&mut operations);
    operations.add_webhooks(events::catalogue::webhooks());
    operations
}
