//! `GET /v2/orders/customer-orders/details/{order_id}`

use super::model::{Line, Order, OrderNumber, OrderStatus, OrderType, SourceType};
use super::number;
use super::refusal::Refusal;
use super::sight;
use super::store;
use super::sub_orders::SubCustomerOrderV3;
use super::view::{AmountInfomationV2, service_name};
use crate::api::caller::{AnyCaller, Caller, CallerKind};
use crate::api::error::ApiError;
use crate::api::extract::{Json, Path, Query};
use crate::api::page::{Limit, Offset};
use crate::api::policy::Policy;
use crate::app::App;
use crate::customers::model::AccountIdText;
use crate::products::store::Products;
use crate::values::amount::Amount;
use crate::values::id::DomainId;
use crate::values::language::Language;
use crate::values::money::{Currency, MAIN_UNIT};
use crate::values::time::Instant;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Which order.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct ShowCustomerOrderDetailsPath {
    /// The order, in any case.
    #[param(inline)]
    order_id: OrderNumber,
}

/// Which of its lines.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ShowCustomerOrderDetailsQuery {
    /// How many lines to answer at most.
    #[param(inline)]
    #[serde(default)]
    limit: Limit<100>,
    /// How many lines to skip.
    #[param(inline)]
    #[serde(default)]
    offset: Offset,
    /// For a distributor: the reseller whose customer ordered. Ignored for other callers.
    #[param(inline)]
    indirect_partner_id: Option<AccountIdText>,
}

/// An order with its lines.
#[derive(Serialize, ToSchema)]
pub struct ShowCustomerOrderDetailsResponse {
    /// How many lines it has.
    #[schema(example = 1)]
    total_count: usize,
    /// The order.
    order_info: CustomerOrderV3,
    /// This part of its lines.
    order_line_items: Vec<OrderLineItemEntityV2>,
}

/// An order.
#[derive(Serialize, ToSchema)]
pub struct CustomerOrderV3 {
    /// Its id.
    #[schema(example = "CS2603281445NO7AB")]
    order_id: String,
    /// The customer.
    customer_id: DomainId,
    /// The service type of its first line.
    #[schema(example = "hws.service.type.ec2")]
    service_type_code: String,
    /// That service type's name.
    #[schema(example = "Elastic Cloud Server")]
    service_type_name: String,
    /// Where it comes from, as in the list.
    source_type: SourceType,
    /// How it stands, as in the list.
    status: OrderStatus,
    /// What it is for, as in the list.
    order_type: OrderType,
    /// What is paid by cash and credit, in the unit of its currency; below zero on an unsubscription.
    amount_after_discount: Amount,
    /// At list prices.
    official_amount: Amount,
    /// The unit of the amounts: 1, the currency's main unit.
    #[schema(example = 1)]
    measure_id: i32,
    /// When it was placed.
    create_time: Instant,
    /// When it was paid; null until then.
    #[schema(nullable)]
    payment_time: Option<Instant>,
    /// The currency.
    currency: Currency,
    /// A contract; empty, since orders are made under none.
    #[schema(example = "")]
    contract_id: &'static str,
    /// What was taken off, and paid otherwise.
    amount_info: AmountInfomationV2,
    /// Who ordered: a user of the customer's, or whoever did it for it.
    #[schema(example = "demo-customer")]
    user_name: String,
    /// Until when it can be paid; null once it is paid.
    #[schema(nullable)]
    pending_payment_end_time: Option<Instant>,
    /// Parts of a combined transaction: there is none.
    sub_order_infos: Vec<SubCustomerOrderV3>,
}

/// A line of an order.
#[derive(Serialize, ToSchema)]
pub struct OrderLineItemEntityV2 {
    /// Its id.
    #[schema(example = "CS2603281445NO7AB-000001")]
    order_line_item_id: String,
    /// Its service type.
    #[schema(example = "hws.service.type.ec2")]
    service_type_code: String,
    /// That service type's name.
    #[schema(example = "Elastic Cloud Server")]
    service_type_name: String,
    /// The product.
    #[schema(example = "00301-110060-0--0")]
    product_id: String,
    /// What it is in words: the specification, and the size.
    #[schema(example = "s6.large.2.linux")]
    product_spec_desc: String,
    /// 0 days, 2 months, 3 years.
    #[schema(example = 2)]
    period_type: i32,
    /// How many of them; null on an unsubscription.
    #[schema(nullable, example = 1)]
    period_num: Option<u32>,
    /// From when on it is paid for; null until it is provided.
    #[schema(nullable)]
    effective_time: Option<Instant>,
    /// Until when.
    #[schema(nullable)]
    expire_time: Option<Instant>,
    /// How many: 1, since each resource has a line of its own.
    #[schema(example = 1)]
    subscription_num: i32,
    /// What is paid by cash and credit.
    amount_after_discount: Amount,
    /// At list prices.
    official_amount: Amount,
    /// What was taken off, and paid otherwise.
    amount_info: AmountInfomationV2,
    /// The currency.
    currency: Currency,
    /// The product's place in the vendor's catalogue: it is not published.
    #[schema(example = "")]
    category_code: &'static str,
    /// The service type that the product belongs to.
    #[schema(example = "hws.service.type.ec2")]
    product_owner_service: String,
    /// The resource type by which business is counted.
    #[schema(example = "hws.resource.type.vm")]
    commercial_resource: String,
    /// The product that it is based on: itself.
    base_product_info: ProductObject,
    /// The order.
    #[schema(example = "CS2603281445NO7AB")]
    order_id: String,
}

