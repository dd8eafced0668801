//! Who may call an operation, and how often: declared beside its handler, published in the document, enforced by the gate.

use super::caller::{Caller, CallerKind};
use crate::config::QuotaSettings;
use crate::values::rate::Rate;
use crate::values::site::Site;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The extension that carries a [`Policy`].
pub const POLICY: &str = "x-policy";

/// What a customer may allow its users has two spellings, that of identity policies and that of older policies and roles.
/// The vendor's pages name both for discounts and orders; that the others are pairs is inferred from their equal names.
const SPELLINGS: [[&str; 2]; 6] = [
    ["billing:balance:view", "bss:balance:view"],
    ["billing:bill:view", "bss:bill:view"],
    ["billing:contract:viewDiscount", "bss:discount:view"],
    ["billing:coupon:view", "bss:coupon:view"],
    ["billing:order:pay", "bss:order:pay"],
    ["billing:order:view", "bss:order:view"],
];

/// Who may call an operation, and how often.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// Whether the caller must be known; if not, only the source address is counted.
    pub authentication: Authentication,
    /// The kinds of account that may call.
    pub callers: Vec<CallerKind>,
    /// A partner's user that is not the account's administrator needs one of these.
    pub permission_items: Vec<String>,
    /// A customer's user that is not the account's administrator needs one of these.
    pub customer_actions: Vec<String>,
    /// The vendor's site it exists on.
    pub site: Site,
    /// For each source address, and for each account.
    pub quota: Rate,
    /// The service that answers, which decides the shape of its errors.
    pub service: Service,
    /// Whether it changes something: then it takes an `Idempotency-Key` and is audited.
    pub writes: bool,
}

/// Whether a caller must be known.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Authentication {
    /// A signature or a token.
    Required,
    /// A signature or a token, where the request has one; else the body says who calls.
    Optional,
    /// Neither.
    None,
}

/// The service behind the gateway.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Service {
    /// Partners' and customers' business.
    Bss,
    /// Accounts, users, tokens.
    Identity,
}

impl Policy {
    /// Open to every kind of account, ten times a second unless said otherwise: the vendor's default.
    pub fn any_caller() -> Self {
        Self {
            authentication: Authentication::Required,
            callers: CallerKind::ALL.to_vec(),
            permission_items: Vec::new(),
            customer_actions: Vec::new(),
            site: Site::Both,
            quota: Rate::per_second(10),
            service: Service::Bss,
            writes: false,
        }
    }

    /// Open to everyone, without credentials.
    pub fn open() -> Self {
        Self { authentication: Authentication::None, callers: Vec::new(), ..Self::any_caller() }
    }

    /// Where tokens come from: the body says who calls, or the request's own signature does.
    pub fn open_or_signed() -> Self {
        Self { authentication: Authentication::Optional, ..Self::any_caller() }
    }

    /// Open to these kinds of account only.
    pub fn callers(kinds: &[CallerKind]) -> Self {
        Self { callers: kinds.to_vec(), ..Self::any_caller() }
    }

    /// Exists on one site only.
    #[must_use]
    pub fn on(self, site: Site) -> Self {
        Self { site, ..self }
    }

    /// A partner's operator needs this permission item, or another one named the same way.
    #[must_use]
    pub fn needs(mut self, item: &str) -> Self {
        self.permission_items.push(item.to_owned());
        self
    }

    /// Changes something.
    #[must_use]
    pub fn writes(self) -> Self {
        Self { writes: true, ..self }
    }

    /// A customer's operator needs this action, in either spelling, or another one named the same way.
    #[must_use]
    pub fn customer_action(mut self, action: &str) -> Self {
        let spellings = SPELLINGS.iter().find(|spellings| spellings.contains(&action));
        let spellings = spellings.map_or_else(|| vec![action], |spellings| spellings.to_vec());
        self.customer_actions.extend(spellings.into_iter().map(str::to_owned));
        self
    }

    /// Whether this caller may call. Nothing asked of its side means nothing refused.
    pub fn admits(&self, caller: &Caller) -> bool {
        self.callers.contains(&caller.kind) && caller.may_use_any_of(self.needed_by(caller))
    }

    /// Why this caller may not call, for who has to find out: what is needed, and what there is.
    pub fn denial(&self, caller: &Caller) -> String {
        let kinds = |kinds: &[CallerKind]| kinds.iter().map(|kind| format!("{kind:?}")).collect::<Vec<_>>().join(", ");
        if !self.callers.contains(&caller.kind) {
            return format!("it is for {}, and the account is a {}", kinds(&self.callers), kinds(&[caller.kind]));
        }
        let has = match caller.permission_items.as_slice() {
            [] => "none".to_owned(),
            items => items.join(", "),
        };
        let needed = self.needed_by(caller).join(", ");
        format!("the user needs one of {needed}, or to be its account's administrator, and has {has}")
    }

    /// Whether this caller may call because it was granted that in so many words, and not because everybody may.
    pub fn is_granted_to(&self, caller: &Caller) -> bool {
        self.admits(caller) && (caller.administrator || !self.needed_by(caller).is_empty())
    }

    fn needed_by(&self, caller: &Caller) -> &[String] {
        if caller.kind.is_customer() { &self.customer_actions } else { &self.permission_items }
    }

    /// As a deployment enforces it: with the quota that is overridden, or not at all because it is the other site's.
    pub fn configured(&self, id: &str, site: Site, quotas: &QuotaSettings) -> Option<Self> {
        site.serves(self.site).then(|| Self { quota: quotas.of(id, self.quota), ..self.clone() })
    }

    /// So many calls a second.
    #[must_use]
    pub fn per_second(self, limit: u32) -> Self {
        Self { quota: Rate::per_second(limit), ..self }
    }

    /// Answered by the identity service.
    #[must_use]
    pub fn identity(self) -> Self {
        Self { service: Service::Identity, ..self }
    }
}

/// Each operation's policy as it is enforced, for handlers that are asked about other operations: an extension of requests.
#[derive(Clone, Debug, Default)]
pub struct Policies(pub(super) Arc<BTreeMap<&'static str, Policy>>);

impl Policies {
    /// An operation's, if it is served.
    pub fn of(&self, operation: &str) -> Option<&Policy> {
        self.0.get(operation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_action_comes_in_both_spellings_and_an_unpaired_one_alone() {
        let actions = |action: &str| Policy::any_caller().customer_action(action).customer_actions;
        assert_eq!(actions("billing:order:view"), ["billing:order:view", "bss:order:view"]);
        assert_eq!(actions("bss:order:view"), ["billing:order:view", "bss:order:view"]);
        assert_eq!(actions("bss:order:update"), ["bss:order:update"]);
    }
}
