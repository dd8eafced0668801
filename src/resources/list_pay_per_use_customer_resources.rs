//! `POST /v2/orders/suscriptions/resources/query`; the path's spelling is the vendor's.

use crate::api::caller::{AnyCaller, CallerKind};
use crate::api::error::ApiError;
use crate::api::extract::Json;
use crate::api::filter::{Filter, Refused};
use crate::api::page::{Limit, Offset};
use crate::api::policy::Policy;
use crate::app::App;
use crate::customers::model::AccountIdText;
use crate::orders::model::OrderNumber;
use crate::orders::view::{EnterpriseProject, resource_name, service_name};
use crate::pricing::model::{ItemServiceType, ResourceId, description};
use crate::products::store::Products;
use crate::subscriptions::lifecycle::{ExpirePolicy, ResourceStatus};
use crate::subscriptions::model::Subscription;
use crate::subscriptions::search::{SubscriptionFilter, page};
use crate::values::decimal::WireDecimal;
use crate::values::language::Language;
use crate::values::list::List;
use crate::values::number::Number;
use crate::values::time::Instant;
use axum::extract::State;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Which resources.
#[derive(Deserialize, ToSchema)]
pub struct QueryResourcesReq {
    /// Only these, up to 50; of a primary also its secondaries, unless only primaries are wanted.
    #[serde(default)]
    #[schema(inline, value_type = Vec<ResourceId>, max_items = 50)]
    resource_ids: Filter<List<ResourceId, 50>>,
    /// Only those that this order bought.
    #[serde(default)]
    #[schema(value_type = Option<OrderNumber>)]
    order_id: Filter<OrderNumber>,
    /// `1` primaries only, `0`, also if absent, their secondaries too.
    #[serde(default)]
    #[schema(value_type = Option<i32>, minimum = 0, maximum = 1, example = 1)]
    only_main_resource: Filter<Number<0, 1>>,
    /// Only those that stand so: 2 in use, 3 closed, 4 frozen, 5 expired.
    #[serde(default)]
    #[schema(inline, value_type = Vec<ResourceStatus>, max_items = 10)]
    status_list: Filter<List<ResourceStatus, 10>>,
    /// How many to skip.
    #[schema(inline)]
    offset: Option<Offset>,
    /// How many to answer at most.
    #[schema(inline)]
    limit: Option<Limit<500>>,
    /// Only those whose time is over at this instant or later.
    #[serde(default)]
    #[schema(value_type = Option<Instant>)]
    expire_time_begin: Filter<Instant>,
    /// Only those whose time is over at this instant or earlier.
    #[serde(default)]
    #[schema(value_type = Option<Instant>)]
    expire_time_end: Filter<Instant>,
    /// Only those of this service type, in any case; not empty.
    #[serde(default)]
    #[schema(value_type = Option<ItemServiceType>)]
    service_type_code: Filter<ItemServiceType, Refused>,
    /// Of a partner: its customer, which must be given. Ignored for customers.
    #[schema(inline, nullable)]
    customer_id: Option<AccountIdText>,
}

/// Resources.
#[derive(Serialize, ToSchema)]
pub struct ListPayPerUseCustomerResourcesResponse {
    /// This part of them: primaries first.
    data: Vec<OrderInstanceV2>,
    /// How many there are in all.
    #[schema(example = 25)]
    total_count: i64,
}

/// A resource that was bought for a time.
#[derive(Serialize, ToSchema)]
pub struct OrderInstanceV2 {
    /// Its internal id.
    #[schema(example = "01154-21800069-0")]
    id: String,
    /// Its id.
    #[schema(example = "01978d6a-2b3c-7d4e-8f90-a1b2c3d4e5f6")]
    resource_id: String,
    /// Its name.
    #[schema(example = "web-1")]
    resource_name: String,
    /// Its region.
    #[schema(example = "cn-north-4")]
    region_code: String,
    /// Its service type.
    #[schema(example = "hws.service.type.ec2")]
    service_type_code: String,
    /// Its type.
    #[schema(example = "hws.resource.type.vm")]
    resource_type_code: String,
    /// The name of its type.
    #[schema(example = "Cloud server")]
    resource_type_name: String,
    /// The name of its service type.
    #[schema(example = "Elastic Cloud Server")]
    service_type_name: String,
    /// Its specification.
    #[schema(example = "s6.large.2.linux")]
    resource_spec_code: String,
    /// Its project.
    #[schema(example = "01978d6a2b3c7d4e8f90a1b2c3d4e5f6")]
    project_id: String,
    /// The product.
    #[schema(example = "00301-110060-0--0")]
    product_id: String,
    /// Of a secondary its primary, of a primary itself.
    #[schema(example = "01978d6a-2b3c-7d4e-8f90-a1b2c3d4e5f6")]
    parent_resource_id: String,
    /// `1` a primary, `0` a secondary.
    #[schema(example = 1)]
    is_main_resource: i32,
    /// 2 in use, 3 closed, 4 frozen, 5 expired.
    status: ResourceStatus,
    /// From when on it is there.
    effective_time: Instant,
    /// Until when it is paid for.
    expire_time: Instant,
    /// What happens then: 0 grace, 1 to pay-per-use, 2 deletion, 3 automatic renewal, 4 freezing, 5 deletion after retention.
    expire_policy: ExpirePolicy,
    /// What it is in words.
    #[schema(example = "s6.large.2.linux")]
    product_spec_desc: String,
    /// Its size; of linear products only.
    #[schema(nullable)]
    spec_size: Option<WireDecimal>,
    /// The unit of the size; of linear products only.
    #[schema(nullable, example = 17)]
    spec_size_measure_id: Option<i32>,
    /// When it was changed last.
    update_time: Instant,
    /// The enterprise project it is in; null if it is in none.
    #[schema(nullable)]
    enterprise_project: Option<EnterpriseProject>,
}

