//! What every operation shares; it knows no domain. Start with [`operation`], then follow a request through
//! [`edge`], [`policy`] and [`extract`].

pub mod address;
pub mod again;
pub mod audit;
pub mod bodies;
pub mod caller;
pub mod document;
pub mod edge;
pub mod error;
pub mod extract;
pub mod faults;
pub mod filter;
pub mod lockout;
pub mod maintenance;
pub mod operation;
pub mod origins;
pub mod page;
pub mod policy;
pub mod quota;
pub mod recorder;
pub mod source;
pub mod write;
