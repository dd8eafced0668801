//! `/admin/v1/accounts/{account}/packages` and `…/package-usage`

use super::named::{OfAccount, account_and_time, refused};
use super::policy::OperatorPolicy;
use crate::api::error::ApiError;
use crate::api::extract::{Json, Path};
use crate::api::operation::{Operations, operations};
use crate::api::write::{Answer, Outcome, Write};
use crate::app::App;
use crate::operators::store::Role;
use crate::packages::administration as packages;
use crate::packages::model::{
    Bundle, Deduction, NewItem, NewPackage, Quantity, Refusal, Reset, ResetBy, ResetCycle, Scope, Share, Span, Usage,
};
use crate::products::model::{RegionCode, ResourceTypeCode, ServiceTypeCode};
use crate::values::decimal::WireDecimal;
use crate::values::id::{DomainId, PackageId, PackageItemId};
use crate::values::list::List;
use crate::values::number::Number;
use crate::values::text::texts;
use crate::values::time::Instant;
use crate::values::truth;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::{IntoParams, ToSchema};

/// The operations of packages.
pub fn register(operations: &mut Operations<App, OperatorPolicy>) {
    operations!(operations, "packages": grant_package, end_package, report_usage);
}

texts! {
    /// The order that a package comes from.
    PackageOrderId, 1..=64, "CS2603281445NO7";
    /// The id of a package's product.
    PackageProductId, 1..=64, "00301-110060-0--0";
    /// The name of a package's product.
    PackageProductName, 1..=256, "Outbound traffic, 40 GB a month";
    /// An enterprise project.
    EnterpriseProjectId, 1..=64, "0";
    /// What packages can be limited to, a name that whoever reports usage gives as well.
    Scenario, 1..=64, "backup";
    /// What of a resource is measured.
    UsageTypeCode, 1..=64, "downloadexternal";
    /// A resource that was used.
    UsedResourceId, 1..=64, "demo-bucket";
    /// Its tags.
    ResourceTag, 0..=256, "team=blue";
}

/// A package to be granted.
#[derive(Deserialize, ToSchema)]
pub struct GrantPackageBody {
    /// The order it comes from; left out if it is given.
    order_id: Option<PackageOrderId>,
    /// The id of its product.
    product_id: PackageProductId,
    /// The name of its product.
    product_name: PackageProductName,
    /// The service type of its product.
    service_type_code: ServiceTypeCode,
    /// The region whose usage it covers.
    region_code: RegionCode,
    /// The enterprise project it was bought in.
    enterprise_project_id: Option<EnterpriseProjectId>,
    /// Whether it covers the usage of that enterprise project alone.
    #[serde(default, deserialize_with = "truth::value")]
    bound: bool,
    /// The scenario it is limited to.
    scenario: Option<Scenario>,
    /// Whether it is a gift: those are used up before what was bought.
    #[serde(default, deserialize_with = "truth::value")]
    promotional: bool,
    /// How its quantities come back; left out if they do not.
    reset: Option<ResetBody>,
    /// From when on it can be used; from now on unless said otherwise.
    effective_at: Option<Instant>,
    /// Until when.
    expires_at: Instant,
    /// What is in it: 1 to 50, one for each usage type.
    #[schema(inline, value_type = Vec<PackageItemBody>, min_items = 1, max_items = 50)]
    items: List<PackageItemBody, 50>,
}

/// How the quantities of a package come back.
#[derive(Deserialize, ToSchema)]
pub struct ResetBody {
    /// How often: 1 hourly, 2 daily, 3 weekly, 4 monthly, 5 yearly.
    cycle: ResetCycle,
    /// 1 by the calendar of UTC+8, 2 counted from when the package takes effect.
    by: ResetBy,
}

/// What a package has of one usage type.
#[derive(Deserialize, ToSchema)]
pub struct PackageItemBody {
    /// The resource type that is used.
    resource_type_code: ResourceTypeCode,
    /// What of it is measured.
    usage_type_code: UsageTypeCode,
    /// How much there is, in each cycle: above 0, at most 8 decimals.
    amount: Quantity,
    /// The unit.
    #[schema(value_type = i32, minimum = 0, maximum = 100_000, example = 10)]
    measure_id: Number<0, 100_000>,
}

