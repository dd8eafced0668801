//! `POST /v2/partners/indirect-partners/query`

use super::model::AccountIdText;
use super::model::ShortText;
use crate::api::caller::{CallerKind, Distributor};
use crate::api::error::ApiError;
use crate::api::extract::Json;
use crate::api::page::{Limit, Offset};
use crate::api::policy::Policy;
use crate::app::App;
use crate::personal::Vault;
use crate::values::id::{DomainId, TenantId};
use crate::values::time::{Instant, optional_instant};
use axum::extract::State;
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use time::{Duration, OffsetDateTime};
use utoipa::ToSchema;

/// Which resellers.
#[derive(Deserialize, ToSchema)]
pub struct QueryIndirectPartnersReq {
    /// The one whose account has this name.
    #[schema(example = "")]
    account_name: Option<ShortText>,
    /// Associated at this instant or later.
    #[serde(default, deserialize_with = "optional_instant")]
    associated_on_begin: Option<Instant>,
    /// Associated at this instant or earlier.
    #[serde(default, deserialize_with = "optional_instant")]
    associated_on_end: Option<Instant>,
    /// How many to skip.
    #[serde(default)]
    offset: Offset,
    /// How many to answer at most.
    #[serde(default)]
    limit: Limit<100>,
    /// This one only.
    indirect_partner_id: Option<AccountIdText>,
}

/// The resellers.
#[derive(Serialize, ToSchema)]
pub struct ListIndirectPartnersResponse {
    /// How many there are in all.
    #[schema(example = 1)]
    count: i64,
    /// The latest first.
    indirect_partners: Vec<IndirectPartnerInfo>,
}

/// A reseller.
#[derive(Serialize, ToSchema)]
pub struct IndirectPartnerInfo {
    /// Its account.
    indirect_partner_id: DomainId,
    /// Its phone.
    #[schema(example = "13800000001")]
    mobile_phone: String,
    /// Its e-mail address.
    #[schema(example = "reseller@example.com")]
    email: String,
    /// Its account's name.
    #[schema(example = "demo-reseller")]
    account_name: String,
    /// Its company's name.
    #[schema(example = "Reseller Ltd")]
    name: String,
    /// Since when it belongs to the distributor.
    associated_on: Instant,
    /// The account of who looks after it.
    #[schema(example = "manager-1")]
    account_manager_id: String,
    /// Their name.
    #[schema(example = "Manager One")]
    account_manager_name: String,
}

/// Lists the distributor's resellers.
///
/// The latest first.
#[utoipa::path(
    post, path = "/v2/partners/indirect-partners/query",
    responses((status = 200, description = "The resellers.", body = ListIndirectPartnersResponse)),
    extensions(("x-policy" = json!(Policy::callers(&[CallerKind::Distributor]).needs("BPC_ITEM_SALES_020100")))),
)]
pub async fn list_indirect_partners(
    State(app): State<App>,
    distributor: Distributor,
    Json(request): Json<QueryIndirectPartnersReq>,
) -> Result<Json<ListIndirectPartnersResponse>, ApiError> {
    let mut connection = app.database.tenant(distributor.tenant).await?;
    let filter = Filter::of(&request);
    let rows = resellers(&mut connection, (distributor.tenant, distributor.domain), &filter).await?;
    let count = i64::try_from(rows.len()).unwrap_or(i64::MAX);
    let page = rows.into_iter().skip(request.offset.get()).take(request.limit.get());
    let indirect_partners = page.map(|row| show(row, &app.vault)).collect();
    Ok(Json(ListIndirectPartnersResponse { count, indirect_partners }))
}

/// Which resellers; what is `None` does not filter.
#[derive(Default)]
pub struct Filter<'a> {
    name: Option<&'a str>,
    begin: Option<OffsetDateTime>,
    end: Option<OffsetDateTime>,
    /// As the request names it.
    id: Option<&'a AccountIdText>,
}

impl<'a> Filter<'a> {
    fn of(request: &'a QueryIndirectPartnersReq) -> Self {
        Self {
            name: request.account_name.as_ref().map(ShortText::as_str).filter(|name| !name.is_empty()),
            begin: request.associated_on_begin.map(|begin| begin.0),
            // The wire has whole seconds: the end means all of its second.
            end: request.associated_on_end.map(|end| end.0.saturating_add(Duration::SECOND)),
            id: AccountIdText::given(request.indirect_partner_id.as_ref()),
        }
    }
}

