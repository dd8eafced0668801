//! `POST /v2/partners/sub-customers/on-demand-resources/query`

use super::on_demand::{self, OnDemandFilter, OnDemandResource, OnDemandStatus};
use crate::api::caller::{CallerKind, Partner};
use crate::api::error::ApiError;
use crate::api::extract::Json;
use crate::api::filter::Filter;
use crate::api::page::{Limit, Offset};
use crate::api::policy::Policy;
use crate::app::App;
use crate::customers::model::{AccountIdText, AssociationType};
use crate::customers::refusal::Unrelated;
use crate::orders::view::{resource_name, service_name};
use crate::pricing::model::{ItemRegion, ItemServiceType, ResourceId, description};
use crate::products::store::Products;
use crate::values::id::DomainId;
use crate::values::language::Language;
use crate::values::list::List;
use crate::values::time::Instant;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Which resources.
#[derive(Deserialize, ToSchema)]
pub struct QueryCustomerOnDemandResourcesReq {
    /// The customer, a resale customer.
    customer_id: AccountIdText,
    /// Only those in this region.
    #[serde(default)]
    #[schema(value_type = Option<ItemRegion>)]
    region_code: Filter<ItemRegion>,
    /// Only those of this service type, in any case.
    #[serde(default)]
    #[schema(value_type = Option<ItemServiceType>)]
    service_type_code: Filter<ItemServiceType>,
    /// Only these, up to 50.
    #[serde(default)]
    #[schema(inline, value_type = Vec<ResourceId>, max_items = 50)]
    resource_ids: Filter<List<ResourceId, 50>>,
    /// Only those opened at this instant or later.
    #[serde(default)]
    #[schema(value_type = Option<Instant>)]
    effective_time_begin: Filter<Instant>,
    /// Only those opened at this instant or earlier.
    #[serde(default)]
    #[schema(value_type = Option<Instant>)]
    effective_time_end: Filter<Instant>,
    /// How many to skip.
    #[schema(inline)]
    offset: Option<Offset>,
    /// How many to answer at most.
    #[schema(inline)]
    limit: Option<Limit<100>>,
    /// Only those that stand so.
    #[serde(default)]
    #[schema(value_type = Option<OnDemandStatus>)]
    status: Filter<OnDemandStatus>,
    /// For a distributor: the reseller whose customer it is. Ignored for other callers.
    #[schema(inline, nullable)]
    indirect_partner_id: Option<AccountIdText>,
}

/// Resources.
#[derive(Serialize, ToSchema)]
pub struct ListCustomerOnDemandResourcesResponse {
    /// This part of them, the latest first.
    resources: Vec<CustomerOnDemandResource>,
    /// How many there are in all.
    #[schema(example = 25)]
    total_count: i64,
}

/// A resource that is paid by use.
#[derive(Serialize, ToSchema)]
pub struct CustomerOnDemandResource {
    /// The customer.
    customer_id: DomainId,
    /// Its region.
    #[schema(example = "cn-north-4")]
    region_code: String,
    /// Its availability zone; empty if it is in none.
    #[schema(example = "cn-north-4a")]
    availability_zone_code: String,
    /// Its service type.
    #[schema(example = "hws.service.type.ec2")]
    service_type_code: String,
    /// Its type.
    #[schema(example = "hws.resource.type.vm")]
    resource_type_code: String,
    /// The name of its service type.
    #[schema(example = "Elastic Cloud Server")]
    service_type_name: String,
    /// The name of its type.
    #[schema(example = "Cloud server")]
    resource_type_name: String,
    /// Its id.
    #[schema(example = "01978d6a-2b3c-7d4e-8f90-a1b2c3d4e5f6")]
    resource_id: String,
    /// Its name.
    #[schema(example = "web-1")]
    resource_name: String,
    /// From when on it is there.
    effective_time: Instant,
    /// When it was closed; null while it runs.
    #[schema(nullable)]
    expire_time: Option<Instant>,
    /// 1 it runs, 2 in grace, 3 being frozen, 4 being changed, 5 being closed, 6 closed.
    status: OnDemandStatus,
    /// Its specification.
    #[schema(example = "s6.large.2.linux")]
    resource_spec_code: String,
    /// Its size, as JSON in a text; empty if it has none.
    #[schema(example = "{\"specSize\":40.0}")]
    resource_info: String,
    /// What it is in words.
    #[schema(example = "s6.large.2.linux")]
    product_spec_desc: String,
}

/// Lists a resale customer's resources that are paid by use.
///
/// Those of today and those that were closed.
#[utoipa::path(
    post, path = "/v2/partners/sub-customers/on-demand-resources/query",
    params(Language),
    responses((status = 200, description = "The resources.", body = ListCustomerOnDemandResourcesResponse)),
    extensions(("x-policy" = json!(Policy::callers(&CallerKind::PARTNERS)))),
)]
pub async fn list_customer_on_demand_resources(
    State(app): State<App>,
    partner: Partner,
    language: Language,
    Json(request): Json<QueryCustomerOnDemandResourcesReq>,
) -> Result<Json<ListCustomerOnDemandResourcesResponse>, ApiError> {
    let acting = app.customers.acting_partner(&partner, request.indirect_partner_id.as_ref()).await?;
    let customer = app.customers.of_partner(partner.tenant, acting, &request.customer_id).await?;
    if customer.association.kind != AssociationType::Resale {
        return Err(Unrelated::NoPermissionOnCustomer.into());
    }
    let mut connection = app.database.tenant(partner.tenant).await?;
    let part = (request.offset.unwrap_or_default().get(), request.limit.unwrap_or_default().get());
    let account = (partner.tenant, customer.id);
    let (rows, total_count) = on_demand::page(&mut connection, account, &request.filter(), part).await?;
    let catalogue = app.catalogue.load();
    let resources = rows.into_iter().map(|row| show(customer.id, row, &catalogue.products, language)).collect();
    Ok(Json(ListCustomerOnDemandResourcesResponse { resources, total_count }))
}

impl QueryCustomerOnDemandResourcesReq {
    fn filter(&self) -> OnDemandFilter {
        let ids = |list: &List<ResourceId, 50>| list.as_slice().iter().map(|id| id.as_str().to_owned()).collect();
        OnDemandFilter {
            region: self.region_code.wanted().map(|region| region.as_str().to_owned()),
            service_type: self.service_type_code.wanted().map(|code| code.as_str().to_ascii_lowercase()),
            resource_type: None,
            ids: self.resource_ids.wanted().map(ids),
            from: self.effective_time_begin.wanted().map(|begin| begin.0),
            to: self.effective_time_end.wanted().map(|end| end.0),
            status: self.status.wanted().copied(),
        }
    }
}

fn show(
    customer_id: DomainId,
    resource: OnDemandResource,
    products: &Products,
    language: Language,
) -> CustomerOnDemandResource {
    let product_spec_desc = description(&resource.resource_spec, resource.resource_size);
    CustomerOnDemandResource {
        customer_id,
        region_code: resource.region_code,
        availability_zone_code: resource.zone_code,
        service_type_name: service_name(products, &resource.service_type_code, language),
        service_type_code: resource.service_type_code,
        resource_type_name: resource_name(products, &resource.resource_type_code, language),
        resource_type_code: resource.resource_type_code,
        resource_id: resource.resource_id,
        resource_name: resource.resource_name,
        effective_time: Instant(resource.effective_at),
        expire_time: resource.expires_at.map(Instant),
        status: resource.status,
        resource_spec_code: resource.resource_spec,
        resource_info: on_demand::info(resource.resource_size),
        product_spec_desc,
    }
}