impl GrantPackageBody {
    fn package(self, owner: DomainId, now: OffsetDateTime) -> NewPackage {
        let items = self.items.as_slice().iter().map(|item| NewItem {
            id: PackageItemId::new(now),
            resource_type: item.resource_type_code.as_str().to_owned(),
            usage_type: item.usage_type_code.as_str().to_owned(),
            amount: item.amount,
            measure_id: unit(item.measure_id),
        });
        NewPackage {
            id: PackageId::new(now),
            owner,
            items: items.collect(),
            order: self.order_id.map(|order| (order.as_str().to_owned(), None)),
            product_id: self.product_id.as_str().to_owned(),
            product_name: self.product_name.as_str().to_owned(),
            service_type: self.service_type_code.as_str().to_owned(),
            scope: Scope {
                region: self.region_code.as_str().to_owned(),
                enterprise_project: self.enterprise_project_id.map(|project| project.as_str().to_owned()),
                is_bound: self.bound,
                scenario: self.scenario.map(|scenario| scenario.as_str().to_owned()),
            },
            is_promotional: self.promotional,
            bundle: Bundle::Atomic,
            reset: self.reset.map(|reset| Reset { cycle: reset.cycle, by: reset.by }),
            life: Span { from: self.effective_at.map_or(now, |from| from.0), until: self.expires_at.0 },
        }
    }
}

fn unit(measure_id: Number<0, 100_000>) -> i32 {
    measure_id.get().cast_signed()
}

/// A package that was granted.
#[derive(Serialize, ToSchema)]
pub struct PackageGranted {
    /// Its id.
    package_id: PackageId,
    /// Those of its items, in the order in which they were given.
    item_ids: Vec<PackageItemId>,
}

/// Grant a resource package to a customer
///
/// What an order opens, without one: usage is taken out of it before it is charged.
#[utoipa::path(
    post,
    path = "/admin/v1/accounts/{account}/packages",
    params(OfAccount),
    request_body = GrantPackageBody,
    responses((status = 200, body = PackageGranted, description = "The package.")),
    extensions(("x-policy" = json!(OperatorPolicy::writes(Role::Operate))))
)]
pub async fn grant_package(
    State(app): State<App>,
    write: Write,
    Path(OfAccount { account }): Path<OfAccount>,
    Json(body): Json<GrantPackageBody>,
) -> Result<Answer, ApiError> {
    if body.items.as_slice().is_empty() {
        return Err(ApiError::parameter("items", "must have at least 1 entry"));
    }
    if body.bound && body.enterprise_project_id.is_none() {
        return Err(ApiError::parameter("enterprise_project_id", "is required where bound is true"));
    }
    write
        .once(async |connection| {
            let ((tenant, customer), now) = account_and_time(connection, &app, &account).await?;
            let new = body.package(customer, now);
            packages::grant(connection, (tenant, &app.catalogue.load()), &new, now).await.map_err(refused)?;
            let item_ids = new.items.iter().map(|item| item.id).collect();
            Outcome::of(&new.id, &PackageGranted { package_id: new.id, item_ids })
        })
        .await
}

/// The package in the path.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct OfPackage {
    /// The account's name.
    #[param(example = "demo-customer")]
    account: String,
    /// The package's id.
    #[param(inline)]
    package: PackageId,
}

/// End a customer's resource package
///
/// It is listed as unsubscribed from now on, and gives nothing more.
#[utoipa::path(
    delete,
    path = "/admin/v1/accounts/{account}/packages/{package}",
    params(OfPackage),
    responses((status = 204, description = "It has ended.")),
    extensions(("x-policy" = json!(OperatorPolicy::writes(Role::Operate))))
)]
pub async fn end_package(
    State(app): State<App>,
    write: Write,
    Path(OfPackage { account, package }): Path<OfPackage>,
) -> Result<Answer, ApiError> {
    write
        .once(async |connection| {
            let (of, now) = account_and_time(connection, &app, &account).await?;
            packages::end(connection, of, package, now).await.map_err(|refusal| match refusal {
                Refusal::NoSuchPackage(_) => ApiError { status: StatusCode::NOT_FOUND, ..refused(refusal) },
                other => refused(other),
            })?;
            Ok(Outcome::empty(&package))
        })
        .await
}