/// A reseller as it is read.
pub struct Row {
    /// Its account.
    pub id: DomainId,
    /// The account's name.
    pub account_name: String,
    /// Since when it belongs to the distributor.
    pub since: OffsetDateTime,
    /// Its company's name.
    pub name: Option<String>,
    /// The account of who looks after it.
    pub manager_id: Option<String>,
    /// Their name.
    pub manager_name: Option<String>,
    /// Its phone.
    pub sealed_phone: Option<Vec<u8>>,
    /// Its e-mail address.
    pub sealed_email: Option<Vec<u8>>,
}

/// All of them: a distributor has hundreds at most, so that they are counted by reading them.
pub async fn resellers(
    connection: &mut PgConnection,
    (tenant, distributor): (TenantId, DomainId),
    filter: &Filter<'_>,
) -> sqlx::Result<Vec<Row>> {
    let id = filter.id.and_then(AccountIdText::id);
    if filter.id.is_some() && id.is_none() {
        // What is no id names nobody.
        return Ok(Vec::new());
    }
    let rows = sqlx::query_as!(
        Row,
        r#"select d.domain_id as "id: DomainId", d.name as account_name, d.created_at as since, p.name as "name?",
                  p.account_manager_id as "manager_id?", p.account_manager_name as "manager_name?", p.sealed_phone,
                  p.sealed_email
           from domains d
           left join partner_profiles p on p.tenant_id = d.tenant_id and p.domain_id = d.domain_id and p.tenant_id = $1
           where d.tenant_id = $1 and d.parent_id = $2 and d.kind = 'reseller'
             and ($3::text is null or d.name = $3)
             and ($4::timestamptz is null or d.created_at >= $4) and ($5::timestamptz is null or d.created_at < $5)
             and ($6::uuid is null or d.domain_id = $6)
           order by d.created_at desc, d.domain_id desc"#,
        tenant.0,
        distributor.0,
        filter.name,
        filter.begin,
        filter.end,
        id.map(|id| id.0)
    );
    rows.fetch_all(connection).await
}

fn show(row: Row, vault: &Vault) -> IndirectPartnerInfo {
    let open = |sealed: Option<Vec<u8>>| sealed.and_then(|sealed| vault.open(&sealed, row.id)).unwrap_or_default();
    IndirectPartnerInfo {
        indirect_partner_id: row.id,
        mobile_phone: open(row.sealed_phone),
        email: open(row.sealed_email),
        account_name: row.account_name,
        name: row.name.unwrap_or_default(),
        associated_on: Instant(row.since),
        account_manager_id: row.manager_id.unwrap_or_default(),
        account_manager_name: row.manager_name.unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use crate::customers::partners::{self, Profile};
    use crate::testing::TestApp;
    use serde_json::json;
    use sqlx::PgPool;

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn a_distributor_finds_its_resellers_by_each_filter(pool: PgPool) {
        let app = TestApp::new(pool.clone()).await;
        let reseller = app.world.account("demo-reseller");
        let sealed_phone = Some(app.app.vault.seal("13800000009", reseller.domain));
        let profile = Profile { name: "Reseller Ltd".to_owned(), sealed_phone, ..Profile::default() };
        let mut connection = pool.acquire().await.expect("a connection");
        partners::set_profile(&mut connection, reseller.tenant, reseller.domain, &profile).await.expect("written");
        let target = "/v2/partners/indirect-partners/query";
        for (request, count) in [
            (json!({}), 3),
            (json!({"account_name": "demo-reseller", "indirect_partner_id": reseller.domain}), 1),
            (json!({"associated_on_begin": "2001-01-01T00:00:00Z", "associated_on_end": ""}), 3),
            (json!({"account_name": "reseller"}), 0),
            (json!({"indirect_partner_id": "nobody"}), 0),
            (json!({"associated_on_end": "2001-01-01T00:00:00Z"}), 0),
        ] {
            let answer = app.client("demo-distributor").post(target, &request).await.ok();
            assert_eq!(answer["count"], count, "{request}");
            if count == 1 {
                let row = &answer["indirect_partners"][0];
                assert_eq!((&row["name"], &row["mobile_phone"]), (&json!("Reseller Ltd"), &json!("13800000009")));
            }
        }
        assert_eq!(app.client("demo-partner").post(target, &json!({})).await.refusal().1, "CBC.0151");
    }
}
