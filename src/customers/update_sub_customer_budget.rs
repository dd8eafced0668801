//! `POST /v2/partners/sub-customers/budget`

use super::budgets::{self, BudgetType, FrozenOperateType, Setting};
use super::model::Frozen;
use super::model::{AccountIdText, AssociationType};
use super::refusal::Unrelated;
use super::{freezing, store};
use crate::api::caller::{CallerKind, Partner};
use crate::api::error::ApiError;
use crate::api::extract::Json;
use crate::api::policy::Policy;
use crate::api::write::{Answer, Begun, Write};
use crate::app::App;
use crate::values::amount::PositiveAmount;
use crate::values::site::Site;
use axum::extract::State;
use rust_decimal::Decimal;
use serde::Deserialize;
use utoipa::ToSchema;

/// A budget.
#[derive(Deserialize, ToSchema)]
pub struct ModSubCustomerBudgetReq {
    /// The customer.
    customer_id: AccountIdText,
    /// How much, in dollars: above 0, at most 2147483647, at most 2 decimals.
    budget_amount: PositiveAmount,
    /// `1`: unfreeze the customer too. `0` unless given.
    cancel_partner_frozen: Option<Unfreezes>,
    /// For a distributor: the reseller whose customer it is. Ignored for other callers.
    indirect_partner_id: Option<AccountIdText>,
    /// How long it lasts; a month unless given.
    budget_type: Option<BudgetType>,
    /// 1: the customer is frozen when it is exhausted; 0: it is not. Absent: as before, at first 0.
    frozen_operate_type: Option<FrozenOperateType>,
}

/// Whether the customer is unfrozen too.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
pub enum Unfreezes {
    /// It stays as it is.
    #[serde(rename = "0")]
    No,
    /// It is.
    #[serde(rename = "1")]
    Yes,
}

/// Largest budget.
const AMOUNT_MAX: Decimal = Decimal::from_parts(2_147_483_647, 0, 0, false, 0);

