//! `POST /v2/partners/sub-customers/query`

use super::list::{self, Filter, Row};
use super::model::{self, CustomerType, Frozen, NamePart, VerifiedStatus};
use super::model::{AccountIdText, AssociationType};
use crate::api::caller::{CallerKind, Partner};
use crate::api::error::ApiError;
use crate::api::extract::Json;
use crate::api::page::{Limit, Offset};
use crate::api::policy::Policy;
use crate::app::App;
use crate::personal::Vault;
use crate::values::id::DomainId;
use crate::values::site::Site;
use crate::values::time::Instant;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use time::Duration;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// Which customers.
#[derive(Deserialize, ToSchema)]
pub struct QuerySubCustomerListReq {
    /// A part of the account's name, in any case.
    account_name: Option<NamePart>,
    /// A part of the verified name, in any case.
    customer: Option<NamePart>,
    /// How many to skip.
    #[serde(default)]
    offset: Offset,
    /// How many to answer at most.
    #[serde(default)]
    limit: Limit<100>,
    /// A part of the label.
    label: Option<NamePart>,
    /// How they are associated.
    association_type: Option<AssociationTypeText>,
    /// Associated at this instant or later.
    associated_on_begin: Option<Instant>,
    /// Associated at this instant or earlier.
    associated_on_end: Option<Instant>,
    /// This customer only.
    #[schema(example = "")]
    customer_id: Option<AccountIdText>,
    /// For a distributor: the reseller whose customers to list. Ignored for other callers.
    indirect_partner_id: Option<AccountIdText>,
}

/// How a customer is associated, as a filter.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum AssociationTypeText {
    /// No filter.
    #[serde(rename = "")]
    Any,
    /// Referral.
    #[serde(rename = "1")]
    Referral,
    /// Resale.
    #[serde(rename = "2")]
    Resale,
    /// Resale, as the international site calls it.
    #[serde(rename = "3")]
    InternationalResale,
}

// Derived, the empty text would be published by its variant's name.
impl PartialSchema for AssociationTypeText {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().schema_type(Type::String).enum_values(Some(["", "1", "2", "3"])).into()
    }
}

impl ToSchema for AssociationTypeText {}

/// The customers.
#[derive(Serialize, ToSchema)]
pub struct ListSubCustomersResponse {
    /// The latest first.
    customer_infos: Vec<CustomerInformation>,
    /// How many there are in all.
    #[schema(example = 1)]
    count: i64,
}

/// A customer.
#[derive(Serialize, ToSchema)]
pub struct CustomerInformation {
    /// Its verified name.
    #[schema(example = "Demo Ltd")]
    customer: String,
    /// Its account's name.
    #[schema(example = "demo-customer")]
    account_name: String,
    /// Its account.
    customer_id: DomainId,
    /// Since when it is associated.
    associated_on: Instant,
    /// 1 referral, 2 resale; 3 for resale on the international site.
    #[schema(example = "2")]
    association_type: &'static str,
    /// A label.
    #[schema(example = "")]
    label: String,
    /// Its phone.
    #[schema(example = "13800000001")]
    telephone: String,
    /// How far its real-name authentication is: -1 none, 0 under review, 1 refused, 2 verified.
    #[schema(example = "-1")]
    verified_status: String,
    /// The phone's country.
    #[schema(example = "0086")]
    country_code: String,
    /// What it is: -1 not known yet, 0 a person, 1 a company.
    customer_type: CustomerType,
    /// What of it is frozen: 0 nothing, 1 the account, 2 the account and its resources.
    is_frozen: Frozen,
    /// Who looks after it: one at most.
    account_managers: Vec<AccountManager>,
    /// Its id on the partner's platform.
    #[schema(example = "user-4711")]
    xaccount_id: String,
    /// That platform.
    #[schema(example = "DEMO_PARTNER")]
    xaccount_type: String,
    /// Its level, V0 to V5.
    #[schema(example = "V0")]
    customer_level: String,
    /// Its e-mail address.
    #[schema(example = "")]
    email: String,
}

