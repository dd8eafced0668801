//! `POST /v2/orders/subscriptions/resources/renew`

use super::family::{Held, named};
use super::refusal::{Failure, Refusal};
use super::renewing::{self, Renewal, Renewed};
use crate::api::caller::{CallerKind, Customer};
use crate::api::error::ApiError;
use crate::api::extract::Json;
use crate::api::policy::Policy;
use crate::api::write::{Answer, Outcome, Write};
use crate::app::App;
use crate::orders::model::{By, SourceType};
use crate::pricing::model::{Period, PeriodType, ResourceId};
use crate::subscriptions::model::FailResourceInfo;
use crate::values::list::List;
use crate::values::number::{self, Number};
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What to renew, and for how long.
#[derive(Deserialize, ToSchema)]
pub struct RenewalResourcesReq {
    /// The primaries, up to ten; their secondaries are renewed with them.
    #[schema(inline, value_type = Vec<ResourceId>, max_items = 10)]
    resource_ids: List<ResourceId, 10>,
    /// `2` months, `3` years.
    #[schema(value_type = i32, minimum = 2, maximum = 3, example = 2)]
    period_type: Number<2, 3>,
    /// How many: 1 to 11 months, 1 to 3 years.
    #[schema(value_type = i32, minimum = 1, maximum = 11, example = 1)]
    period_num: Number<1, 11>,
    /// `1`: the order is paid at once; `0`, also if absent or null: it waits to be paid.
    #[schema(nullable, minimum = 0, maximum = 1, example = 0)]
    #[serde(default, deserialize_with = "number::any_or_none")]
    is_auto_pay: Option<i32>,
}

/// What was renewed.
#[derive(Serialize, ToSchema)]
pub struct RenewalResourcesResponse {
    /// The orders: one, or one for each currency.
    #[schema(example = json!(["CS2603281445NO7AB"]))]
    order_ids: Vec<String>,
    /// What could not be renewed, and why.
    fail_resource_infos: Vec<FailResourceInfo>,
}

/// Renews resources that were bought for a time.
///
/// From their end on, also when that is past. The order is paid at once or waits to be paid by `PayOrders`; one that could not be
/// paid at once waits too, and the call is answered with `CBC.30050006`. If none of the resources can be renewed the call is
/// refused for the reason of the first.
#[utoipa::path(
    post, path = "/v2/orders/subscriptions/resources/renew",
    responses((status = 200, description = "The orders.", body = RenewalResourcesResponse)),
    extensions(("x-policy" = json!(
        Policy::callers(&CallerKind::CUSTOMERS).customer_action("billing:subscription:renew").per_second(20).writes()
    ))),
)]
pub async fn renewal_resources(
    State(app): State<App>,
    customer: Customer,
    write: Write,
    Json(request): Json<RenewalResourcesReq>,
) -> Result<Answer, ApiError> {
    let (desk, by) = (app.desk(), By { user: Some(customer.user), now: app.now(customer.tenant) });
    let renewal = Renewal {
        account: (customer.tenant, customer.domain),
        ids: named(request.resource_ids.as_slice())?,
        period: period(request.period_type, request.period_num)?,
        is_auto_pay: request.auto_pay()?,
        source: SourceType::Customer,
        user_name: customer.user_name.clone(),
    };
    write
        .once(async |connection| {
            let held = Held::lock(connection, renewal.account, &renewal.ids, desk.site).await?;
            let renewed = renewing::renew(connection, &desk, (&renewal, &held), by).await?;
            outcome(renewed, |order_ids, failed| RenewalResourcesResponse {
                order_ids,
                fail_resource_infos: failed.into_iter().map(left_out).collect(),
            })
        })
        .await
}

/// What is answered to who wants to renew: what `body` makes of the orders and of what could not be renewed.
pub fn outcome<B: Serialize>(
    renewed: Renewed,
    body: impl FnOnce(Vec<String>, Vec<(String, Refusal)>) -> B,
) -> Result<Outcome, ApiError> {
    let Renewed { orders, failed } = renewed;
    if let (true, Some((_, refusal))) = (orders.is_empty(), failed.first()) {
        return Err(Failure::from(*refusal).into());
    }
    let order_ids = renewing::order_ids(orders.iter().map(|placed| &placed.order));
    let subject = order_ids.join(" ");
    if orders.iter().any(|placed| placed.unpaid.is_some()) {
        return Ok(Outcome::refused(&subject, &Refusal::AutomaticPayment.into()));
    }
    Outcome::of(&subject, &body(order_ids, failed))
}

fn left_out((resource_id, refusal): (String, Refusal)) -> FailResourceInfo {
    let (error_code, error_msg) = refusal.words();
    FailResourceInfo { error_code, error_msg: error_msg.to_owned(), resource_id }
}

/// For how long something is renewed, as requests say it.
pub fn period(kind: Number<2, 3>, num: Number<1, 11>) -> Result<Period, ApiError> {
    let (kind, most) = if kind.get() == 2 { (PeriodType::Month, 11) } else { (PeriodType::Year, 3) };
    let num = num.get();
    if num > most {
        return Err(ApiError::parameter("period_num", format_args!("must be from 1 to {most} for this period_type")));
    }
    Ok(Period { kind, num })
}

impl RenewalResourcesReq {
    fn auto_pay(&self) -> Result<bool, ApiError> {
        match self.is_auto_pay {
            None | Some(0) => Ok(false),
            Some(1) => Ok(true),
            Some(_) => Err(ApiError::parameter("is_auto_pay", "must be 0 or 1")),
        }
    }
}
