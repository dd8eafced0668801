//! `POST /v2/orders/subscriptions/resources/to-on-demand/instantly`

use super::change::{self, How, Return};
use super::family::{Held, named};
use super::refusal::Refusal;
use crate::api::caller::{CallerKind, Customer};
use crate::api::error::ApiError;
use crate::api::extract::Json;
use crate::api::policy::Policy;
use crate::api::write::{Answer, Outcome, Write};
use crate::app::App;
use crate::orders::model::By;
use crate::pricing::model::ResourceId;
use crate::values::list::List;
use crate::values::site::Site;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What to turn to pay-per-use now.
#[derive(Deserialize, ToSchema)]
pub struct PeriodToOnDemandInstantlyReq {
    /// The primaries, up to ten; their secondaries go with them.
    #[schema(inline, value_type = Vec<ResourceId>, max_items = 10)]
    resource_ids: List<ResourceId, 10>,
}

/// What came of it.
#[derive(Serialize, ToSchema)]
pub struct UpdatePeriodToOnDemandInstantlyResponse {
    /// Resource by resource.
    to_ondemand_service_results: Vec<ToOndemandServiceResult>,
}

/// What came of it for a resource.
#[derive(Serialize, ToSchema)]
pub struct ToOndemandServiceResult {
    /// The resource.
    #[schema(example = "01978d6a2b3c7d4e8f90a1b2c3d4e5f6")]
    resource_id: String,
    /// `SUCCESS` or `FAIL`.
    #[schema(example = "SUCCESS")]
    result: &'static str,
    /// Why not: the vendor's code.
    #[schema(nullable, example = "CBC.99003012")]
    error_code: Option<&'static str>,
    /// Why not, in words.
    #[schema(nullable, example = "The resource ID does not exist.")]
    error_msg: Option<&'static str>,
    /// The order that gives back what is left of its time.
    #[schema(nullable, example = "CS2603281445NO7AB")]
    order_id: Option<String>,
}

/// Turns resources to pay-per-use now.
///
/// What was used is kept, without a fee; the rest comes back by one order. A resource that cannot be turned holds up no other.
#[utoipa::path(
    post, path = "/v2/orders/subscriptions/resources/to-on-demand/instantly",
    responses((status = 200, description = "What came of it.", body = UpdatePeriodToOnDemandInstantlyResponse)),
    extensions(("x-policy" = json!(
        Policy::callers(&CallerKind::CUSTOMERS).on(Site::Cn).customer_action("billing:subscription:toDemand").writes()
    ))),
)]
pub async fn update_period_to_on_demand_instantly(
    State(app): State<App>,
    customer: Customer,
    write: Write,
    Json(request): Json<PeriodToOnDemandInstantlyReq>,
) -> Result<Answer, ApiError> {
    let (desk, by) = (app.desk(), By { user: Some(customer.user), now: app.now(customer.tenant) });
    let (account, ids) = ((customer.tenant, customer.domain), named(request.resource_ids.as_slice())?);
    write
        .once(async |connection| {
            let held = Held::lock(connection, account, &ids, desk.site).await?;
            let checked: Vec<_> = ids.iter().map(|id| (id, change::check(&held, id, How::ToOnDemand).err())).collect();
            let turned = checked.iter().filter(|(_, refusal)| refusal.is_none()).map(|(id, _)| (*id).clone());
            let wish =
                Return { account, ids: turned.collect(), how: How::ToOnDemand, user_name: customer.user_name.clone() };
            let mut order = String::new();
            if !wish.ids.is_empty() {
                order = change::give_back(connection, &desk, (&wish, &held), by).await?.id;
            }
            let result = |(id, refusal): (&String, Option<Refusal>)| match refusal {
                None => succeeded(id, order.clone()),
                Some(refusal) => failed(id, refusal.words()),
            };
            let results = checked.into_iter().map(result).collect();
            let body = UpdatePeriodToOnDemandInstantlyResponse { to_ondemand_service_results: results };
            Outcome::of(&ids.join(" "), &body)
        })
        .await
}

fn succeeded(id: &str, order_id: String) -> ToOndemandServiceResult {
    ToOndemandServiceResult {
        resource_id: id.to_owned(),
        result: "SUCCESS",
        error_code: None,
        error_msg: None,
        order_id: Some(order_id),
    }
}

fn failed(id: &str, (code, words): (&'static str, &'static str)) -> ToOndemandServiceResult {
    ToOndemandServiceResult {
        resource_id: id.to_owned(),
        result: "FAIL",
        error_code: Some(code),
        error_msg: Some(words),
        order_id: None,
    }
}
