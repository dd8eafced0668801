//! bss-gateway: a self-hosted server for the partner and customer BSS API of Huawei Cloud.
//!
//! A guided tour:
//!
//! 1. [`cli`] reads the command line ([`admin`] is its part for operators, [`doctor`] for developers), [`config`] the
//!    settings; [`server`] listens and puts the layers round the routes.
//! 2. [`api`] is what every operation shares: how it is declared and registered ([`api::operation`]), who may call it
//!    ([`api::policy`]), quotas, refusals. The [`gate`] stands before each operation and checks its [`signature`].
//! 3. A folder each for the domains: [`identity`], [`mod@reference`], [`products`], [`pricing`], [`subscriptions`],
//!    [`customers`], [`real_name`], [`accounts`], [`coupons`], [`packages`], [`orders`], [`bills`], [`costs`], [`invoices`]. A
//!    file there is one operation. What needs several domains stands above them: [`resources`], [`metering`], [`associations`],
//!    [`consumption`], [`enterprises`]. What is too long for pages is a file: [`exports`], and what is wanted
//!    again and again comes by itself: [`files`].
//!    What old clients send is read by [`legacy`].
//! 4. [`ledger`] moves all that is worth money.
//! 5. [`catalogue`], [`identity::directory`] and [`memory`] keep in memory what requests would otherwise ask for.
//!    [`background`] keeps it in step with the database, and does whatever happens by itself.
//! 6. [`postgres`] and [`sandbox`] are the one-command world for developers; [`explorer`] is its page.
//!
//! Which file may import which is said by `tests/facts/layers.txt`.

pub mod accounts;
pub mod admin;
pub mod api;
pub mod app;
pub mod arguments;
pub mod associations;
pub mod background;
pub mod bills;
pub mod catalogue;
pub mod charges;
pub mod cli;
pub mod clock;
pub mod config;
pub mod consumption;
pub mod costs;
pub mod coupons;
pub mod customers;
pub mod database;
pub mod doctor;
pub mod enterprises;
pub mod events;
pub mod explorer;
pub mod exports;
pub mod files;
pub mod gate;
pub mod health;
pub mod identity;
pub mod invoices;
pub mod lease;
pub mod ledger;
pub mod legacy;
pub mod listener;
pub mod memory;
pub mod messages;
pub mod metering;
pub mod operator;
pub mod operators;
pub mod orders;
pub mod outbox;
pub mod output;
pub mod packages;
pub mod partner;
pub mod personal;
pub mod postgres;
pub mod pricing;
pub mod products;
pub mod real_name;
pub mod reference;
pub mod resources;
pub mod sandbox;
pub mod secrets;
pub mod seed;
pub mod server;
pub mod sheet;
pub mod signature;
pub mod subscriptions;
pub mod supervisor;
pub mod telemetry;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod values;

use api::operation::Operations;
use app::App;

/// Every operation of the API.
pub fn operations() -> Operations<App> {
    let mut operations = Operations::default();
    identity::register(&mut operations);
    reference::register(&mut operations);
    resources::register(&mut operations);
    products::register(&mut operations);
    accounts::register(&mut operations);
    coupons::register(&mut operations);
    packages::register(&mut operations);
    orders::register(&mut operations);
    bills::register(&mut operations);
    costs::register(&mut operations);
    invoices::register(&mut operations);
    customers::register(&mut operations);
    consumption::register(&mut operations);
    enterprises::register(&mut operations);
    real_name::register(&mut operations);
    partner::register(&mut operations);
    legacy::register(&mut operations);
    pricing::register(&mut operations);
    subscriptions::register(&mut operations);
    operations.add_webhooks(events::catalogue::webhooks());
    operations
}
