//! What the operations share: kinds of documents, attachments, the vendor's codes of refusals.

use crate::api::error::ApiError;
use crate::values::coded::coded;
use crate::values::text::texts;
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;

texts! {
    /// A person's name.
    PersonName, 1..=64, "Zhang San";
    /// A company's name.
    CorpName, 1..=128, "Demo Ltd";
    /// The number of a document.
    DocumentNumber, 1..=64, "E00000001";
    /// Where a file is, below `download/` of the partner's bucket.
    AttachmentUrl, 1..=256, "demo/page1.jpg";
    /// A longer text, or nothing.
    LongText, 0..=256, "";
}

coded! {
    /// A person's document.
    VerifiedType {
        /// A passport.
        Passport = 3,
        /// A travel permit of Hong Kong and Macao residents.
        HongKongMacaoPermit = 5,
        /// A travel permit of Taiwan residents.
        TaiwanPermit = 6,
        /// A residence permit of Hong Kong and Macao residents.
        HongKongMacaoResidence = 9,
        /// A residence permit of Taiwan residents.
        TaiwanResidence = 10,
    }
    /// A company's document.
    CertificateType {
        /// A business licence.
        License = 0,
        /// The certificate of a public institution.
        Institution = 1,
        /// The certificate of a social organisation.
        Organisation = 2,
        /// The certificate of an administrative body.
        Administration = 3,
        /// The certificate of an organisation's code.
        Code = 4,
        /// Another one.
        Other = 99,
    }
}

/// The person who answers for a company.
#[derive(Debug, Deserialize, ToSchema)]
pub struct EnterprisePersonNew {
    /// Their name.
    pub legel_name: PersonName,
    /// The number of their identity card.
    pub legel_id_number: DocumentNumber,
    /// Their role.
    pub certifier_role: Option<CertifierRole>,
}

/// What a person is to a company.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, ToSchema)]
pub enum CertifierRole {
    /// Its legal person.
    #[serde(rename = "legalPerson")]
    LegalPerson,
}

/// Why an application is refused at once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// The partner has not been admitted to send documents.
    NotEnabled,
    /// A file is of a kind that cannot be reviewed.
    AttachmentFormat,
    /// A file is too large.
    AttachmentSize,
    /// Verified already, or under review.
    NotNow,
    /// A condition of the change is not met.
    Unmet,
    /// The document belongs to as many customers as it may.
    NumberExhausted,
    /// The document must not be used.
    NumberBanned,
    /// Refused too often.
    TooManyAttempts,
    /// The bank card's code has expired.
    CodeExpired,
    /// The bank: another holder or phone.
    CardHolder,
    /// The bank: the card is frozen or has expired.
    CardStatus,
    /// The bank does not answer the card network.
    CardNetwork,
    /// The card is of no use here.
    CardUnsupported,
    /// The bank's system fails.
    BankFailure,
    /// The face is another one.
    Face,
    /// The verification failed.
    Failed,
    /// It cannot be reviewed now.
    CannotReview,
    /// The identity is abnormal.
    Abnormal,
}

/// A code's time is over: the vendor's code, and its words, which operations of several domains answer.
pub const CODE_EXPIRED: (&str, &str) = ("CBC.99000027", "The verification code has expired.");