/// Usage of a resource.
#[derive(Deserialize, ToSchema)]
pub struct ReportUsageBody {
    /// The resource.
    resource_id: UsedResourceId,
    /// Its tags.
    resource_tag: Option<ResourceTag>,
    /// Its type.
    resource_type_code: ResourceTypeCode,
    /// What of it was measured.
    usage_type_code: UsageTypeCode,
    /// How much: above 0, at most 8 decimals.
    quantity: Quantity,
    /// The unit: packages in another one do not cover it.
    #[schema(value_type = i32, minimum = 0, maximum = 100_000, example = 10)]
    measure_id: Number<0, 100_000>,
    /// The region it was used in.
    region_code: RegionCode,
    /// The enterprise project it was used in.
    enterprise_project_id: Option<EnterpriseProjectId>,
    /// What it was used for, where packages can be limited to that.
    scenario: Option<Scenario>,
    /// From when on it was used.
    used_from: Instant,
    /// Until when.
    used_until: Instant,
}

impl From<ReportUsageBody> for Usage {
    fn from(body: ReportUsageBody) -> Self {
        Self {
            resource_id: body.resource_id.as_str().to_owned(),
            resource_tag: body.resource_tag.map_or_else(String::new, |tag| tag.as_str().to_owned()),
            resource_type: body.resource_type_code.as_str().to_owned(),
            usage_type: body.usage_type_code.as_str().to_owned(),
            quantity: body.quantity,
            measure_id: unit(body.measure_id),
            region: body.region_code.as_str().to_owned(),
            enterprise_project: body.enterprise_project_id.map(|project| project.as_str().to_owned()),
            scenario: body.scenario.map(|scenario| scenario.as_str().to_owned()),
            span: Span { from: body.used_from.0, until: body.used_until.0 },
        }
    }
}

/// What became of usage.
#[derive(Serialize, ToSchema)]
pub struct UsageReported {
    /// What packages gave for it, in the order in which they were asked.
    deducted: Vec<PackageShare>,
    /// What none of them covers.
    to_be_charged: WireDecimal,
}

/// What a package gave.
#[derive(Serialize, ToSchema)]
pub struct PackageShare {
    /// The package.
    package_id: PackageId,
    /// Its item.
    item_id: PackageItemId,
    /// How much.
    amount: WireDecimal,
    /// What is left of the item, in this cycle.
    remaining: WireDecimal,
}

impl From<Share> for PackageShare {
    fn from(share: Share) -> Self {
        Self {
            package_id: share.package,
            item_id: share.item,
            amount: WireDecimal(share.used),
            remaining: WireDecimal(share.available - share.used),
        }
    }
}

/// Report usage that packages may cover
///
/// It is taken out of the customer's packages as they stand now: those bound to its enterprise project first, then those limited
/// to its scenario, then gifts, then what was bought; among equals the one that expires first. Repeat it with the same
/// `Idempotency-Key` only.
#[utoipa::path(
    post,
    path = "/admin/v1/accounts/{account}/package-usage",
    params(OfAccount),
    request_body = ReportUsageBody,
    responses((status = 200, body = UsageReported, description = "What covers it.")),
    extensions(("x-policy" = json!(OperatorPolicy::writes(Role::Operate))))
)]
pub async fn report_usage(
    State(app): State<App>,
    write: Write,
    Path(OfAccount { account }): Path<OfAccount>,
    Json(body): Json<ReportUsageBody>,
) -> Result<Answer, ApiError> {
    if body.used_until.0 < body.used_from.0 {
        return Err(ApiError::parameter("used_until", "must not be earlier than used_from"));
    }
    let usage = Usage::from(body);
    write
        .once(async |connection| {
            let (of, now) = account_and_time(connection, &app, &account).await?;
            let reported = packages::report(connection, of, (&usage, &app.catalogue.load()), now).await;
            let Deduction { shares, rest } = reported.map_err(refused)?;
            let deducted = shares.into_iter().map(PackageShare::from).collect();
            Outcome::of(&usage.resource_id, &UsageReported { deducted, to_be_charged: WireDecimal(rest) })
        })
        .await
}
