//! The OpenAPI document: what no operation says itself.

use super::error::{BssError, GatewayError, IdentityError};
use super::write::KEY_MAX;
use crate::api::policy::{Authentication, Policy, Service};
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{Operation, ParameterBuilder, ParameterIn, PathItem};
use utoipa::openapi::schema::{AnyOfBuilder, ObjectBuilder, SchemaType, Type};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, SecurityRequirement, SecurityScheme};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{
    Components, ContentBuilder, HttpMethod, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder, Ref, RefOr, Required,
    Response, ResponseBuilder, Schema, ServerBuilder,
};
use utoipa::{PartialSchema, ToSchema};

const DESCRIPTION: &str = "\
The partner and customer BSS API of Huawei Cloud, served by bss-gateway.

Every call carries either a request signature made with an access key (AK/SK, header `Authorization`, any algorithm of the \
vendor's SDKs) or a token (header `X-Auth-Token`). The extension `x-policy` of an operation says who may call it and how \
often; the server enforces that same value. Instants are UTC in the form `yyyy-MM-dd'T'HH:mm:ss'Z'`.";

const TAGS: [(&str, &str); 13] = [
    ("accounts", "Funds of partners and customers: balances, transfers, records."),
    ("bills", "Bills: fee records, resource records and their sums, and what partners see of their customers'."),
    ("customers", "Customers of partners: registration, verification codes, lists, freezing, budgets."),
    ("enterprises", "Enterprises: the master account's organisation, its member accounts, enterprise projects."),
    ("identity", "Tokens, and what the SDK asks by itself: the caller's account and projects."),
    ("legacy", "The forms that operations had before, for older clients."),
    ("orders", "Orders: lists, details, payment, cancellation, refunds."),
    ("packages", "Resource packages of customers, what is left of them, what was taken out of them."),
    ("partner", "What partners ask of this server beyond the vendor's API, and what they do in the vendor's console."),
    ("products", "Cloud service types, resource types, usage types and specifications."),
    ("real-name", "Real-name authentication of customers: applications, review, results."),
    ("resources", "Resources that were bought for a time, or are paid by use: lists, renewals, unsubscriptions."),
    ("reference", "Provinces, cities, counties, measurement units and their conversions."),
];

const SIGNATURE: &str = "\
`<algorithm> Access=<AK>, SignedHeaders=<names>, Signature=<hex>`, with the header `X-Sdk-Date` among the signed ones. The \
algorithm is `SDK-HMAC-SHA256` unless the client chooses another: `SDK-HMAC-SM3`; `SDK-ECDSA-P256-SHA256` or `SDK-SM2-SM3`, \
whose private key is derived from AK and SK and whose signature is DER; or `V11-HMAC-SHA256`, whose key is derived for a day, \
a region and a service, with `Credential=<AK>/<YYYYMMDD>/<region>/<service>` in place of `Access`. A deployment may accept \
fewer.";

/// The document before any operation is added.
pub fn head() -> OpenApi {
    let mut components = Components::new();
    let signature = ApiKeyValue::with_description("Authorization", SIGNATURE);
    components.add_security_scheme("signature", SecurityScheme::ApiKey(ApiKey::Header(signature)));
    let token = ApiKeyValue::with_description("X-Auth-Token", "A token from `POST /v3/auth/tokens`.");
    components.add_security_scheme("token", SecurityScheme::ApiKey(ApiKey::Header(token)));
    let tags = TAGS.map(|(name, description)| TagBuilder::new().name(name).description(Some(description)).build());
    OpenApiBuilder::new()
        .info(
            InfoBuilder::new()
                .title("bss-gateway")
                .version(env!("CARGO_PKG_VERSION"))
                .description(Some(DESCRIPTION))
                .license(Some(LicenseBuilder::new().name("Apache-2.0").identifier(Some("Apache-2.0")).build()))
                .build(),
        )
        .servers(Some([ServerBuilder::new().url("/").build()]))
        .tags(Some(tags))
        .components(Some(components))
        .build()
}

/// A body that may be left out is derived as one that may also be null, which no body may: the other alternative is what it is.
pub fn state_optional_body(operation: &mut Operation) {
    let Some(RefOr::T(body)) = &mut operation.request_body else { return };
    let is_null = |schema: &RefOr<Schema>| matches!(schema, RefOr::T(Schema::Object(object)) if object.schema_type == SchemaType::Type(Type::Null));
    for content in body.content.values_mut() {
        let RefOr::T(content) = content else { continue };
        if let Some(RefOr::T(Schema::OneOf(alternatives))) = &content.schema
            && let [given, null] = alternatives.items.as_slice()
            && is_null(null)
        {
            content.schema = Some(given.clone());
            body.required = Some(Required::False);
        }
    }
}

/// Adds what every write takes and answers beside its own.
pub fn stamp_write_headers(operation: &mut Operation) {
    let parameter = |name: &str, description: &str, schema: ObjectBuilder| {
        ParameterBuilder::new()
            .name(name)
            .parameter_in(ParameterIn::Header)
            .required(Required::False)
            .description(Some(description))
            .schema(Some(schema))
            .build()
            .into()
    };
    let key = ObjectBuilder::new()
        .schema_type(SchemaType::Type(Type::String))
        .min_length(Some(1))
        .max_length(Some(KEY_MAX))
        .pattern(Some("^[\\x21-\\x7e]+$"))
        .examples(["5f0c9a52-top-up-4711"]);
    let dry_run = ObjectBuilder::new()
        .schema_type(SchemaType::Type(Type::String))
        .enum_values(Some(["true", "false"]))
        .examples(["true"]);
    operation.parameters.get_or_insert_default().extend([
        parameter("Idempotency-Key", "Makes the write safe to repeat: the same request with the same key happens once, and a repeat gets the first answer, marked by `Idempotency-Replayed`.", key),
        parameter("X-Dry-Run", "`true`: answer what would happen, and leave nothing.", dry_run),
    ]);
    for (status, description) in [
        ("409", "The first request with this `Idempotency-Key` is still running."),
        ("422", "The `Idempotency-Key` has been used for another request."),
    ] {
        let answer = RefOr::T(refusal(description, &[&BssError::name()]));
        operation.responses.responses.insert(status.to_owned(), answer);
    }
}

/// Adds a type's own schema, and those it refers to.
pub fn collect_schema<T: ToSchema>(schemas: &mut Vec<(String, RefOr<Schema>)>) {
    schemas.push((T::name().into_owned(), <T as PartialSchema>::schema()));
    T::schemas(schemas);
}

/// What every operation can answer beside its own responses, and how callers authenticate.
pub fn stamp_refusals(operation: &mut Operation, policy: &Policy) {
    let service = match policy.service {
        Service::Bss => BssError::name(),
        Service::Identity => IdentityError::name(),
    };
    let gateway = GatewayError::name();
    let mut refusals = vec![
        ("400", "A parameter breaks its rule; the message names it.", vec![&service]),
        ("413", "The body is larger than 12 MiB.", vec![&gateway]),
        ("429", "Over the quota of the source address or of the account; see `Retry-After`.", vec![&gateway]),
        ("500", "The server failed; the log has the cause under the request id.", vec![&service]),
        ("503", "Under maintenance; see `Retry-After`.", vec![&gateway]),
        ("504", "The request was not finished in time.", vec![&gateway]),
    ];
    match (policy.authentication, policy.service) {
        (Authentication::Required, Service::Bss) => {
            refusals.push(("401", "No signature or token, or a wrong one.", vec![&gateway]));
        }
        (Authentication::Required, Service::Identity) => {
            refusals.push(("401", "No signature or token, or a wrong one.", vec![&gateway, &service]));
        }
        (Authentication::Optional | Authentication::None, _) => {
            refusals.push(("401", "The user cannot be told by these credentials.", vec![&service]));
        }
    }
    let requirement = |scheme: &str| SecurityRequirement::new::<&str, [&str; 0], &str>(scheme, []);
    let (signature, token, none) = (requirement("signature"), requirement("token"), SecurityRequirement::default());
    operation.security = Some(match policy.authentication {
        Authentication::Required => {
            refusals.push(("403", "The caller is known but not allowed.", vec![&service]));
            vec![signature, token]
        }
        Authentication::Optional => vec![none, signature, token],
        Authentication::None => vec![none],
    });
    for (status, description, schemas) in refusals {
        operation.responses.responses.entry(status.to_owned()).or_insert_with(|| {
            let mut response = refusal(description, &schemas);
            match status {
                "429" => add_headers(&mut response, &QUOTA_HEADERS),
                "503" => add_headers(&mut response, &[("Retry-After", "Seconds until the maintenance's planned end.")]),
                _ => {}
            }
            RefOr::T(response)
        });
    }
    stamp_request_ids(operation);
}

/// Every answer carries the request's id.
pub fn stamp_request_ids(operation: &mut Operation) {
    for response in operation.responses.responses.values_mut() {
        if let RefOr::T(response) = response {
            let header = HeaderBuilder::new()
                .schema(Some(text()))
                .description(Some("The id under which the request was logged."));
            response.headers.insert("X-Request-Id".to_owned(), RefOr::T(header.build()));
        }
    }
}

/// A refusal whose body is one of these schemas.
pub fn refusal(description: &str, schemas: &[&std::borrow::Cow<'static, str>]) -> Response {
    let schema: RefOr<Schema> = match schemas {
        [one] => Ref::from_schema_name(one.as_ref()).into(),
        several => {
            several.iter().fold(AnyOfBuilder::new(), |any, name| any.item(Ref::from_schema_name(name.as_ref()))).into()
        }
    };
    ResponseBuilder::new()
        .description(description)
        .content("application/json", ContentBuilder::new().schema(Some(schema)).build())
        .build()
}

const QUOTA_HEADERS: [(&str, &str); 3] = [
    ("Retry-After", "Seconds until the next call can succeed."),
    ("RateLimit-Policy", "Which quota was hit: `\"ip\"` or `\"user\"`, its calls `q` in `w` seconds."),
    ("RateLimit", "Calls left `r`, and seconds `t` until there is one more."),
];

fn add_headers(response: &mut Response, headers: &[(&str, &str)]) {
    for (name, description) in headers {
        let header = HeaderBuilder::new().schema(Some(text())).description(Some(*description)).build();
        response.headers.insert((*name).to_owned(), RefOr::T(header));
    }
}

fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(SchemaType::Type(Type::String))
}

/// The operations of a path, with their methods.
pub fn operations_of(item: PathItem) -> Vec<(HttpMethod, Operation)> {
    [
        (HttpMethod::Get, item.get),
        (HttpMethod::Head, item.head),
        (HttpMethod::Post, item.post),
        (HttpMethod::Put, item.put),
        (HttpMethod::Patch, item.patch),
        (HttpMethod::Delete, item.delete),
    ]
    .into_iter()
    .filter_map(|(method, operation)| operation.map(|operation| (method, operation)))
    .collect()
}

/// Adds an operation to the document.
pub fn insert(document: &mut OpenApi, path: &str, method: HttpMethod, operation: Operation) {
    document.paths.add_path_operation(path, vec![method], operation);
}

/// Takes an operation out of the document.
pub fn remove(document: &mut OpenApi, path: &str, method: &HttpMethod) {
    let item = document.paths.paths.get_mut(path).expect("the operation was inserted");
    *slot(item, method) = None;
    if operations_of(item.clone()).is_empty() {
        document.paths.paths.remove(path);
    }
}

/// An operation in the document.
pub fn operation_mut<'a>(document: &'a mut OpenApi, path: &str, method: &HttpMethod) -> &'a mut Operation {
    let item = document.paths.paths.get_mut(path).expect("the operation was inserted");
    slot(item, method).as_mut().expect("the operation was inserted")
}

fn slot<'a>(item: &'a mut PathItem, method: &HttpMethod) -> &'a mut Option<Operation> {
    match method {
        HttpMethod::Get => &mut item.get,
        HttpMethod::Head => &mut item.head,
        HttpMethod::Post => &mut item.post,
        HttpMethod::Put => &mut item.put,
        HttpMethod::Patch => &mut item.patch,
        HttpMethod::Delete => &mut item.delete,
        other => panic!("{}: no operation has this method", method_name(other)),
    }
}

/// `GET`, `POST`, …
pub fn method_name(method: &HttpMethod) -> &'static str {
    match method {
        HttpMethod::Get => "GET",
        HttpMethod::Head => "HEAD",
        HttpMethod::Post => "POST",
        HttpMethod::Put => "PUT",
        HttpMethod::Delete => "DELETE",
        HttpMethod::Options => "OPTIONS",
        HttpMethod::Patch => "PATCH",
        HttpMethod::Trace => "TRACE",
    }
}