/// Sets the budget of a resale customer.
///
/// What is used of it stays used, unless the budget's type changes.
#[utoipa::path(
    post, path = "/v2/partners/sub-customers/budget",
    responses((status = 204, description = "It is set.")),
    extensions(("x-policy" = json!(
        Policy::callers(&CallerKind::PARTNERS)
            .on(Site::Intl)
            .needs("BPC_ITEM_SUBCUSTSERV_010111")
            .needs("BPC_ITEM_SUBCUSTSERV_010503")
            .writes()
    ))),
)]
pub async fn update_sub_customer_budget(
    State(app): State<App>,
    partner: Partner,
    write: Write,
    Json(request): Json<ModSubCustomerBudgetReq>,
) -> Result<Answer, ApiError> {
    let amount = request.budget_amount.get();
    if amount.decimal() > AMOUNT_MAX {
        return Err(ApiError::parameter("budget_amount", format_args!("must be at most {AMOUNT_MAX}")));
    }
    let owner = app.customers.acting_partner(&partner, request.indirect_partner_id.as_ref()).await?;
    let customer = app.customers.of_partner(partner.tenant, owner, &request.customer_id).await?;
    customer.require_resale()?;
    let setting = Setting {
        amount,
        budget_type: request.budget_type.unwrap_or_default(),
        freezes: request.frozen_operate_type.map(|kind| kind == FrozenOperateType::Automatic),
    };
    let now = app.now(partner.tenant);
    match write.begin().await? {
        Begun::Done(answer) => Ok(answer),
        Begun::New(mut transaction) => {
            let connection = transaction.connection();
            let at = (partner.tenant, customer.id);
            let state = store::lock(connection, at.0, at.1).await?;
            // It may have become another's meanwhile.
            let state =
                state.filter(|state| state.partner == Some(owner) && state.kind == Some(AssociationType::Resale));
            let frozen = state.ok_or(Unrelated::NotACustomer)?.frozen;
            budgets::set(connection, (at.0, owner, customer.id), &setting, &partner.user_name, now).await?;
            if request.cancel_partner_frozen == Some(Unfreezes::Yes) && frozen != Frozen::No {
                let why = ("A budget was set.", Some(partner.user));
                freezing::set(connection, at, Frozen::No, why, now).await?;
            }
            transaction.finish_empty(&customer.id.to_string()).await
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::TestApp;
    use serde_json::{Value, json};
    use sqlx::PgPool;

    const TARGET: &str = "/v2/partners/sub-customers/budget";

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn a_budget_is_set_shown_listed_and_recorded(pool: PgPool) {
        let app = TestApp::new(pool).await;
        let (partner, customer) = (app.client("demo-partner"), app.client("demo-customer"));
        let id = app.world.account("demo-customer").domain;
        let get = async |target: &str| -> Value { partner.get(target).await.ok() };
        let show = format!("{TARGET}?customer_id={id}");
        assert_eq!(get(&show).await["budget_amount"], 0);
        let freeze = json!({"customer_ids": [id], "reason": "first"});
        partner.post("/v2/partners/sub-customers/freeze", &freeze).await.ok();
        let request = json!({"customer_id": id, "budget_amount": "200.50", "cancel_partner_frozen": "1"});
        assert_eq!(partner.post(TARGET, &request).await.status.as_u16(), 204);
        assert_eq!(
            get(&show).await,
            json!({"budget_amount": 200.5, "used_amount": 0, "measure_id": 1, "currency": "USD", "budget_type": "MONTHLY"})
        );
        let list = partner.post("/v2/partners/sub-customers/query", &json!({"customer_id": id})).await.ok();
        assert_eq!(list["customer_infos"][0]["is_frozen"], 0);
        let own = customer.get("/v2/accounts/customer-accounts/expenditure-quota").await.ok();
        assert_eq!(own["granting_amount"], 200.5);
        assert_eq!(own["percentage_granting_amount_used"], 0);

        let referral = app.world.account("referral-customer").domain;
        let several = json!({"customer_ids": [id, referral, "nobody"]});
        let batch = partner.post("/v2/partners/sub-customers/budget/query", &several).await.ok();
        assert_eq!(
            batch["budget_infos"],
            json!([{"customer_id": id, "budget_amount": 200.5, "used_amount": 0, "budget_type": "MONTHLY"}])
        );
        let package = json!({"customer_id": id, "budget_amount": 7, "budget_type": "PACKAGE"});
        assert_eq!(partner.post(TARGET, &package).await.status.as_u16(), 204);
        let records = format!("/v2/partners/sub-customers/budget/records?customer_id={id}");
        let all = get(&records).await;
        assert_eq!((&all["total_count"], &all["record_list"][0]["budget_amount"]), (&json!(2), &json!(7)));
        assert_eq!(all["record_list"][1]["operator"], "demo-partner");
        assert_eq!(get(&format!("{records}&budget_type=PACKAGE")).await["total_count"], 1);
        assert_eq!(get(&format!("{records}&operation_type=DELETE")).await["total_count"], 0);
        assert!(partner.get(&format!("{records}&operation_type=")).await.refusal().2.contains("operation_type"));

        for (field, value, code) in [
            ("budget_amount", json!(0), "CBC.0100"),
            ("budget_amount", json!(2_147_483_648_i64), "CBC.0100"),
            ("budget_amount", json!("1.001"), "CBC.0100"),
            ("cancel_partner_frozen", json!("2"), "CBC.0100"),
            ("budget_type", json!("YEARLY"), "CBC.0100"),
            ("frozen_operate_type", json!(2), "CBC.0100"),
            ("customer_id", json!(referral), "CBC.99000000"),
            ("customer_id", json!("nobody"), "CBC.99000035"),
        ] {
            let mut request = request.clone();
            request[field] = value;
            let answer = partner.post(TARGET, &request).await;
            assert_eq!((answer.refusal().0, answer.refusal().1), (400, code), "{request}");
        }
        let other = app.client("other-partner").get(&show).await;
        assert_eq!(other.refusal().1, "CBC.99000035");
    }
}
