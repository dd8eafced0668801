//! The operators' OpenAPI document: what no operation says itself.

use super::policy::OperatorPolicy;
use crate::api::document::{collect_schema, refusal, stamp_request_ids, stamp_write_headers};
use crate::api::error::{BssError, GatewayError};
use crate::api::operation::Rules;
use crate::operators::store::Role;
use utoipa::ToSchema;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{Components, InfoBuilder, OpenApi, OpenApiBuilder, RefOr, Schema, ServerBuilder};

const DESCRIPTION: &str = "\
What the vendor's staff do: admit partners, set prices, top up, look things up. It has a listener of its own, which callers \
of the partner API never reach.

Every call carries an operator's token in the header `Authorization: Bearer`. The extension `x-policy` of an operation says \
which role it takes: `read`, `operate` or `admin`. Lists are paged by `limit` and `cursor`: hand `next_cursor` on until it \
is left out.";

const TAGS: [(&str, &str); 26] = [
    ("accounts", "Partners, distributors, resellers, customers, and the funds they hold."),
    ("audit", "Who changed what."),
    ("cards", "Stored-value cards of customers."),
    ("catalogue", "Services, resources, what of them is measured, specifications, units."),
    ("clock", "The tenants' business time, movable in the sandbox."),
    ("codes", "Verification codes, and who they may be sent to."),
    (
        "coupons",
        "Quotas that partners issue coupons from, coupons of the vendor's own, what coupons can be limited to.",
    ),
    ("customers", "Customers, their associations with partners, and freezing."),
    ("discounts", "Agreements and discounts of accounts, their currencies, and the services' incentive policies."),
    ("enterprises", "Enterprises: organisations of master accounts, members, how accounts divide their resources."),
    ("exports", "Files of accounts' rows."),
    ("faults", "Faults on demand, in the sandbox."),
    ("maintenance", "The switch that lets the partner API answer 503."),
    ("notifications", "What partners were told of bindings."),
    ("operators", "Operators and their tokens."),
    ("orders", "Orders of customers: placing them, what was provided, decisions."),
    ("packages", "Resource packages of customers, and the usage that is taken out of them."),
    ("partners", "What partners are beside their accounts, and resellers."),
    ("prices", "The price book."),
    ("real-name", "Real-name authentication: the review."),
    ("requests", "The last calls, in the sandbox."),
    ("resources", "Resources that are paid by use: services open and close them."),
    ("snapshots", "A tenant's state by name, and copies of it, in the sandbox."),
    ("usage", "What services report as used: it is settled, and charged."),
    ("users", "Users of accounts, their permissions and access keys."),
    ("webhooks", "Where partners' events are sent, and what became of them."),
];

/// The document before any operation is added.
pub fn head() -> OpenApi {
    let mut components = Components::new();
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some("An operator's token.")).build();
    components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
    let tags = TAGS.map(|(name, description)| TagBuilder::new().name(name).description(Some(description)).build());
    OpenApiBuilder::new()
        .info(
            InfoBuilder::new()
                .title("bss-gateway, operators")
                .version(env!("CARGO_PKG_VERSION"))
                .description(Some(DESCRIPTION))
                .build(),
        )
        .servers(Some([ServerBuilder::new().url("/").build()]))
        .tags(Some(tags))
        .components(Some(components))
        .build()
}

/// The schemas of the refusals.
pub fn schemas() -> Vec<(String, RefOr<Schema>)> {
    let mut schemas = Vec::new();
    collect_schema::<GatewayError<'_>>(&mut schemas);
    collect_schema::<BssError<'_>>(&mut schemas);
    schemas
}

/// What every operation takes and answers beside its own.
pub fn stamp(operation: &mut Operation, policy: &OperatorPolicy) {
    let (bss, gateway) = (BssError::name(), GatewayError::name());
    let forbidden = match policy.role {
        Role::Read => None,
        Role::Operate | Role::Admin => Some(("403", "The operator's role does not suffice.", &bss)),
    };
    let refusals = [
        ("400", "A parameter breaks its rule; the message names it.", &bss),
        ("401", "No token, or one that is unknown or has expired.", &bss),
        ("500", "The server failed; the log has the cause under the request id.", &bss),
        ("504", "The request was not finished in time.", &gateway),
    ];
    for (status, description, schema) in refusals.into_iter().chain(forbidden) {
        let answer = || RefOr::T(refusal(description, &[schema]));
        operation.responses.responses.entry(status.to_owned()).or_insert_with(answer);
    }
    operation.security = Some(vec![SecurityRequirement::new::<&str, [&str; 0], &str>("bearer", [])]);
    if policy.writes {
        stamp_write_headers(operation);
    }
    stamp_request_ids(operation);
}

impl Rules for OperatorPolicy {
    fn stamp(&self, operation: &mut Operation) {
        stamp(operation, self);
    }
}
