//! What a signature is about: the request, what its header says, what is demanded, and why it is refused.

use axum::http::{HeaderMap, Method};

/// What is demanded beyond the vendor's own rules.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// `host` must be among the signed headers.
    pub require_signed_host: bool,
    /// The signature must cover the body: no `UNSIGNED-PAYLOAD`.
    pub require_bound_body: bool,
}

impl Rules {
    /// The stricter of both.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            require_signed_host: self.require_signed_host || other.require_signed_host,
            require_bound_body: self.require_bound_body || other.require_bound_body,
        }
    }
}

/// Why a signature was refused. The text is the client's, [`Refusal::cause`] the metric's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The header has not the form the SDKs write.
    #[error("verify aksk signature fail, the Authorization header is malformed: {0}")]
    Malformed(&'static str),
    /// There is no such algorithm.
    #[error("verify aksk signature fail, the algorithm {0} is unknown")]
    UnknownAlgorithm(String),
    /// This deployment does not accept the algorithm.
    #[error("verify aksk signature fail, the algorithm {0} is not accepted here")]
    Algorithm(&'static str),
    /// A listed header is not in the request.
    #[error("verify aksk signature fail, the signed header {0} is not in the request")]
    HeaderMissing(String),
    /// A header that must be signed is not listed.
    #[error("verify aksk signature fail, the header {0} must be signed")]
    HeaderUnsigned(&'static str),
    /// `X-Sdk-Date` is no time, or is given more than once.
    #[error("verify aksk signature fail, X-Sdk-Date must be one time of the form YYYYMMDDTHHMMSSZ")]
    DateMalformed,
    /// The request's time is too far from the server's.
    #[error(
        "verify aksk signature fail, X-Sdk-Date is {seconds} seconds away from the server's clock, more than {allowed} allowed"
    )]
    Clock {
        /// How far, either way.
        seconds: i64,
        /// How far it may be.
        allowed: i64,
    },
    /// The key was derived for another day than the request's.
    #[error("verify aksk signature fail, the date in Credential is not the day of X-Sdk-Date")]
    CredentialDate,
    /// The body hash header is no hash of this body.
    #[error("verify aksk signature fail, {header} is not the {hash} of the body")]
    BodyHash {
        /// The header.
        header: &'static str,
        /// What it should hold.
        hash: &'static str,
    },
    /// This key or deployment demands that the signature covers the body.
    #[error("verify aksk signature fail, UNSIGNED-PAYLOAD is not accepted here")]
    BodyUnbound,
    /// Everything is in place, but the signature is another: a wrong secret, or a request changed on its way.
    #[error("verify aksk signature fail, canonical request: {canonical_request}")]
    Mismatch {
        /// What the server would have signed, its lines joined by `|`.
        canonical_request: String,
    },
}

impl Refusal {
    /// One word for the metrics.
    pub fn cause(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "malformed",
            Self::Algorithm(_) | Self::UnknownAlgorithm(_) => "algorithm",
            Self::HeaderMissing(_) => "header_missing",
            Self::HeaderUnsigned(_) => "header_unsigned",
            Self::DateMalformed => "date_malformed",
            Self::Clock { .. } => "clock",
            Self::CredentialDate => "credential_date",
            Self::BodyHash { .. } => "body_hash",
            Self::BodyUnbound => "body_unbound",
            Self::Mismatch { .. } => "mismatch",
        }
    }
}

/// A request as it came, its body whole and unread.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The method.
    pub method: &'a Method,
    /// The path, still encoded.
    pub path: &'a str,
    /// The query, still encoded, without `?`.
    pub query: &'a str,
    /// All headers; only the listed ones count.
    pub headers: &'a HeaderMap,
    /// The body.
    pub body: &'a [u8],
}