/// Who looks after a customer.
#[derive(Serialize, ToSchema)]
pub struct AccountManager {
    /// Their account.
    #[schema(example = "manager-1")]
    account_name: String,
}

/// Lists the customers of the partner, or of one of its resellers.
///
/// The latest association first. A customer whose association is still to be made is not among them.
#[utoipa::path(
    post, path = "/v2/partners/sub-customers/query",
    responses((status = 200, description = "The customers.", body = ListSubCustomersResponse)),
    extensions(("x-policy" = json!(
        Policy::callers(&CallerKind::PARTNERS).needs("BPC_ITEM_SUBCUSTSERV_010100").needs("BPC_ITEM_SUBCUSTSERV_010500")
    ))),
)]
pub async fn list_sub_customers(
    State(app): State<App>,
    partner: Partner,
    Json(request): Json<QuerySubCustomerListReq>,
) -> Result<Json<ListSubCustomersResponse>, ApiError> {
    let owner = app.customers.acting_partner(&partner, request.indirect_partner_id.as_ref()).await?;
    let filter = filter(&request);
    let part = (request.offset.get(), request.limit.get());
    let mut connection = app.database.tenant(partner.tenant).await?;
    let (rows, count) = list::page(&mut connection, &app.vault, (partner.tenant, owner), &filter, part).await?;
    let site = app.settings.api.site;
    let customer_infos = rows.into_iter().map(|row| show(row, &app.vault, site)).collect();
    Ok(Json(ListSubCustomersResponse { customer_infos, count }))
}

fn filter(request: &QuerySubCustomerListReq) -> Filter {
    let given =
        |part: &Option<NamePart>| part.as_ref().map(|part| part.as_str().to_owned()).filter(|part| !part.is_empty());
    Filter {
        account_name: given(&request.account_name),
        verified_name: given(&request.customer),
        label: given(&request.label),
        kind: request.association_type.and_then(|kind| match kind {
            AssociationTypeText::Any => None,
            AssociationTypeText::Referral => Some(AssociationType::Referral),
            AssociationTypeText::Resale | AssociationTypeText::InternationalResale => Some(AssociationType::Resale),
        }),
        begin: request.associated_on_begin.map(|begin| begin.0),
        // The wire has whole seconds: the end means all of its second.
        end: request.associated_on_end.map(|end| end.0.saturating_add(Duration::SECOND)),
        ids: AccountIdText::given(request.customer_id.as_ref()).map(|named| named.id().into_iter().collect()),
    }
}

fn show(row: Row, vault: &Vault, site: Site) -> CustomerInformation {
    let open = |sealed: Option<Vec<u8>>| sealed.and_then(|sealed| vault.open(&sealed, row.id)).unwrap_or_default();
    CustomerInformation {
        customer: open(row.sealed_name),
        account_name: row.name,
        customer_id: row.id,
        associated_on: Instant(row.associated_at),
        association_type: model::association_type(row.kind, row.international || site == Site::Intl),
        label: row.label,
        telephone: open(row.sealed_phone),
        verified_status: verified_status(row.verified),
        country_code: row.country_code.unwrap_or_default(),
        customer_type: row.customer_type,
        is_frozen: row.frozen,
        account_managers: row.account_manager.into_iter().map(|account_name| AccountManager { account_name }).collect(),
        xaccount_id: row.xaccount_id.unwrap_or_default(),
        xaccount_type: row.xaccount_type.unwrap_or_default(),
        customer_level: row.level,
        email: open(row.sealed_email),
    }
}

fn verified_status(status: VerifiedStatus) -> String {
    (status as i16).to_string()
}

#[cfg(test)]
mod tests {
    use crate::testing::TestApp;
    use serde_json::{Value, json};
    use sqlx::PgPool;

    const TARGET: &str = "/v2/partners/sub-customers/query";

