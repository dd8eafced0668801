//! What the writers are asked to do, and what becomes of it.

use super::super::books::{Refusal, Transfer};
use super::super::model::Posting;
use crate::api::error::ApiError;
use crate::api::write::{Answer, Write};

/// Transfers to be made as one write of the API.
#[derive(Clone, Debug)]
pub struct Command {
    /// The write.
    pub write: Write,
    /// The transfers, all or none.
    pub postings: Vec<Posting>,
    /// What they are done to, for the audit.
    pub subject: String,
    /// Makes the answer's body.
    pub answer: fn(&[Transfer]) -> String,
}

/// What became of a command.
pub type Outcome = Result<Answer, Failure>;

/// Why a command was not done.
#[derive(Clone, Debug)]
pub enum Failure {
    /// A rule of the ledger forbids it.
    Refused(Refusal),
    /// The key it carries does, or the database failed.
    Error(ApiError),
}
