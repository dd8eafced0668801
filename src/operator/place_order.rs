//! `POST /admin/v1/accounts/{account}/orders`

use super::named::{OfAccount, account_and_time};
use super::orders::OrderView;
use super::policy::OperatorPolicy;
use crate::api::error::ApiError;
use crate::api::extract::{Json, Path};
use crate::api::operation::{Operations, operations};
use crate::api::write::{Answer, Outcome, Write};
use crate::app::App;
use crate::operators::store::Role;
use crate::orders::administration::{self as orders, Ordering};
use crate::orders::model::{By, SourceType};
use crate::orders::ordered::{self, OrderedLine, OrderedProject};
use crate::orders::state::Event;
use crate::orders::view::STAFF;
use crate::pricing::model::{ItemSpec, ResourceId, check_size};
use crate::resources::changing::{self, Change};
use crate::resources::family::Held;
use crate::values::number as numbers;
use crate::values::text::texts;
use crate::values::truth;
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

texts! {
    /// Who ordered.
    OrderedBy, 1..=64, "web-shop";
}

/// The operation.
pub fn register(operations: &mut Operations<App, OperatorPolicy>) {
    operations!(operations, "orders": place_order);
}

/// An order that a service places for a customer: of something new, or of another specification for a resource.
#[derive(Deserialize, ToSchema)]
pub struct PlaceOrderBody {
    /// What is bought: up to 100 resources in all. Left out where a resource is changed.
    #[serde(default)]
    #[schema(max_items = 100)]
    lines: Vec<OrderedLine>,
    /// A resource of the customer's, and what it becomes. Left out where something is bought.
    change: Option<ChangedResource>,
    /// The enterprise project of what is bought; none unless said otherwise. A change is one of its resource's.
    enterprise_project_id: Option<OrderedProject>,
    /// Who ordered; operations staff unless said otherwise.
    user_name: Option<OrderedBy>,
    /// Whether it is paid at once, with the best discount and the cash coupon with the largest balance. What cannot be paid
    /// waits for the customer.
    #[serde(default, deserialize_with = "truth::value")]
    auto_pay: bool,
    /// Whether it is to be reviewed first. Not where nothing has to be paid, as with a change to something smaller.
    #[serde(default, deserialize_with = "truth::value")]
    review: bool,
    /// Whether staff order for the customer, who has to confirm then. Not where nothing has to be paid.
    #[serde(default, deserialize_with = "truth::value")]
    confirm: bool,
}

/// Another specification or size for a resource that was bought for a time and is in use: one of them at least. It stays of its
/// type, in its region and until its end.
#[derive(Deserialize, ToSchema)]
pub struct ChangedResource {
    /// The resource: a primary or a secondary.
    resource_id: ResourceId,
    /// The specification it gets; it keeps its own unless said otherwise.
    #[schema(inline)]
    resource_spec: Option<ItemSpec>,
    /// How large it becomes, of linear products; it keeps its size unless said otherwise.
    #[schema(nullable, example = 100)]
    #[serde(default, deserialize_with = "numbers::any_or_none")]
    resource_size: Option<i32>,
    /// The unit of the size: `14` pieces, `15` Mbps, `17` GB.
    #[schema(nullable, example = 17)]
    #[serde(default, deserialize_with = "numbers::any_or_none")]
    size_measure_id: Option<i32>,
}

/// What is ordered.
enum Ordered {
    New(Ordering),
    Change(Change),
}

impl PlaceOrderBody {
    fn ordered(&self) -> Result<Ordered, ApiError> {
        match &self.change {
            None => self.ordering().map(Ordered::New),
            Some(_) if !self.lines.is_empty() => {
                Err(ApiError::parameter("change", "must not be given together with lines"))
            }
            Some(changed) => self.change(changed).map(Ordered::Change),
        }
    }

    fn change(&self, changed: &ChangedResource) -> Result<Change, ApiError> {
        let size = check_size(changed.resource_size, changed.size_measure_id);
        Ok(Change {
            resource: changed.resource_id.as_str().to_owned(),
            spec: changed.resource_spec.as_ref().map(|spec| spec.as_str().to_owned()),
            size: size.map_err(|fault| fault.of(changed.resource_id.as_str()))?,
            user_name: self.user_name().to_owned(),
            source: self.source(),
            is_auto_pay: self.auto_pay,
            begins: self.begins()?,
        })
    }

    fn user_name(&self) -> &str {
        self.user_name.as_ref().map_or(STAFF, OrderedBy::as_str)
    }

    fn source(&self) -> SourceType {
        if self.confirm { SourceType::Agent } else { SourceType::Customer }
    }

    fn begins(&self) -> Result<Event, ApiError> {
        match (self.review, self.confirm) {
            (true, true) => Err(ApiError::parameter("confirm", "must not be given together with review")),
            (true, false) => Ok(Event::PlacedForReview),
            (false, true) => Ok(Event::PlacedByStaff),
            (false, false) => Ok(Event::Placed),
        }
    }

    fn ordering(&self) -> Result<Ordering, ApiError> {
        Ok(Ordering {
            wanted: ordered::wanted(&self.lines)?,
            enterprise_project: self.enterprise_project_id.as_ref().map(|id| id.as_str().to_owned()),
            user_name: self.user_name().to_owned(),
            source: self.source(),
            is_auto_pay: self.auto_pay,
            begins: self.begins()?,
        })
    }
}

/// Place an order
///
/// What a cloud service does when its customer buys: at list prices, one line for each resource. Or when its customer changes a
/// resource: a line for the rest of the running period and for each renewal ahead. What costs more by the month is to be paid, by the
/// months that are left; what costs less gives back, once the service has made the change, what is left of the payments less what
/// it costs then. Until the service has made it, the resource is not renewed, changed or given back. In the sandbox what is paid is
/// provided by itself after some seconds of the tenant's time.
#[utoipa::path(
    post,
    path = "/admin/v1/accounts/{account}/orders",
    params(OfAccount),
    request_body = PlaceOrderBody,
    responses((status = 200, body = OrderView, description = "The order.")),
    extensions(("x-policy" = json!(OperatorPolicy::writes(Role::Operate))))
)]
pub async fn place_order(
    State(app): State<App>,
    write: Write,
    Path(OfAccount { account }): Path<OfAccount>,
    Json(body): Json<PlaceOrderBody>,
) -> Result<Answer, ApiError> {
    let (ordered, desk) = (body.ordered()?, app.desk());
    write
        .once(async |connection| {
            let (of, now) = account_and_time(connection, &app, &account).await?;
            let by = By { user: None, now };
            let placed = match &ordered {
                Ordered::New(ordering) => orders::order(connection, &desk, (of, ordering), by).await?,
                Ordered::Change(change) => {
                    let ids = std::slice::from_ref(&change.resource);
                    let held = Held::lock(connection, of, ids, desk.site).await?;
                    changing::change(connection, &desk, (of, change, &held), by).await?
                }
            };
            Outcome::of(&placed.order.id.clone(), &OrderView::of_placed(placed))
        })
        .await
}
