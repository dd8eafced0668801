//! `POST /v2/payments/free-resources/usages/details/query`

use super::list_free_resource_infos::usage_type_name;
use super::lists::{self, Item, Items, Package};
use super::model::{ItemIdText, ResetBy, ResetCycle};
use super::rules::{cycle, left};
use crate::api::caller::{CallerKind, Customer};
use crate::api::error::ApiError;
use crate::api::extract::Json;
use crate::api::policy::Policy;
use crate::app::App;
use crate::products::store::Products;
use crate::values::decimal::WireDecimal;
use crate::values::id::{PackageId, PackageItemId};
use crate::values::language::Language;
use crate::values::list::List;
use crate::values::time::Instant;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use time::OffsetDateTime;
use utoipa::ToSchema;

/// Which items of packages.
#[derive(Deserialize, ToSchema)]
pub struct ListFreeResourceUsagesReq {
    /// Their ids, as `ListFreeResourceInfos` answers them.
    #[schema(inline, value_type = Vec<ItemIdText>, max_items = 1000)]
    free_resource_ids: List<ItemIdText, 1000>,
}

/// Items of packages.
#[derive(Serialize, ToSchema)]
pub struct ListFreeResourceUsagesResponse {
    /// Those that were named, without those that there are not.
    free_resources: Vec<FreeResourceDetail>,
}

/// What a package has of one usage type.
#[derive(Serialize, ToSchema)]
pub struct FreeResourceDetail {
    /// Its id.
    free_resource_id: PackageItemId,
    /// The resource type that is used.
    #[schema(example = "OBS bucket")]
    free_resource_type_name: String,
    /// How often it comes back: 1 hourly, 2 daily, 3 weekly, 4 monthly, 5 yearly. Left out where it does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    quota_reuse_cycle: Option<ResetCycle>,
    /// How cycles are counted: 1 by the calendar of UTC+8, 2 from when the package took effect. Left out where it does not come
    /// back.
    #[serde(skip_serializing_if = "Option::is_none")]
    quota_reuse_cycle_type: Option<ResetBy>,
    /// The usage type.
    #[schema(example = "Traffic")]
    usage_type_name: String,
    /// When this cycle began; the package's effective time where it does not come back.
    start_time: Instant,
    /// When this cycle ends; the package's expiry where it does not come back.
    end_time: Instant,
    /// What is left, in this cycle.
    amount: WireDecimal,
    /// What there was, in this cycle.
    original_amount: WireDecimal,
    /// The unit.
    #[schema(example = 10)]
    measure_id: i32,
}

/// Shows what is left of items of a customer's resource packages.
///
/// In the cycle of now. Ids of items that the customer does not have are passed over.
#[utoipa::path(
    post, path = "/v2/payments/free-resources/usages/details/query",
    params(Language),
    request_body = ListFreeResourceUsagesReq,
    responses((status = 200, description = "The items.", body = ListFreeResourceUsagesResponse)),
    extensions(("x-policy" = json!(Policy::callers(&CallerKind::CUSTOMERS)))),
)]
pub async fn list_free_resource_usages(
    State(app): State<App>,
    customer: Customer,
    language: Language,
    Json(request): Json<ListFreeResourceUsagesReq>,
) -> Result<Json<ListFreeResourceUsagesResponse>, ApiError> {
    let now = app.now(customer.tenant);
    let ids: Vec<PackageItemId> = request.free_resource_ids.as_slice().iter().map(ItemIdText::id).collect();
    let mut connection = app.database.tenant(customer.tenant).await?;
    let items = lists::items(&mut connection, customer.tenant, Items::Named(&ids)).await?;
    let packages: Vec<PackageId> = items.iter().map(|item| item.package).collect();
    let packages = lists::packages(&mut connection, (customer.tenant, customer.domain), &packages).await?;
    let packages: HashMap<PackageId, Package> = packages.into_iter().map(|package| (package.id, package)).collect();
    let catalogue = app.catalogue.load();
    let own = items.iter().filter_map(|item| Some((item, packages.get(&item.package)?)));
    let shown = own.map(|(item, package)| show((item, package), (&catalogue.products, language), now));
    Ok(Json(ListFreeResourceUsagesResponse { free_resources: shown.collect() }))
}

fn show(
    (item, package): (&Item, &Package),
    (products, language): (&Products, Language),
    now: OffsetDateTime,
) -> FreeResourceDetail {
    let cycle = cycle(package.life, package.reset, package.unsubscribed_at.unwrap_or(now));
    let resource = products.find_resource(&item.resource_type);
    FreeResourceDetail {
        free_resource_id: item.id,
        free_resource_type_name: resource.map_or_else(String::new, |kind| language.of(&kind.names).to_owned()),
        quota_reuse_cycle: package.reset.map(|reset| reset.cycle),
        quota_reuse_cycle_type: package.reset.map(|reset| reset.by),
        usage_type_name: usage_type_name(products, language, item),
        start_time: Instant(cycle.from),
        end_time: Instant(cycle.until),
        amount: WireDecimal(left(item.original, (item.remaining, item.cycle_began_at), cycle)),
        original_amount: WireDecimal(item.original),
        measure_id: item.measure_id,
    }
}
