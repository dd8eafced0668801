//! `POST /v2/partners/sub-customers/freeze`

use super::freezing::{self, Change, CustomerErrorDetail, FreezeType, Reason};
use super::model::AccountIdText;
use crate::api::caller::{CallerKind, Partner};
use crate::api::error::ApiError;
use crate::api::extract::Json;
use crate::api::policy::Policy;
use crate::api::write::{Answer, Begun, Write};
use crate::app::App;
use crate::values::site::Site;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Whom to freeze.
#[derive(Deserialize, ToSchema)]
pub struct FreezeSubCustomersReq {
    /// The customers, 1 to 10.
    #[schema(min_items = 1, max_items = 10)]
    customer_ids: Vec<AccountIdText>,
    /// Why.
    reason: Reason,
    /// For a distributor: the reseller whose customers they are. Ignored for other callers.
    indirect_partner_id: Option<AccountIdText>,
    /// What of them; the account unless given.
    freeze_type: Option<FreezeType>,
}

/// Which customers were left as they are.
#[derive(Serialize, ToSchema)]
pub struct FreezeSubCustomersResponse {
    /// Each customer that could not be frozen, and why. Absent if there is none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    error_details: Vec<CustomerErrorDetail>,
}

/// Freezes resale customers: they can no longer buy, renew or change anything.
///
/// An account that is not a resale customer of the partner is left as it is and reported. If that is
/// so for all, the request is refused.
#[utoipa::path(
    post, path = "/v2/partners/sub-customers/freeze",
    responses((status = 200, description = "Who was left.", body = FreezeSubCustomersResponse)),
    extensions(("x-policy" = json!(
        Policy::callers(&CallerKind::PARTNERS)
            .on(Site::Intl)
            .needs("BPC_ITEM_SUBCUSTSERV_010501")
            .needs("BPC_ITEM_SUBCUSTSERV_010115")
            .writes()
    ))),
)]
pub async fn freeze_sub_customers(
    State(app): State<App>,
    partner: Partner,
    write: Write,
    Json(request): Json<FreezeSubCustomersReq>,
) -> Result<Answer, ApiError> {
    freezing::check_count(&request.customer_ids)?;
    let owner = app.customers.acting_partner(&partner, request.indirect_partner_id.as_ref()).await?;
    let now = app.now(partner.tenant);
    match write.begin().await? {
        Begun::Done(answer) => Ok(answer),
        Begun::New(mut transaction) => {
            let change = Change::Freeze(request.freeze_type.unwrap_or_default());
            let what = (change, &request.reason);
            let error_details = freezing::change(&mut transaction, owner, &request.customer_ids, what, now).await?;
            transaction.finish("", &FreezeSubCustomersResponse { error_details }).await
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::TestApp;
    use serde_json::{Value, json};
    use sqlx::PgPool;

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn who_can_be_frozen_is_and_the_others_are_reported(pool: PgPool) {
        let app = TestApp::new(pool).await;
        let partner = app.client("demo-partner");
        let id = |account: &str| app.world.account(account).domain;
        let send = async |verb: &str, kind: &str, ids: Value| {
            let request = json!({"customer_ids": ids, "reason": "Arrears", (format!("{verb}_type")): kind});
            partner.post(&format!("/v2/partners/sub-customers/{verb}"), &request).await
        };
        let frozen = async || -> Value {
            let request = json!({"account_name": "demo-customer"});
            let list = partner.post("/v2/partners/sub-customers/query", &request).await.ok();
            list["customer_infos"][0]["is_frozen"].clone()
        };
        let mixed = json!([id("demo-customer"), id("referral-customer"), id("reseller-customer"), "nobody"]);
        let answer = send("freeze", "ACCOUNT", mixed).await.ok();
        let details = answer["error_details"].as_array().expect("a list").iter();
        let codes: Vec<&str> = details.map(|detail| detail["error_code"].as_str().expect("a text")).collect();
        assert_eq!(codes, ["CBC.99000000", "CBC.99000035", "CBC.99000035"]);
        assert_eq!(frozen().await, 1);
        let own = json!([id("demo-customer")]);
        assert_eq!(send("freeze", "ACCOUNT_AND_RESOURCE", own.clone()).await.ok(), json!({}));
        assert_eq!(frozen().await, 2);
        assert_eq!(send("unfreeze", "ACCOUNT", own.clone()).await.refusal().1, "CBC.0150");
        assert_eq!(send("unfreeze", "ACCOUNT_AND_RESOURCE", own).await.ok(), json!({}));
        assert_eq!(frozen().await, 0);
        assert_eq!(send("freeze", "ACCOUNT", json!(["nobody"])).await.refusal().1, "CBC.99000035");
        for ids in [json!([]), json!(vec!["x"; 11])] {
            assert_eq!(send("freeze", "ACCOUNT", ids).await.refusal().1, "CBC.0100");
        }
        assert!(send("freeze", "ALL", json!(["x"])).await.refusal().2.contains("freeze_type"));
    }
}