/// Lists resources that a customer has bought for a time.
///
/// Those that are provided, closed ones too unless a status is asked for. Primaries stand first, then what was bought earlier.
#[utoipa::path(
    post, path = "/v2/orders/suscriptions/resources/query",
    responses((status = 200, description = "The resources.", body = ListPayPerUseCustomerResourcesResponse)),
    extensions(("x-policy" = json!(
        Policy::callers(&CallerKind::PARTNERS_AND_CUSTOMERS).needs("BPC_ITEM_SUBCUSTSERV_010105").customer_action("billing:subscription:view")
    ))),
)]
pub async fn list_pay_per_use_customer_resources(
    State(app): State<App>,
    caller: AnyCaller,
    language: Language,
    Json(request): Json<QueryResourcesReq>,
) -> Result<Json<ListPayPerUseCustomerResourcesResponse>, ApiError> {
    let customer = if caller.kind.is_customer() {
        caller.domain
    } else {
        let named = AccountIdText::given(request.customer_id.as_ref());
        let named = named.ok_or_else(|| ApiError::parameter("customer_id", "must be given by a partner"))?;
        match app.customers.in_tree(&caller, named).await {
            Ok(customer) => customer.id,
            // The vendor documents no code for somebody else's customer: it has no resources that the caller may see.
            Err(_) => return Ok(Json(ListPayPerUseCustomerResourcesResponse { data: Vec::new(), total_count: 0 })),
        }
    };
    let mut connection = app.database.tenant(caller.tenant).await?;
    let part = (request.offset.unwrap_or_default().get(), request.limit.unwrap_or_default().get());
    let (rows, total_count) = page(&mut connection, (caller.tenant, customer), &request.filter(), part).await?;
    let catalogue = app.catalogue.load();
    let data = rows.into_iter().map(|row| show(row, &catalogue.products, language)).collect();
    Ok(Json(ListPayPerUseCustomerResourcesResponse { data, total_count }))
}

impl QueryResourcesReq {
    fn filter(&self) -> SubscriptionFilter {
        let ids = |list: &List<ResourceId, 50>| list.as_slice().iter().map(|id| id.as_str().to_owned()).collect();
        SubscriptionFilter {
            ids: self.resource_ids.wanted().map(ids),
            order: self.order_id.wanted().map(OrderNumber::id),
            only_main: self.only_main_resource.wanted().is_some_and(|only| only.get() == 1),
            statuses: self.status_list.wanted().map(|list| list.as_slice().to_vec()),
            expires_from: self.expire_time_begin.wanted().map(|begin| begin.0),
            expires_to: self.expire_time_end.wanted().map(|end| end.0),
            service_type: self.service_type_code.wanted().map(|code| code.as_str().to_ascii_lowercase()),
        }
    }
}

fn show(resource: Subscription, products: &Products, language: Language) -> OrderInstanceV2 {
    let product_spec_desc = description(&resource.resource_spec, resource.size.map(|size| size.size));
    let parent = if resource.is_main { None } else { resource.parent_id };
    OrderInstanceV2 {
        id: resource.instance_id,
        parent_resource_id: parent.unwrap_or_else(|| resource.resource_id.clone()),
        resource_id: resource.resource_id,
        resource_name: resource.name,
        region_code: resource.region,
        resource_type_name: resource_name(products, &resource.resource_type, language),
        resource_type_code: resource.resource_type,
        service_type_name: service_name(products, &resource.service_type, language),
        service_type_code: resource.service_type,
        resource_spec_code: resource.resource_spec,
        project_id: resource.project_id.simple().to_string(),
        product_id: resource.product_id,
        is_main_resource: i32::from(resource.is_main),
        status: resource.status,
        effective_time: Instant(resource.effective_at),
        expire_time: Instant(resource.expires_at),
        expire_policy: resource.policy,
        product_spec_desc,
        spec_size: resource.size.map(|size| WireDecimal(Decimal::from(size.size))),
        spec_size_measure_id: resource.size.map(|size| size.measure_id),
        update_time: Instant(resource.updated_at),
        enterprise_project: resource.enterprise_project.as_deref().map(EnterpriseProject::of),
    }
}
