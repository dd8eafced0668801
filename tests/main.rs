//! What no single operation owns: the document against the public facts, the policies, signatures, the process's life.

mod contract;
mod document;
mod fuzz;
mod identity;
mod isolation;
mod layers;
mod ledger;
mod operator;
mod policy;
mod postgres;
mod refusals;
mod signature;
mod snapshots;
mod world;
