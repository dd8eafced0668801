//! `GET /v2/orders/customer-orders`

use super::model::{OrderNumber, OrderStatus, OrderType, ServiceTypeFilter, SourceType};
use super::sight;
use super::store::search::{OrderFilter, OrderRow, Search, Span, Whose};
use super::sub_orders::SubCustomerOrderV2;
use super::view::{AmountInfomationV2, EnterpriseProject, service_name};
use crate::api::caller::{AnyCaller, Caller, CallerKind};
use crate::api::error::ApiError;
use crate::api::extract::{Json, Query};
use crate::api::filter::{Filter, Refused, Taken};
use crate::api::page::{Limit, Offset};
use crate::api::policy::Policy;
use crate::app::App;
use crate::customers::model::AccountIdText;
use crate::enterprises::store::Master;
use crate::products::store::Products;
use crate::values::amount::Amount;
use crate::values::id::DomainId;
use crate::values::language::Language;
use crate::values::money::{Currency, MAIN_UNIT};
use crate::values::time::Instant;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use time::Duration;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

/// From the first to the last instant asked for it is at most so long: a year, a leap year too.
const SPAN_MAX: Duration = Duration::days(366);

/// Which orders.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListCustomerOrdersQuery {
    /// Only this one, in any case; not empty.
    #[param(inline, value_type = OrderNumber)]
    #[serde(default)]
    order_id: Filter<OrderNumber, Refused, Taken>,
    /// Of a partner: only those of this customer; not empty.
    #[param(inline, value_type = AccountIdText)]
    #[serde(default)]
    customer_id: Filter<AccountIdText, Refused, Taken>,
    /// Only those placed at this instant or later; at most a year before `create_time_end`.
    #[param(inline, value_type = Instant)]
    #[serde(default)]
    create_time_begin: Filter<Instant, Refused, Refused>,
    /// Only those placed at this instant or earlier.
    #[param(inline, value_type = Instant)]
    #[serde(default)]
    create_time_end: Filter<Instant, Refused, Refused>,
    /// Only those of this service type, in any case. Given without a value it matches none.
    #[param(inline, value_type = ServiceTypeFilter)]
    #[serde(default)]
    service_type_code: Filter<ServiceTypeFilter, Taken, Taken>,
    /// Only those with this status; not empty.
    #[param(inline, value_type = OrderStatus)]
    #[serde(default)]
    status: Filter<OrderStatus, Refused>,
    /// Only those for this; neither empty nor null.
    #[param(value_type = String, example = "1", max_length = 64)]
    #[serde(default)]
    order_type: Filter<OrderType, Refused, Refused>,
    /// How many to answer at most; not empty.
    #[param(inline)]
    #[serde(default)]
    limit: Limit<100, 10, false>,
    /// How many to skip; not empty.
    #[param(inline)]
    #[serde(default)]
    offset: Offset<false>,
    /// In which order, in any case; the latest first unless said otherwise.
    #[param(inline, value_type = OrderBy)]
    #[serde(default)]
    order_by: Filter<OrderBy>,
    /// Only those paid at this instant or later; at most a year before `payment_time_end`.
    #[param(inline, value_type = Instant)]
    #[serde(default)]
    payment_time_begin: Filter<Instant, Refused, Refused>,
    /// Only those paid at this instant or earlier.
    #[param(inline, value_type = Instant)]
    #[serde(default)]
    payment_time_end: Filter<Instant, Refused, Refused>,
    /// For a distributor: the reseller whose customers' orders to answer. Ignored for other callers.
    #[param(inline)]
    indirect_partner_id: Option<AccountIdText>,
    /// `oneself`, also if empty: the caller's own or its customers'; `sub_customer`: those that it has to pay or has paid for members
    /// of its enterprise that let it see their bills; `all`: both. Of partners all are their customers'.
    #[param(inline, value_type = Method)]
    #[serde(default)]
    method: Filter<Method>,
}

/// In which order orders are answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, ToSchema)]
#[serde(try_from = "String")]
pub enum OrderBy {
    /// The earliest first.
    #[serde(rename = "createTime")]
    CreateTime,
    /// The latest first.
    #[serde(rename = "-createTime")]
    CreateTimeDescending,
}

impl TryFrom<String> for OrderBy {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        match text.to_ascii_lowercase().as_str() {
            "createtime" => Ok(Self::CreateTime),
            "-createtime" => Ok(Self::CreateTimeDescending),
            _ => Err("must be createTime or -createTime"),
        }
    }
}

/// Whose orders are answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, ToSchema)]
pub enum Method {
    /// The caller's own, or its customers'.
    #[serde(rename = "oneself")]
    Oneself,
    /// Those that a master account pays for members of its enterprise.
    #[serde(rename = "sub_customer")]
    SubCustomer,
    /// Both.
    #[serde(rename = "all")]
    All,
}

/// Orders.
#[derive(Serialize, ToSchema)]
pub struct ListCustomerOrdersResponse {
    /// How many there are in all.
    #[schema(example = 25)]
    total_count: i64,
    /// This part of them.
    order_infos: Vec<CustomerOrderV2>,
}

/// An order.
#[derive(Serialize, ToSchema)]
pub struct CustomerOrderV2 {
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
    /// Where it comes from: 1 the customer, 2 an agent, 3 a contract, 4 a distributor, 5 a deletion, 6 entered later, 7 a
    /// compensation, 8 the system.
    source_type: SourceType,
    /// 1 under review, 3 processing, 4 cancelled, 5 completed, 6 to be paid, 9 to be confirmed.
    status: OrderStatus,
    /// 1 a purchase, 2 a renewal, 3 a change, 4 an unsubscription, 10 to pay-per-use.
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
    /// The enterprise project it is for.
    enterprise_projects: Vec<EnterpriseProject>,
    /// Parts of a combined transaction: there is none.
    sub_order_infos: Vec<SubCustomerOrderV2>,
    /// Who paid.
    agent_pay_info: AgentPayInfoV2,
}

