//! `POST /v3/payments/free-resources/query`

use super::lists::{self, Item, Items, Package, PackageFilter};
use super::model::{Bundle, CodeFilter, IdFilter, NameFilter, PackageStatus, QuantityText};
use super::rules::{cycle, left, listed_since, shown_status};
use crate::api::caller::{CallerKind, Customer};
use crate::api::error::ApiError;
use crate::api::extract::Json;
use crate::api::filter::Filter;
use crate::api::page::{Limit, Offset};
use crate::api::policy::Policy;
use crate::app::App;
use crate::products::store::Products;
use crate::values::id::{PackageId, PackageItemId};
use crate::values::language::Language;
use crate::values::list::List;
use crate::values::time::Instant;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use time::OffsetDateTime;
use utoipa::ToSchema;

/// Which packages.
#[derive(Deserialize, Default, ToSchema)]
pub struct ListFreeResourceInfosReq {
    /// Only those good for this region. All if absent, null or empty; so with each of these.
    #[schema(inline, value_type = Option<CodeFilter>)]
    #[serde(default)]
    region_code: Filter<CodeFilter>,
    /// Only those of this order.
    #[schema(inline, value_type = Option<IdFilter>)]
    #[serde(default)]
    order_id: Filter<IdFilter>,
    /// Only those of the product with this id.
    #[schema(inline, value_type = Option<IdFilter>)]
    #[serde(default)]
    product_id: Filter<IdFilter>,
    /// Only those of products with this name.
    #[schema(inline, value_type = Option<NameFilter>)]
    #[serde(default)]
    product_name: Filter<NameFilter>,
    /// Only those bought in this enterprise project.
    #[schema(inline, value_type = Option<IdFilter>)]
    #[serde(default)]
    enterprise_project_id: Filter<IdFilter>,
    /// Only those that stand so: 0 not yet effective, 1 effective, 2 used up, 3 expired, 4 unsubscribed.
    #[schema(value_type = Option<PackageStatus>)]
    #[serde(default)]
    status: Filter<PackageStatus>,
    /// How many to skip.
    #[schema(inline)]
    offset: Option<Offset>,
    /// How many to answer at most.
    #[schema(inline)]
    limit: Option<Limit<1000>>,
    /// Only those of these service types, in whatever case. All if absent, null or empty.
    #[schema(inline, value_type = Option<Vec<CodeFilter>>, max_items = 100)]
    #[serde(default)]
    service_type_code_list: Filter<List<CodeFilter, 100>>,
}

/// Packages.
#[derive(Serialize, ToSchema)]
pub struct ListFreeResourceInfosResponse {
    /// This part of them, the one that expires last first.
    free_resource_packages: Vec<FreeResourcePackageV3>,
    /// How many there are in all.
    #[schema(example = 2)]
    total_count: usize,
}

/// A package.
#[derive(Serialize, ToSchema)]
pub struct FreeResourcePackageV3 {
    /// The id by which it is told from others.
    #[schema(example = "01978d6a2b3c7d4e8f90a1b2c3d4e5f6")]
    order_instance_id: String,
    /// The order it comes from; empty if it was given without one.
    #[schema(example = "CS2603281445NO7")]
    order_id: String,
    /// The id of its product.
    #[schema(example = "00301-110060-0--0")]
    product_id: String,
    /// The name of its product.
    #[schema(example = "Outbound traffic, 40 GB a month")]
    product_name: String,
    /// The enterprise project it was bought in; empty if in none.
    #[schema(example = "")]
    enterprise_project_id: String,
    /// 0 it serves all enterprise projects, 1 that one alone.
    #[schema(example = 0)]
    enterprise_project_scope: i32,
    /// From when on it can be used.
    effective_time: Instant,
    /// Until when.
    expire_time: Instant,
    /// 0 not yet effective, 1 effective, 2 used up, 3 expired, 4 unsubscribed.
    status: PackageStatus,
    /// The code of its service type.
    #[schema(example = "hws.service.type.obs")]
    service_type_code: String,
    /// The name of its service type.
    #[schema(example = "Object Storage Service")]
    service_type_name: String,
    /// The region it is good for.
    #[schema(example = "cn-north-4")]
    region_code: String,
    /// 0 it comes from an order, 1 it was given.
    #[schema(example = 0)]
    source_type: i32,
    /// `ATOMIC_PKG` bought by itself, `BUNDLE_PKG` as one of several.
    #[schema(example = "ATOMIC_PKG")]
    bundle_type: &'static str,
    /// 1 its quantities come back each cycle, 2 they do not.
    #[schema(example = 1)]
    quota_reuse_mode: i32,
    /// What is in it.
    free_resources: Vec<FreeResourceV3>,
}