    async fn names(app: &TestApp, request: Value) -> (Vec<String>, i64) {
        let answer = app.client("demo-partner").post(TARGET, &request).await.ok();
        let rows = answer["customer_infos"].as_array().expect("a list").iter();
        let names = rows.map(|row| row["account_name"].as_str().expect("a text").to_owned()).collect();
        (names, answer["count"].as_i64().expect("a number"))
    }

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn each_filter_finds_its_customers(pool: PgPool) {
        let app = TestApp::new(pool.clone()).await;
        let customer = app.world.account("demo-customer");
        let (tenant, id) = (customer.tenant, customer.domain);
        sqlx::query("update customers set label = 'Gold', sealed_name = $2, name_grams = $3 where domain_id = $1")
            .bind(id.0)
            .bind(app.app.vault.seal("Demo 有限公司", id))
            .bind(app.app.vault.name_grams(tenant, "Demo 有限公司"))
            .execute(&pool)
            .await
            .expect("it is written");
        let both = vec!["referral-customer".to_owned(), "demo-customer".to_owned()];
        assert_eq!(names(&app, json!({})).await, (both.clone(), 2));
        assert_eq!(names(&app, json!({"limit": 1, "offset": 1})).await, (both[1..].to_vec(), 2));
        assert_eq!(names(&app, json!({"offset": 2})).await, (vec![], 2));
        let demo = (both[1..].to_vec(), 1);
        for request in [
            json!({"account_name": "EMO-cust"}),
            json!({"customer": "有限"}),
            json!({"customer": "demo 有"}),
            json!({"label": "Gol"}),
            json!({"association_type": "2"}),
            json!({"association_type": "3"}),
            json!({"customer_id": id}),
        ] {
            assert_eq!(names(&app, request.clone()).await, demo, "{request}");
        }
        for request in [
            json!({"account_name": "nobody"}),
            json!({"customer": "限有"}),
            json!({"label": "gold"}),
            json!({"associated_on_begin": "2999-01-01T00:00:00Z"}),
            json!({"associated_on_end": "2001-01-01T00:00:00Z"}),
            json!({"customer_id": "nobody"}),
        ] {
            assert_eq!(names(&app, request.clone()).await, (vec![], 0), "{request}");
        }
        let all = json!({"associated_on_begin": "2001-01-01T00:00:00Z", "associated_on_end": "2999-01-01T00:00:00Z",
                         "account_name": "", "customer": null, "association_type": ""});
        assert_eq!(names(&app, all).await, (both, 2));
        for (request, field) in [
            (json!({"associated_on_begin": ""}), "associated_on_begin"),
            (json!({"association_type": "4"}), "association_type"),
            (json!({"limit": 101}), "limit"),
        ] {
            let answer = app.client("demo-partner").post(TARGET, &request).await;
            assert!(answer.refusal().1 == "CBC.0100" && answer.refusal().2.contains(field), "{}", answer.body);
        }
    }

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn every_page_of_many_is_found_also_where_customers_have_left(pool: PgPool) {
        let app = TestApp::new(pool.clone()).await;
        let partner = app.world.demo().domain;
        crate::testing::many_customers(&pool, partner, 3500).await;
        sqlx::query(
            "with gone as (update customers set partner_id = null, association_type = null, associated_at = null,
                                                number = null
                           where partner_id = $1 and number % 3 = 0 returning 1)
             select count(*) from gone",
        )
        .bind(partner.0)
        .execute(&pool)
        .await
        .expect("they leave");
        crate::testing::recount_customers(&pool).await;
        let expected: Vec<String> = sqlx::query_scalar(
            "select d.name from customers c join domains d using (tenant_id, domain_id)
             where c.partner_id = $1 order by c.number desc",
        )
        .bind(partner.0)
        .fetch_all(&pool)
        .await
        .expect("they are read");
        for offset in [0, 990, 1000, 1001, 1990, 2000, 2300, expected.len() - 1, expected.len(), 10_000] {
            let (found, total) = names(&app, json!({"offset": offset, "limit": 100})).await;
            assert_eq!(total, i64::try_from(expected.len()).expect("it is small"));
            let wanted: Vec<String> = expected.iter().skip(offset).take(100).cloned().collect();
            assert_eq!(found, wanted, "offset {offset}");
        }
    }
}
