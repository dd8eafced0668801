//! `GET /v2/partners/sub-customers/budget/records`

use super::budgets::{BudgetType, CURRENCY, RecordType};
use super::model::AccountIdText;
use crate::api::caller::{CallerKind, Partner};
use crate::api::error::ApiError;
use crate::api::extract::{Json, Query};
use crate::api::page::{Limit, Offset};
use crate::api::policy::Policy;
use crate::app::App;
use crate::values::amount::Amount;
use crate::values::id::{DomainId, TenantId};
use crate::values::money::{Currency, MAIN_UNIT};
use crate::values::site::Site;
use crate::values::time::Instant;
use axum::extract::State;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use time::OffsetDateTime;
use utoipa::{IntoParams, ToSchema};

/// Which records.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListSubCustomerBudgetRecordsQuery {
    /// The customer.
    #[param(inline)]
    customer_id: AccountIdText,
    /// For a distributor: the reseller whose customer it is. Ignored for other callers.
    #[param(inline)]
    indirect_partner_id: Option<AccountIdText>,
    /// Only those that say this; empty is refused.
    #[param(inline)]
    operation_type: Option<RecordType>,
    /// Only those of this type; empty is refused.
    #[param(inline)]
    budget_type: Option<BudgetType>,
    /// How many to skip.
    #[param(inline)]
    #[serde(default)]
    offset: Offset,
    /// How many to answer at most.
    #[param(inline)]
    #[serde(default)]
    limit: Limit<100>,
}

/// The records.
#[derive(Serialize, ToSchema)]
pub struct ListSubCustomerBudgetRecordsResponse {
    /// How many there are in all.
    #[schema(example = 1)]
    total_count: i64,
    /// The unit of the amounts: 1, the dollar.
    #[schema(example = 1)]
    measure_id: i32,
    /// The currency.
    currency: Currency,
    /// The latest first.
    record_list: Vec<BudgetRecordInfo>,
}

/// A record.
#[derive(Serialize, ToSchema)]
pub struct BudgetRecordInfo {
    /// How much the budget was.
    budget_amount: Amount,
    /// What happened to it.
    operation_type: RecordType,
    /// When.
    operation_time: Instant,
    /// The user who did it, or `system`.
    #[schema(example = "demo-partner")]
    operator: String,
    /// How long it lasted.
    budget_type: BudgetType,
    /// The partner's company.
    #[schema(example = "Demo Ltd")]
    partner_corp_name: String,
    /// The partner's account.
    #[schema(example = "demo-partner")]
    partner_account_name: String,
}

/// Lists how the budget of a resale customer was set.
///
/// The latest first.
#[utoipa::path(
    get, path = "/v2/partners/sub-customers/budget/records",
    params(ListSubCustomerBudgetRecordsQuery),
    responses((status = 200, description = "The records.", body = ListSubCustomerBudgetRecordsResponse)),
    extensions(("x-policy" = json!(Policy::callers(&CallerKind::PARTNERS).on(Site::Intl)))),
)]
pub async fn list_sub_customer_budget_records(
    State(app): State<App>,
    partner: Partner,
    Query(query): Query<ListSubCustomerBudgetRecordsQuery>,
) -> Result<Json<ListSubCustomerBudgetRecordsResponse>, ApiError> {
    let owner = app.customers.acting_partner(&partner, query.indirect_partner_id.as_ref()).await?;
    let customer = app.customers.of_partner(partner.tenant, owner, &query.customer_id).await?;
    let mut connection = app.database.tenant(partner.tenant).await?;
    let rows = records(&mut connection, (partner.tenant, owner, customer.id), &query).await?;
    let total_count = i64::try_from(rows.len()).unwrap_or(i64::MAX);
    let page = rows.into_iter().skip(query.offset.get()).take(query.limit.get());
    let record_list = page
        .map(|row| BudgetRecordInfo {
            budget_amount: row.amount.into(),
            operation_type: row.operation_type,
            operation_time: Instant(row.happened_at),
            operator: row.operator,
            budget_type: row.budget_type,
            partner_corp_name: row.corp_name.unwrap_or_default(),
            partner_account_name: row.account_name,
        })
        .collect();
    let (measure_id, currency) = (MAIN_UNIT, CURRENCY);
    Ok(Json(ListSubCustomerBudgetRecordsResponse { total_count, measure_id, currency, record_list }))
}

struct Row {
    amount: Decimal,
    operation_type: RecordType,
    happened_at: OffsetDateTime,
    operator: String,
    budget_type: BudgetType,
    corp_name: Option<String>,
    account_name: String,
}

/// All of them: people set a budget, so there are some dozens.
async fn records(
    connection: &mut PgConnection,
    (tenant, partner, customer): (TenantId, DomainId, DomainId),
    query: &ListSubCustomerBudgetRecordsQuery,
) -> sqlx::Result<Vec<Row>> {
    let rows = sqlx::query_as!(
        Row,
        r#"select r.amount, r.operation_type as "operation_type: RecordType", r.happened_at, r.operator,
                  r.budget_type as "budget_type: BudgetType", p.name as "corp_name?", d.name as account_name
           from budget_records r
           join domains d on d.tenant_id = r.tenant_id and d.domain_id = r.partner_id
           left join partner_profiles p on p.tenant_id = r.tenant_id and p.domain_id = r.partner_id and p.tenant_id = $1
           where r.tenant_id = $1 and d.tenant_id = $1 and r.customer_id = $2 and r.partner_id = $3
             and ($4::text is null or r.operation_type = $4) and ($5::text is null or r.budget_type = $5)
           order by r.happened_at desc, r.record_id desc"#,
        tenant.0,
        customer.0,
        partner.0,
        query.operation_type as _,
        query.budget_type as _
    );
    rows.fetch_all(connection).await
}