/// What a package has of one usage type.
#[derive(Serialize, ToSchema)]
pub struct FreeResourceV3 {
    /// Its id.
    free_resource_id: PackageItemId,
    /// The usage type.
    #[schema(example = "Traffic")]
    usage_type_name: String,
    /// What is left, in this cycle where its quantities come back.
    amount: QuantityText,
    /// What there was, in each cycle where its quantities come back.
    original_amount: QuantityText,
    /// The unit.
    #[schema(example = 10)]
    measure_id: i32,
}

/// Lists a customer's resource packages.
///
/// Until eighteen months after they expired. The body may be left out: then nothing is filtered.
#[utoipa::path(
    post, path = "/v3/payments/free-resources/query",
    params(Language),
    request_body = Option<ListFreeResourceInfosReq>,
    responses((status = 200, description = "The packages.", body = ListFreeResourceInfosResponse)),
    extensions(("x-policy" = json!(Policy::callers(&CallerKind::CUSTOMERS)))),
)]
pub async fn list_free_resource_infos(
    State(app): State<App>,
    customer: Customer,
    language: Language,
    body: Option<Json<ListFreeResourceInfosReq>>,
) -> Result<Json<ListFreeResourceInfosResponse>, ApiError> {
    let request = body.map(|Json(request)| request).unwrap_or_default();
    let (of, now) = ((customer.tenant, customer.domain), app.now(customer.tenant));
    let mut connection = app.database.tenant(customer.tenant).await?;
    let found = lists::find(&mut connection, of, &filter(&request), (now, listed_since(now))).await?;
    let part: Vec<PackageId> = found
        .iter()
        .copied()
        .skip(request.offset.unwrap_or_default().get())
        .take(request.limit.unwrap_or_default().get())
        .collect();
    let packages = lists::packages(&mut connection, of, &part).await?;
    let mut items: HashMap<PackageId, Vec<Item>> = HashMap::new();
    for item in lists::items(&mut connection, customer.tenant, Items::Of(&part)).await? {
        items.entry(item.package).or_default().push(item);
    }
    let catalogue = app.catalogue.load();
    let show = |package: Package| {
        let items = items.remove(&package.id).unwrap_or_default();
        show(package, items, (&catalogue.products, language), now)
    };
    let free_resource_packages = packages.into_iter().map(show).collect();
    Ok(Json(ListFreeResourceInfosResponse { free_resource_packages, total_count: found.len() }))
}

fn filter(request: &ListFreeResourceInfosReq) -> PackageFilter<'_> {
    PackageFilter {
        region: request.region_code.wanted(),
        order: request.order_id.wanted(),
        product: request.product_id.wanted(),
        product_name: request.product_name.wanted(),
        enterprise_project: request.enterprise_project_id.wanted(),
        status: request.status.wanted().copied(),
        services: request.service_type_code_list.wanted().map(List::as_slice),
    }
}

fn show(
    package: Package,
    items: Vec<Item>,
    (products, language): (&Products, Language),
    now: OffsetDateTime,
) -> FreeResourcePackageV3 {
    let cycle = cycle(package.life, package.reset, package.unsubscribed_at.unwrap_or(now));
    let show_item = |item: Item| FreeResourceV3 {
        free_resource_id: item.id,
        usage_type_name: usage_type_name(products, language, &item),
        amount: QuantityText(left(item.original, (item.remaining, item.cycle_began_at), cycle)),
        original_amount: QuantityText(item.original),
        measure_id: item.measure_id,
    };
    let service = products.find_service(&package.service_type);
    FreeResourcePackageV3 {
        order_instance_id: package.order_instance_id.unwrap_or_else(|| package.id.to_string()),
        source_type: i32::from(package.order_id.is_none()),
        order_id: package.order_id.unwrap_or_default(),
        product_id: package.product_id,
        product_name: package.product_name,
        enterprise_project_id: package.enterprise_project.unwrap_or_default(),
        enterprise_project_scope: i32::from(package.is_bound),
        effective_time: Instant(package.life.from),
        expire_time: Instant(package.life.until),
        status: shown_status(package.life, package.used_up_until, package.unsubscribed_at, now),
        service_type_name: service.map_or_else(String::new, |service| language.of(&service.names).to_owned()),
        service_type_code: package.service_type,
        region_code: package.region,
        bundle_type: match package.bundle {
            Bundle::Atomic => "ATOMIC_PKG",
            Bundle::Bundled => "BUNDLE_PKG",
        },
        quota_reuse_mode: if package.reset.is_some() { 1 } else { 2 },
        free_resources: items.into_iter().map(show_item).collect(),
    }
}

/// The name of an item's usage type; its code where the catalogue does not have it.
pub fn usage_type_name(products: &Products, language: Language, item: &Item) -> String {
    let usage = products.find_usage(&item.resource_type, &item.usage_type);
    usage.map_or_else(|| item.usage_type.clone(), |usage| language.of(&usage.names).to_owned())
}
