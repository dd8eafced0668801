//! Request signatures, with the five algorithms of the vendor's SDKs.
//!
//! The client names the headers it signed, builds a canonical text of the request (`canonical`), and signs that text's
//! hash with its secret (`algorithm`). The vendor's SDKs differ in what they sign: from every header down to `x-sdk-date`
//! alone, one leaves out `host`, one never binds the body. All of them work against the vendor, so all of them work here;
//! [`Rules`] makes it stricter.
//!
//! [`parse`] reads the header, [`verify`] decides, [`diagnose`] finds out for a developer what a client did otherwise. All
//! are pure: no clock, no database, and nothing of the body is interpreted before its signature stands.

mod algorithm;
mod canonical;
mod diagnosis;
mod mistakes;
mod model;
mod verification;

pub use algorithm::{Algorithm, Key};
pub use diagnosis::{Finding, diagnose, in_words};
pub use model::{Refusal, Request, Rules};
pub use verification::{
    Authorization, canonical_request, check_date, is_signed, parse, parse_date, sign, string_to_sign, verify,
    write_date,
};