/// A product.
#[derive(Serialize, ToSchema)]
pub struct ProductObject {
    /// Its id.
    #[schema(example = "00301-110060-0--0")]
    product_id: String,
    /// What it is in words.
    #[schema(example = "s6.large.2.linux")]
    product_spec_desc: String,
    /// Its place in the vendor's catalogue: it is not published.
    #[schema(example = "")]
    category_code: &'static str,
    /// The service type it belongs to.
    #[schema(example = "hws.service.type.ec2")]
    product_owner_service: String,
    /// The resource type by which business is counted.
    #[schema(example = "hws.resource.type.vm")]
    commercial_resource: String,
}

/// Shows an order and its lines.
///
/// Clients ask for it until it is completed (5) or cancelled (4). A master account also sees what it pays for members that let it see
/// their bills; any other's order does not exist for the caller.
#[utoipa::path(
    get, path = "/v2/orders/customer-orders/details/{order_id}",
    params(Language, ShowCustomerOrderDetailsPath, ShowCustomerOrderDetailsQuery),
    responses((status = 200, description = "The order.", body = ShowCustomerOrderDetailsResponse)),
    extensions(("x-policy" = json!(
        Policy::callers(&CallerKind::PARTNERS_AND_CUSTOMERS)
            .needs("BPC_ITEM_SUBCUSTSERV_060100")
            .needs("BPC_ITEM_SUBCUSTSERV_060200")
            .customer_action("bss:order:view")
    ))),
)]
pub async fn show_customer_order_details(
    State(app): State<App>,
    caller: AnyCaller,
    language: Language,
    Path(ShowCustomerOrderDetailsPath { order_id }): Path<ShowCustomerOrderDetailsPath>,
    Query(query): Query<ShowCustomerOrderDetailsQuery>,
) -> Result<Json<ShowCustomerOrderDetailsResponse>, ApiError> {
    let order = visible(&app, &caller, &order_id, query.indirect_partner_id.as_ref()).await?;
    let catalogue = app.catalogue.load();
    let lines = order.lines.iter().enumerate().skip(query.offset.get()).take(query.limit.get());
    let order_line_items = lines.map(|line| show_line(&order, line, &catalogue.products, language)).collect();
    Ok(Json(ShowCustomerOrderDetailsResponse {
        total_count: order.lines.len(),
        order_info: show(&order, &catalogue.products, language),
        order_line_items,
    }))
}

/// An order that the caller may see: its own, one that it pays for a member, or one of its customers'.
pub async fn visible(
    app: &App,
    caller: &Caller,
    order_id: &OrderNumber,
    reseller: Option<&AccountIdText>,
) -> Result<Order, ApiError> {
    let acting = app.customers.acting_partner(caller, reseller).await?;
    let mut connection = app.database.tenant(caller.tenant).await?;
    let order = store::find(&mut connection, caller.tenant, &order_id.id()).await?;
    let order = order.ok_or(Refusal::NoSuchOrder)?;
    let is_visible = if caller.kind.is_customer() {
        sight::is_seen(&mut connection, caller.domain, &order).await?
    } else {
        order.partner == Some(acting)
    };
    if is_visible { Ok(order) } else { Err(Refusal::NoSuchOrder.into()) }
}

fn show(order: &Order, products: &Products, language: Language) -> CustomerOrderV3 {
    let amounts = order.amounts();
    let service = order.lines.first().map_or("", |line| &line.product.service_type);
    CustomerOrderV3 {
        order_id: order.id.clone(),
        customer_id: order.customer,
        service_type_code: service.to_owned(),
        service_type_name: service_name(products, service, language),
        source_type: order.source,
        status: order.status,
        order_type: order.kind,
        amount_after_discount: amounts.after_discount.into(),
        official_amount: amounts.official.into(),
        measure_id: MAIN_UNIT,
        create_time: Instant(order.created_at),
        payment_time: order.paid_at.map(Instant),
        currency: order.currency,
        contract_id: "",
        amount_info: AmountInfomationV2::of(&amounts),
        user_name: order.user_name.clone(),
        pending_payment_end_time: order.payable_until.filter(|_| order.paid_at.is_none()).map(Instant),
        sub_order_infos: Vec::new(),
    }
}

fn show_line(
    order: &Order,
    (place, line): (usize, &Line),
    products: &Products,
    language: Language,
) -> OrderLineItemEntityV2 {
    let product = &line.product;
    let description = product.description();
    OrderLineItemEntityV2 {
        order_line_item_id: number::line_id(&order.id, place),
        service_type_code: product.service_type.clone(),
        service_type_name: service_name(products, &product.service_type, language),
        product_id: product.product_id.clone(),
        product_spec_desc: description.clone(),
        period_type: line.period.kind.number(),
        period_num: Some(line.period.num).filter(|num| *num > 0),
        effective_time: line.effective_at.map(Instant),
        expire_time: line.expires_at.map(Instant),
        subscription_num: 1,
        amount_after_discount: line.amounts.after_discount.into(),
        official_amount: line.amounts.official.into(),
        amount_info: AmountInfomationV2::of(&line.amounts),
        currency: order.currency,
        category_code: "",
        product_owner_service: product.service_type.clone(),
        commercial_resource: product.resource_type.clone(),
        base_product_info: ProductObject {
            product_id: product.product_id.clone(),
            product_spec_desc: description,
            category_code: "",
            product_owner_service: product.service_type.clone(),
            commercial_resource: product.resource_type.clone(),
        },
        order_id: order.id.clone(),
    }
}
