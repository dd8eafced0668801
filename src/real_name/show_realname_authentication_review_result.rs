//! `GET /v2/customers/realname-auths/result`

use super::store;
use crate::api::caller::{CallerKind, Partner};
use crate::api::error::ApiError;
use crate::api::extract::{Json, Query};
use crate::api::policy::Policy;
use crate::app::App;
use crate::customers::model::AccountIdText;
use crate::customers::refusal::LookUpError;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Whose result.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ShowRealnameAuthenticationReviewResultQuery {
    /// The customer.
    #[param(inline)]
    customer_id: AccountIdText,
}

/// The result of the last application.
#[derive(Serialize, ToSchema)]
pub struct ShowRealnameAuthenticationReviewResultResponse {
    /// 0 under review, 1 refused, 2 passed. Absent if there was no application.
    #[schema(example = 2)]
    #[serde(skip_serializing_if = "Option::is_none")]
    review_result: Option<i16>,
    /// Why it was refused.
    #[schema(example = "The picture cannot be read.")]
    #[serde(skip_serializing_if = "Option::is_none")]
    opinion: Option<String>,
}

/// Shows the result of a customer's last real-name authentication.
///
/// An account that is not a customer of the partner is answered with 200 and `CBC.5002`, as the vendor does.
#[utoipa::path(
    get, path = "/v2/customers/realname-auths/result",
    params(ShowRealnameAuthenticationReviewResultQuery),
    responses((status = 200, description = "The result.", body = ShowRealnameAuthenticationReviewResultResponse)),
    extensions(("x-policy" = json!(Policy::callers(&CallerKind::PARTNERS).needs("BPC_ITEM_SUBCUSTSERV_010119")))),
)]
pub async fn show_realname_authentication_review_result(
    State(app): State<App>,
    partner: Partner,
    Query(query): Query<ShowRealnameAuthenticationReviewResultQuery>,
) -> Result<Json<ShowRealnameAuthenticationReviewResultResponse>, ApiError> {
    let customer = match app.customers.in_tree(&partner, &query.customer_id).await {
        Ok(customer) => customer,
        Err(LookUpError::Unrelated(_)) => return Err(no_such_customer()),
        Err(LookUpError::Failed(error)) => return Err(error),
    };
    let mut connection = app.database.tenant(partner.tenant).await?;
    let last = store::last_result(&mut connection, partner.tenant, customer.id).await?;
    let (review_result, opinion) = last.map_or((None, None), |(status, opinion)| (Some(status), Some(opinion)));
    let opinion = opinion.filter(|opinion| !opinion.is_empty());
    Ok(Json(ShowRealnameAuthenticationReviewResultResponse { review_result, opinion }))
}

fn no_such_customer() -> ApiError {
    ApiError::bss(StatusCode::OK, "CBC.5002", "The customer of the partner does not exist.")
}

#[cfg(test)]
mod tests {
    use crate::testing::TestApp;
    use sqlx::PgPool;

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn nobodys_customer_is_told_so_with_200_and_a_resellers_is_its_distributors(pool: PgPool) {
        let app = TestApp::new(pool).await;
        let id = app.world.account("reseller-customer").domain;
        let target = format!("/v2/customers/realname-auths/result?customer_id={id}");
        let answer = app.client("demo-partner").get(&target).await;
        assert_eq!((answer.refusal().0, answer.refusal().1), (200, "CBC.5002"));
        assert_eq!(app.client("demo-distributor").get(&target).await.ok(), serde_json::json!({}));
    }
}
