//! `POST /v2/partners/sub-customers/new-customers-tags/batch-query`

use super::list::{self, Filter, Row};
use super::model::AccountIdText;
use crate::api::caller::{CallerKind, Partner};
use crate::api::error::ApiError;
use crate::api::extract::Json;
use crate::api::page::{Limit, Offset};
use crate::api::policy::Policy;
use crate::app::App;
use crate::values::id::DomainId;
use crate::values::site::Site;
use crate::values::time::Day;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use time::Date;
use utoipa::ToSchema;

/// Whose tags.
#[derive(Deserialize, ToSchema)]
pub struct ListSubCustomerNewTagReq {
    /// These customers; absent or empty: all.
    customer_ids: Option<Vec<AccountIdText>>,
    /// How many to skip.
    #[serde(default)]
    offset: Offset,
    /// How many to answer at most.
    #[serde(default)]
    limit: Limit<100>,
    /// For a distributor: the reseller whose customers they are. Ignored for other callers.
    indirect_partner_id: Option<AccountIdText>,
}

/// The tags.
#[derive(Serialize, ToSchema)]
pub struct ListSubCustomerNewTagResponse {
    /// The customers of the partner among those asked for, the latest first.
    new_customer_tags: Vec<NewCustomerTagItem>,
}

/// Whether a customer counts as new.
#[derive(Serialize, ToSchema)]
pub struct NewCustomerTagItem {
    /// Its account.
    customer_id: DomainId,
    /// `SMB`, the only kind of tag.
    #[schema(example = "SMB")]
    customer_tag_type: &'static str,
    /// `Y` new, `N` not new, `UNDETERMINED` can still become it; empty before real-name authentication.
    #[schema(example = "UNDETERMINED")]
    new_customer_tag: String,
    /// From which month, `YYYY-MM`.
    #[schema(example = "2026-01")]
    effective_time: String,
    /// Up to which month, `YYYY-MM`.
    #[schema(example = "2026-12")]
    expire_time: String,
}

/// Lists whether customers count as new.
///
/// An account that is not a customer of the partner is left out.
#[utoipa::path(
    post, path = "/v2/partners/sub-customers/new-customers-tags/batch-query",
    responses((status = 200, description = "The tags.", body = ListSubCustomerNewTagResponse)),
    extensions(("x-policy" = json!(
        Policy::callers(&CallerKind::PARTNERS).on(Site::Cn).needs("BPC_ITEM_SUBCUSTSERV_010100")
    ))),
)]
pub async fn list_sub_customer_new_tag(
    State(app): State<App>,
    partner: Partner,
    Json(request): Json<ListSubCustomerNewTagReq>,
) -> Result<Json<ListSubCustomerNewTagResponse>, ApiError> {
    let owner = app.customers.acting_partner(&partner, request.indirect_partner_id.as_ref()).await?;
    let named = request.customer_ids.filter(|ids| !ids.is_empty());
    let ids = named.map(|ids| ids.iter().filter_map(AccountIdText::id).collect());
    let filter = Filter { ids, ..Filter::default() };
    let part = (request.offset.get(), request.limit.get());
    let mut connection = app.database.tenant(partner.tenant).await?;
    let (rows, _) = list::page(&mut connection, &app.vault, (partner.tenant, owner), &filter, part).await?;
    let today = Day::of(app.now(partner.tenant)).0;
    let new_customer_tags = rows.into_iter().map(|row| show(row, today)).collect();
    Ok(Json(ListSubCustomerNewTagResponse { new_customer_tags }))
}

/// A tag whose months are over says "not new".
fn show(row: Row, today: Date) -> NewCustomerTagItem {
    let month = |day: Option<Date>| {
        day.map(|day| format!("{:04}-{:02}", day.year(), u8::from(day.month()))).unwrap_or_default()
    };
    let is_over = row
        .new_tag_until
        .is_some_and(|until| (until.year(), until.month() as u8) < (today.year(), today.month() as u8));
    NewCustomerTagItem {
        customer_id: row.id,
        customer_tag_type: "SMB",
        new_customer_tag: if is_over { "N".to_owned() } else { row.new_tag.unwrap_or_default() },
        effective_time: month(row.new_tag_from),
        expire_time: month(row.new_tag_until),
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::TestApp;
    use serde_json::{Value, json};
    use sqlx::PgPool;

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn a_tag_is_empty_before_authentication_and_over_after_its_months(pool: PgPool) {
        let app = TestApp::new(pool.clone()).await;
        let id = app.world.account("demo-customer").domain;
        let target = "/v2/partners/sub-customers/new-customers-tags/batch-query";
        let foreign = app.world.account("reseller-customer").domain;
        let ask = async || -> Value {
            let request = json!({"customer_ids": [id, foreign, "nobody"]});
            app.client("demo-partner").post(target, &request).await.ok()["new_customer_tags"].clone()
        };
        let tag = |tag: &str, from: &str, until: &str| {
            json!([{"customer_id": id, "customer_tag_type": "SMB", "new_customer_tag": tag, "effective_time": from,
                    "expire_time": until}])
        };
        assert_eq!(ask().await, tag("", "", ""));
        for (until, shown) in [("2999-12-01", "UNDETERMINED"), ("2021-12-01", "N")] {
            let statement = "update customers set new_tag = 'UNDETERMINED', new_tag_from = '2021-01-01',
                                                  new_tag_until = $2::date where domain_id = $1";
            let day: time::Date = serde_json::from_value::<crate::values::time::Day>(json!(until)).expect("a day").0;
            sqlx::query(statement).bind(id.0).bind(day).execute(&pool).await.expect("it is written");
            assert_eq!(ask().await, tag(shown, "2021-01", &until[..7]));
        }
    }
}
