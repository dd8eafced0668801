//! `POST /partner/v1/orders/{order_id}/ask`

use super::orders::{OfOrder, OrderOfCustomer};
use crate::api::caller::{CallerKind, Customer};
use crate::api::error::ApiError;
use crate::api::extract::Path;
use crate::api::policy::Policy;
use crate::api::write::{Answer, Outcome, Write};
use crate::app::App;
use crate::orders::model::By;
use crate::orders::{agent_payment, cancel};
use axum::extract::State;

/// Asks the partner to pay an order.
///
/// For a customer: its order waits for its partner from then on, and it cannot pay it itself (`CBC.99003106`) unless the partner
/// refuses. It can still cancel it, which ends the asking, and the deadline stays as it was.
#[utoipa::path(
    post, path = "/partner/v1/orders/{order_id}/ask",
    params(OfOrder),
    responses((status = 200, description = "The order.", body = OrderOfCustomer)),
    extensions(("x-policy" = json!(Policy::callers(&CallerKind::CUSTOMERS).customer_action("bss:order:pay").writes()))),
)]
pub async fn ask_partner_to_pay(
    State(app): State<App>,
    customer: Customer,
    write: Write,
    Path(OfOrder { order_id }): Path<OfOrder>,
) -> Result<Answer, ApiError> {
    let (account, id) = ((customer.tenant, customer.domain), order_id.id());
    let by = By { user: Some(customer.user), now: app.now(customer.tenant) };
    write
        .once(async |connection| {
            let (order, state) = cancel::lock(connection, account, &id).await?;
            let order = agent_payment::ask(connection, (order, &state), by).await?;
            Outcome::of(&id, &OrderOfCustomer::of(&order))
        })
        .await
}