/// Who paid an order.
#[derive(Serialize, ToSchema)]
pub struct AgentPayInfoV2 {
    /// The other account that paid; empty if none did.
    #[schema(example = "")]
    paying_agent_id: String,
    /// Whether another account paid.
    #[schema(example = false)]
    is_agent_pay: bool,
}

/// Lists orders.
///
/// A customer reads its own; a partner those that its customers placed while they were its customers. A master account can also
/// read those that it pays for members whose finances it keeps.
#[utoipa::path(
    get, path = "/v2/orders/customer-orders",
    params(ListCustomerOrdersQuery),
    responses((status = 200, description = "The orders.", body = ListCustomerOrdersResponse)),
    extensions(("x-policy" = json!(
        Policy::callers(&CallerKind::PARTNERS_AND_CUSTOMERS)
            .needs("BPC_ITEM_SUBCUSTSERV_060100")
            .needs("BPC_ITEM_SUBCUSTSERV_060200")
            .customer_action("bss:order:view")
    ))),
)]
pub async fn list_customer_orders(
    State(app): State<App>,
    caller: AnyCaller,
    language: Language,
    Query(query): Query<ListCustomerOrdersQuery>,
) -> Result<Json<ListCustomerOrdersResponse>, ApiError> {
    let created = span("create_time_end", (&query.create_time_begin, &query.create_time_end))?;
    let paid = span("payment_time_end", (&query.payment_time_begin, &query.payment_time_end))?;
    let own = whose(&app, &caller, query.indirect_partner_id.as_ref()).await?;
    let mut connection = app.database.tenant(caller.tenant).await?;
    // Who has no members pays for none.
    let master = Master { tenant: caller.tenant, id: caller.domain };
    let whose = match (query.method.wanted().copied().unwrap_or(Method::Oneself), &own) {
        (Method::SubCustomer, _) => Whose::Members(sight::paid_for(&mut connection, master).await?),
        (Method::All, Whose::Customer(_)) => Whose::All(sight::paid_for(&mut connection, master).await?),
        (Method::All | Method::Oneself, _) => own,
    };
    let search = Search {
        tenant: caller.tenant,
        whose,
        filter: OrderFilter {
            order: query.order_id.wanted().map(OrderNumber::id),
            // What cannot be an id is nobody's.
            customer: query.customer_id.wanted().map(|text| text.id().unwrap_or(DomainId(Uuid::nil()))),
            created,
            paid,
            service_type: query.service_type_code.wanted().map(|code| code.as_str().to_ascii_lowercase()),
            status: query.status.wanted().copied(),
            kind: query.order_type.wanted().copied(),
            paid_as: None,
        },
        ascending: query.order_by.wanted() == Some(&OrderBy::CreateTime),
    };
    let (rows, total_count) = search.page(&mut connection, (query.offset.get(), query.limit.get())).await?;
    let catalogue = app.catalogue.load();
    let order_infos = rows.into_iter().map(|row| show(row, &catalogue.products, language)).collect();
    Ok(Json(ListCustomerOrdersResponse { total_count, order_infos }))
}

/// Whose orders a caller may see: its own, or its customers'.
pub async fn whose(app: &App, caller: &Caller, reseller: Option<&AccountIdText>) -> Result<Whose, ApiError> {
    if caller.kind.is_customer() {
        return Ok(Whose::Customer(caller.domain));
    }
    Ok(Whose::Partner(app.customers.acting_partner(caller, reseller).await?))
}

/// When an order was placed, or paid, as a request says it.
pub type Bound = Filter<Instant, Refused, Refused>;

/// From when to when: a year at most.
pub fn span(field: &str, (begin, end): (&Bound, &Bound)) -> Result<Span, ApiError> {
    let span = Span { from: begin.wanted().map(|begin| begin.0), to: end.wanted().map(|end| end.0) };
    if span.from.zip(span.to).is_some_and(|(from, to)| to - from > SPAN_MAX) {
        return Err(ApiError::parameter(field, "must be at most a year after the beginning"));
    }
    Ok(span)
}

fn show(row: OrderRow, products: &Products, language: Language) -> CustomerOrderV2 {
    CustomerOrderV2 {
        order_id: row.order_id,
        customer_id: row.domain_id,
        service_type_name: service_name(products, &row.service_type_code, language),
        service_type_code: row.service_type_code,
        source_type: row.source_type,
        status: row.status,
        order_type: row.order_type,
        amount_after_discount: row.amount_after_discount.into(),
        official_amount: row.official_amount.into(),
        measure_id: MAIN_UNIT,
        create_time: Instant(row.created_at),
        payment_time: row.paid_at.map(Instant),
        currency: row.currency,
        contract_id: "",
        amount_info: AmountInfomationV2::new(
            &row.discounts,
            row.card_amount,
            (row.commission_amount, row.consumed_amount),
        ),
        enterprise_projects: row.enterprise_project_id.iter().map(|id| EnterpriseProject::of(id)).collect(),
        sub_order_infos: Vec::new(),
        agent_pay_info: AgentPayInfoV2 {
            is_agent_pay: row.paying_agent_id.is_some(),
            paying_agent_id: row.paying_agent_id.map(|id| id.to_string()).unwrap_or_default(),
        },
    }
}
