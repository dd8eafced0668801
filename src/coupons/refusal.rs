//! Why a request, or one item of it, is refused: the vendor's codes and words.

use crate::api::error::ApiError;
use crate::customers::refusal::Unrelated;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

/// Why one item of a request failed while others succeeded.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct ErrorDetail {
    /// The vendor's code.
    #[schema(example = "CBC.99000035")]
    pub error_code: &'static str,
    /// In words.
    #[schema(example = "Not a customer of the partner.")]
    pub error_msg: &'static str,
    /// What the item is about, as the request names it.
    #[schema(example = "01978d6a2b3c7d4e8f90a1b2c3d4e5f6")]
    pub id: String,
}

/// Declares the domain's refusals: the vendor's codes and words.
macro_rules! refusals {
    ($($(#[$doc:meta])+ $name:ident = $code:literal, $message:literal;)+) => {
        /// Why a request, or one item of it, is refused.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum Refusal {
            $($(#[$doc])+ $name,)+
            /// Whom it names is not the partner's.
            Unrelated(Unrelated),
        }

        impl Refusal {
            fn words(self) -> (&'static str, &'static str) {
                match self {
                    $(Self::$name => ($code, $message),)+
                    Self::Unrelated(unrelated) => unrelated.words(),
                }
            }
        }
    };
}

refusals! {
    /// The partner uses coupons itself now.
    Converted = "CBC.50000010", "Coupon issuance not supported. Your coupon quota has been converted.";
    /// Not one of the quota's customers.
    NotASpecifiedCustomer = "CBC.50000020", "The cash coupon is available only for specified customers.";
    /// An enterprise member whose finances its master account keeps.
    InCustody = "CBC.50000034", "Coupons cannot be issued to an enterprise member account in the accounting management (financial custody) mode.";
    /// No such product.
    NoSuchProduct = "CBC.50000054", "The product does not exist.";
    /// No such cloud service type.
    NoSuchServiceType = "CBC.50000055", "The cloud service type does not exist.";
    /// No such quota, or it cannot be used.
    NoSuchQuota = "CBC.99000012", "The quota does not exist or its status is incorrect.";
    /// Nothing is left of it.
    InsufficientQuota = "CBC.99000013", "Insufficient coupon quota.";
    /// A referral customer.
    WrongCooperationType = "CBC.99000014", "The coupon cannot be issued to customers of this cooperation type.";
    /// The quota's time has not come or is over.
    QuotaNotValid = "CBC.99000017", "The quota has not taken effect or has expired.";
    /// A smaller face value than the quota allows.
    FaceTooSmall = "CBC.99000018", "The coupon face value cannot be smaller than the minimum value.";
    /// A larger one.
    FaceTooLarge = "CBC.99000019", "The coupon face value cannot be larger than the maximum value.";
    /// The customer has as many coupons of the quota as it can have.
    TooManyCoupons = "CBC.99000020", "The number of coupons exceeds the upper limit.";
    /// The customer's coupons of the quota are worth as much as they can be.
    TooMuchFace = "CBC.99000021", "The total coupon face value exceeds the allowed total.";
    /// A customer that was associated with another partner before.
    NotFirstAssociation = "CBC.99000022", "The coupon can be issued only to customers associated for the first time.";
    /// Services or products that the quota does not allow.
    BeyondProducts = "CBC.99000023", "The cloud service or product restriction of the coupon exceeds the restriction of the quota.";
    /// Products that can be ordered in none of the ways the quota allows.
    BeyondOrderTypes = "CBC.99000024", "The restriction (order type list) of the coupon is outside the restriction of the quota.";
    /// The partner names itself as a customer.
    ToItself = "CBC.99000025", "This type of partner cannot issue coupons to itself.";
    /// The coupon of a referral customer.
    ReferralCoupon = "CBC.99000045", "Coupons issued to referral customers cannot be reclaimed.";
    /// Too late.
    CouponOver = "CBC.99000048", "The coupon has expired or has been reclaimed.";
}

impl Refusal {
    /// As one item's failure.
    pub fn detail(self, id: &str) -> ErrorDetail {
        let (error_code, error_msg) = self.words();
        ErrorDetail { error_code, error_msg, id: id.to_owned() }
    }
}

/// The whole request is refused: 400, but a coupon that is over has status 200 with the vendor.
impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        let (code, message) = refusal.words();
        let status = if refusal == Refusal::CouponOver { StatusCode::OK } else { StatusCode::BAD_REQUEST };
        Self::bss(status, code, message)
    }
}
