//! Why nothing is exported. The vendor documents no codes for it: it has no such interface.

use super::model::RUNNING_MAX;
use crate::api::error::ApiError;
use axum::http::StatusCode;

/// Why nothing is exported.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refusal {
    /// There is none, or it is another's.
    #[error("Parameter error. export_id: is no export of the account.")]
    NoSuchExport,
    /// It is still written, or has failed.
    #[error("Parameter error. export_id: the file is not written, or not yet.")]
    NotWritten,
    /// The file is gone.
    #[error("Parameter error. export_id: the file has expired.")]
    Expired,
    /// Others have not ended.
    #[error(
        "Parameter error. kind: {RUNNING_MAX} exports of the account have not ended, which is the most there can be."
    )]
    TooMany,
    /// The link is not one of ours, or not any more.
    #[error("Parameter error. token: the link is not valid, or not any more.")]
    NoSuchLink,
    /// A parameter breaks its rule.
    #[error("Parameter error. {0}: {1}.")]
    Parameter(&'static str, &'static str),
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        Self::bss(StatusCode::BAD_REQUEST, "CBC.0100", refusal.to_string())
    }
}
