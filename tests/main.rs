//! What no single operation owns: the document against the public facts, the policies, signatures, the process's life.

mod background;
mod busy;
mod contract;
mod document;
mod edge;
mod fuzz;
mod identity;
mod isolation;
mod layers;
mod ledger;
mod operator;
mod operator_catalogue;
mod operator_customers;
mod parameters;
mod policy;
mod postgres;
mod queries;
mod refusals;
mod requests;
mod scenarios;
mod secrecy;
mod signature;
mod snapshots;
mod walk;
mod webhooks;
mod world;
