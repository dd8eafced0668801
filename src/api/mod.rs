//! What every operation shares; it knows no domain. Start with [`operation`], then follow a request through
//! [`edge`], [`gate`] and [`extract`].

pub mod caller;
pub mod document;
pub mod edge;
pub mod error;
pub mod extract;
pub mod filter;
pub mod gate;
pub mod lockout;
pub mod operation;
pub mod page;
pub mod quota;
pub mod signature;
pub mod source;
pub mod write;
