//! Who calls.

use super::error::ApiError;
use crate::values::id::{DomainId, TenantId, UserId};
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use serde::{Deserialize, Serialize};
use std::ops::Deref;
use std::sync::Arc;

/// What kind of account calls.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize, sqlx::Type)]
#[serde(rename_all = "lowercase")]
#[sqlx(type_name = "text", rename_all = "lowercase")]
pub enum CallerKind {
    /// A solution provider.
    Partner,
    /// A general distributor (tier 1): a partner with resellers.
    Distributor,
    /// A reseller (indirect partner, tier 2), below a distributor.
    Reseller,
    /// A customer, associated with a partner or not.
    Customer,
    /// An enterprise master account: a customer with member accounts.
    Master,
    /// Nobody's account: who runs the vendor's side, known on the operators' listener alone.
    Operator,
}

impl CallerKind {
    /// Solution providers and general distributors: who sells.
    pub const PARTNERS: [Self; 2] = [Self::Partner, Self::Distributor];
    /// Who sells: solution providers, general distributors and resellers.
    pub const SELLERS: [Self; 3] = [Self::Partner, Self::Distributor, Self::Reseller];
    /// Customers, enterprise master accounts among them.
    pub const CUSTOMERS: [Self; 2] = [Self::Customer, Self::Master];
    /// [`PARTNERS`](Self::PARTNERS) and [`CUSTOMERS`](Self::CUSTOMERS).
    pub const PARTNERS_AND_CUSTOMERS: [Self; 4] = [Self::Partner, Self::Distributor, Self::Customer, Self::Master];
    /// Every kind of account.
    pub const ALL: [Self; 5] = [Self::Partner, Self::Distributor, Self::Reseller, Self::Customer, Self::Master];

    /// Whether it buys for itself; the others sell.
    pub fn is_customer(self) -> bool {
        matches!(self, Self::Customer | Self::Master)
    }
}

/// The account and user behind a verified request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The top of the account's tree: each query names it.
    pub tenant: TenantId,
    /// The account.
    pub domain: DomainId,
    /// The account's name.
    pub domain_name: String,
    /// Its kind.
    pub kind: CallerKind,
    /// The user of the account.
    pub user: UserId,
    /// The user's name.
    pub user_name: String,
    /// Whether it is the account's own user, to whom every permission is open.
    pub administrator: bool,
    /// The access key it signs with; `token` for a token.
    pub credential: String,
    /// The permission items and actions granted to the user.
    pub permission_items: Vec<String>,
    /// The user's own account, when it acts for this one under an agency.
    pub acting_from: Option<ActingFrom>,
}

/// The account behind a user who acts for another account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActingFrom {
    /// The account.
    pub domain: DomainId,
    /// Its name.
    pub domain_name: String,
}

impl Caller {
    /// Whether one of `items` is granted. Nothing asked means nothing refused.
    pub fn may_use_any_of(&self, items: &[String]) -> bool {
        self.administrator || items.is_empty() || items.iter().any(|item| self.permission_items.contains(item))
    }
}

/// Declares the typed arguments by which a handler takes its caller. Without one a handler has no ids to ask with.
macro_rules! callers {
    ($($(#[$doc:meta])+ $name:ident: $($kind:ident)|+;)+) => {$(
        $(#[$doc])+
        #[derive(Clone, Debug)]
        pub struct $name(pub Arc<Caller>);

        impl Deref for $name {
            type Target = Caller;

            fn deref(&self) -> &Caller {
                &self.0
            }
        }

        impl<S: Sync> FromRequestParts<S> for $name {
            type Rejection = ApiError;

            async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
                // The gate lets in by the policy, which the handler's argument has to agree with.
                let caller = parts.extensions.get::<Arc<Caller>>();
                match caller.filter(|caller| matches!(caller.kind, $(CallerKind::$kind)|+)) {
                    Some(caller) => Ok(Self(caller.clone())),
                    None => Err(ApiError::internal("the handler's caller is not the one of its policy")),
                }
            }
        }
    )+};
}

callers! {
    /// Any kind of account.
    AnyCaller: Partner | Distributor | Reseller | Customer | Master;
    /// A solution provider or a general distributor.
    Partner: Partner | Distributor;
    /// A general distributor.
    Distributor: Distributor;
    /// Who sells: a solution provider, a general distributor or a reseller.
    Seller: Partner | Distributor | Reseller;
    /// A customer; an enterprise master account is one.
    Customer: Customer | Master;
    /// An enterprise master account.
    Master: Master;
}
