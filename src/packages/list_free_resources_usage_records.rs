//! `GET /v2/bills/customer-bills/free-resources-usage-records`

use super::lists::{self, Record, RecordFilter};
use super::model::{CodeFilter, IdFilter, ItemIdText, QuantityText, Span};
use super::rules::RECORDS_DAYS;
use crate::api::caller::{CallerKind, Customer};
use crate::api::error::ApiError;
use crate::api::extract::{Json, Query};
use crate::api::filter::Filter;
use crate::api::page::{Limit, Offset};
use crate::api::policy::Policy;
use crate::app::App;
use crate::products::store::Products;
use crate::values::id::PackageItemId;
use crate::values::language::Language;
use crate::values::time::{Day, Instant};
use axum::extract::State;
use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};
use utoipa::{IntoParams, ToSchema};

/// Which records.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListFreeResourcesUsageRecordsQuery {
    /// Only those of this item of a package.
    #[param(inline, value_type = Option<ItemIdText>)]
    #[serde(default)]
    free_resource_id: Filter<ItemIdText>,
    /// Only those of packages of this product.
    #[param(inline, value_type = Option<IdFilter>)]
    #[serde(default)]
    product_id: Filter<IdFilter>,
    /// Only those of the usage of resources of this type.
    #[param(inline, value_type = Option<CodeFilter>)]
    #[serde(default)]
    resource_type_code: Filter<CodeFilter>,
    /// The first day, of UTC+8.
    #[param(inline)]
    deduct_time_begin: Day,
    /// The last day, of UTC+8: at most 90 days after the first.
    #[param(inline)]
    deduct_time_end: Day,
    /// How many to skip.
    #[param(inline)]
    #[serde(default)]
    offset: Offset,
    /// How many to answer at most.
    #[param(inline)]
    #[serde(default)]
    limit: Limit<1000>,
}

/// Records.
#[derive(Serialize, ToSchema)]
pub struct ListFreeResourcesUsageRecordsResponse {
    /// This part of them, the latest first.
    free_resource_records: Vec<FreeResourceRecord>,
    /// How many there are in all.
    #[schema(example = 1)]
    total_count: i64,
}

/// What was taken out of a package.
#[derive(Serialize, ToSchema)]
pub struct FreeResourceRecord {
    /// When it was taken.
    deduct_time: Instant,
    /// The item of the package.
    free_resource_id: PackageItemId,
    /// The resource that was used.
    #[schema(example = "demo-bucket")]
    resource_id: String,
    /// Its type.
    #[schema(example = "hws.resource.type.obs")]
    resource_type_code: String,
    /// The name of its type.
    #[schema(example = "Object storage")]
    resource_type_name: String,
    /// Its tags; empty if it has none.
    #[schema(example = "")]
    resource_tag: String,
    /// The id of the package's product.
    #[schema(example = "00301-110060-0--0")]
    product_id: String,
    /// The name of the package's product.
    #[schema(example = "Outbound traffic, 40 GB a month")]
    product_name: String,
    /// The code of the usage type.
    #[schema(example = "upflow")]
    usage_type_code: String,
    /// What there was before.
    available_amount: QuantityText,
    /// What was left afterwards.
    remaining_amount: QuantityText,
    /// What was taken.
    used_amount: QuantityText,
    /// The unit.
    #[schema(example = 10)]
    measure_id: i32,
    /// From when on the resource was used.
    effective_time: Instant,
    /// Until when.
    expire_time: Instant,
}

/// Lists what was taken out of a customer's resource packages.
///
/// Records are listed for 90 days.
#[utoipa::path(
    get, path = "/v2/bills/customer-bills/free-resources-usage-records",
    params(Language, ListFreeResourcesUsageRecordsQuery),
    responses((status = 200, description = "The records.", body = ListFreeResourcesUsageRecordsResponse)),
    extensions(("x-policy" = json!(Policy::callers(&CallerKind::CUSTOMERS)))),
)]
pub async fn list_free_resources_usage_records(
    State(app): State<App>,
    customer: Customer,
    language: Language,
    Query(query): Query<ListFreeResourcesUsageRecordsQuery>,
) -> Result<Json<ListFreeResourcesUsageRecordsResponse>, ApiError> {
    let filter = RecordFilter {
        within: within((query.deduct_time_begin, query.deduct_time_end), app.now(customer.tenant))?,
        item: query.free_resource_id.wanted().map(ItemIdText::id),
        product: query.product_id.wanted(),
        resource_type: query.resource_type_code.wanted(),
    };
    let mut connection = app.database.tenant(customer.tenant).await?;
    let (of, part) = ((customer.tenant, customer.domain), (query.offset.get(), query.limit.get()));
    let (records, total_count) = lists::records(&mut connection, of, &filter, part).await?;
    let catalogue = app.catalogue.load();
    let shown = records.into_iter().map(|record| show(record, &catalogue.products, language));
    Ok(Json(ListFreeResourcesUsageRecordsResponse { free_resource_records: shown.collect(), total_count }))
}

/// The days asked for, as far as their records are listed.
fn within((begin, end): (Day, Day), now: OffsetDateTime) -> Result<Span, ApiError> {
    let days = (end.0 - begin.0).whole_days();
    if !(0..=RECORDS_DAYS).contains(&days) {
        let rule = format_args!("must be deduct_time_begin or at most {RECORDS_DAYS} days later");
        return Err(ApiError::parameter("deduct_time_end", rule));
    }
    let listed = Day::of(now.saturating_sub(Duration::days(RECORDS_DAYS)));
    Ok(Span { from: begin.max(listed).start(), until: end.end() })
}

fn show(record: Record, products: &Products, language: Language) -> FreeResourceRecord {
    let resource = products.find_resource(&record.resource_type);
    FreeResourceRecord {
        deduct_time: Instant(record.happened_at),
        free_resource_id: record.item,
        resource_id: record.resource_id,
        resource_type_name: resource.map_or_else(String::new, |kind| language.of(&kind.names).to_owned()),
        resource_type_code: record.resource_type,
        resource_tag: record.resource_tag,
        product_id: record.product_id,
        product_name: record.product_name,
        usage_type_code: record.usage_type,
        available_amount: QuantityText(record.available),
        remaining_amount: QuantityText(record.available - record.used),
        used_amount: QuantityText(record.used),
        measure_id: record.measure_id,
        effective_time: Instant(record.span.from),
        expire_time: Instant(record.span.until),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::{date, datetime};

    #[test]
    fn ninety_days_are_listed_and_no_wider_span_is_asked_for() {
        let now = datetime!(2024-04-01 12:00 UTC);
        let ask = |begin, end| within((Day(begin), Day(end)), now).map(|span| (span.from, span.until));
        let refused = ask(date!(2024 - 01 - 01), date!(2024 - 04 - 01)).expect_err("they are 91 days");
        assert_eq!((refused.status.as_u16(), refused.code), (400, "CBC.0100"));
        assert!(refused.message.contains("deduct_time_end: "), "{}", refused.message);
        assert!(ask(date!(2024 - 01 - 03), date!(2024 - 01 - 02)).is_err());
        let whole = (datetime!(2024-01-02 00:00 +8), datetime!(2024-04-02 00:00 +8));
        assert_eq!(ask(date!(2024 - 01 - 02), date!(2024 - 04 - 01)).expect("they are 90 days"), whole);
        let older = ask(date!(2023 - 12 - 20), date!(2024 - 01 - 05)).expect("some of it is listed");
        assert_eq!(older, (whole.0, datetime!(2024-01-06 00:00 +8)));
    }
}