/// The account's state forbids it: the vendor's code, and its words, which operations of several domains answer.
pub const UNMET: (&str, &str) = ("CBC.99007004", "A business check item of the operation is not satisfied.");

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        let (code, message) = match refusal {
            Refusal::NotEnabled => ("CBC.99005030", "The partner has not enabled real-name authentication."),
            Refusal::AttachmentFormat => ("CBC.99000100", "Incorrect attachment file format."),
            Refusal::AttachmentSize => ("CBC.99000099", "The attachment size exceeds the maximum."),
            Refusal::NotNow => {
                ("CBC.99007188", "The customer has been authenticated or the authentication is under review.")
            }
            Refusal::Unmet => UNMET,
            Refusal::NumberExhausted => (
                "CBC.99007189",
                "The number of customers authenticated with this certificate number exceeds the limit.",
            ),
            Refusal::NumberBanned => ("CBC.99007193", "The certificate number cannot be used."),
            Refusal::TooManyAttempts => {
                ("CBC.99007191", "The number of real-name authentication attempts exceeds the maximum.")
            }
            Refusal::CodeExpired => CODE_EXPIRED,
            Refusal::CardHolder => ("CBC.99007255", "Incorrect cardholder identity information or mobile number."),
            Refusal::CardStatus => ("CBC.99007258", "Incorrect bank card status."),
            Refusal::CardNetwork => ("CBC.99007260", "The call to the card issuer failed; retry or use another card."),
            Refusal::CardUnsupported => ("CBC.99007261", "The bank card is not supported; use another one."),
            Refusal::BankFailure => ("CBC.99007262", "Bank system or network exception."),
            Refusal::Face => ("CBC.99007219", "The identity information does not match the face."),
            Refusal::Failed => ("CBC.99007202", "Real-name authentication verification failed."),
            Refusal::CannotReview => {
                ("CBC.70600026", "The real-name authentication information cannot be reviewed now.")
            }
            Refusal::Abnormal => ("CBC.70600032", "Operation failed: the identity information is abnormal."),
        };
        Self::bss(StatusCode::BAD_REQUEST, code, message)
    }
}

/// What files may end with.
const FORMATS: [&str; 6] = ["jpg", "jpeg", "bmp", "png", "gif", "pdf"];

/// The vendor's rule for attachments: so many, each below `download/` and of a kind that can be looked at.
pub fn check_attachments(urls: &[AttachmentUrl], counts: &[usize]) -> Result<(), ApiError> {
    if !counts.contains(&urls.len()) {
        let counts = counts.iter().map(usize::to_string).collect::<Vec<_>>().join(" or ");
        return Err(ApiError::parameter("verified_file_url", format_args!("must have {counts} items")));
    }
    for url in urls.iter().map(AttachmentUrl::as_str) {
        if url.starts_with('/') || url.contains("://") || url.split('/').any(|part| part == ".." || part.is_empty()) {
            return Err(ApiError::parameter("verified_file_url", "must be relative, without the bucket and download/"));
        }
        let format = url.rsplit_once('.').map(|(_, format)| format.to_ascii_lowercase());
        if !format.is_some_and(|format| FORMATS.contains(&format.as_str())) {
            return Err(Refusal::AttachmentFormat.into());
        }
    }
    Ok(())
}

/// Whether a company's name has a letter: digits, special characters and spaces alone are none.
pub fn is_corp_name(name: &str) -> bool {
    name.chars().any(char::is_alphabetic)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attachments_are_relative_and_can_be_looked_at() {
        let check = |urls: &[&str]| {
            let urls: Vec<AttachmentUrl> =
                urls.iter().map(|url| AttachmentUrl::try_from((*url).to_owned()).expect("a text")).collect();
            check_attachments(&urls, &[1, 2]).map_err(|error| error.code)
        };
        assert_eq!(check(&["a/b.JPG"]), Ok(()));
        assert_eq!(check(&["b.pdf", "c.png"]), Ok(()));
        assert_eq!(check(&["b.exe"]), Err("CBC.99000100"));
        assert_eq!(check(&["pdf"]), Err("CBC.99000100"));
        for wrong in [vec![], vec!["a.jpg"; 3], vec!["/a.jpg"], vec!["../a.jpg"], vec!["https://b/a.jpg"]] {
            assert_eq!(check(&wrong), Err("CBC.0100"), "{wrong:?}");
        }
    }

    #[test]
    fn the_name_of_a_company_has_a_letter() {
        assert!(is_corp_name("3M") && is_corp_name("华为"));
        assert!(!is_corp_name("123") && !is_corp_name("- 1"));
    }
}
