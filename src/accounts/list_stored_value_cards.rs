//! `GET /v2/promotions/benefits/stored-value-cards`

use crate::api::caller::{CallerKind, Customer};
use crate::api::error::ApiError;
use crate::api::extract::{Json, Query};
use crate::api::page::{Limit, Offset};
use crate::api::policy::Policy;
use crate::app::App;
use crate::customers::model::AccountIdText;
use crate::values::amount::{Amount, AmountText};
use crate::values::id::{DomainId, TenantId};
use crate::values::number::Number;
use crate::values::site::Site;
use crate::values::time::Instant;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

/// Which cards.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListStoredValueCardsQuery {
    /// 1 those with something left, 2 those that are used up.
    #[param(inline)]
    status: Number<1, 2>,
    /// Only this card.
    #[param(inline)]
    card_id: Option<AccountIdText>,
    /// How many to skip.
    #[param(inline)]
    #[serde(default)]
    offset: Offset,
    /// How many to answer at most.
    #[param(inline)]
    #[serde(default)]
    limit: Limit<100>,
}

/// Stored-value cards.
#[derive(Serialize, ToSchema)]
pub struct ListStoredValueCardsResponse {
    /// How many there are in all.
    #[schema(example = 1)]
    total_count: i64,
    /// This part of them, the one that takes effect last first.
    stored_value_cards: Vec<UserStoredValueCard>,
}

/// A stored-value card.
#[derive(Serialize, ToSchema)]
pub struct UserStoredValueCard {
    /// Its id.
    #[schema(example = "01978d6a2b3c7d4e8f90a1b2c3d4e5f6")]
    card_id: String,
    /// Its name.
    #[schema(example = "Gift card")]
    card_name: String,
    /// 1 something is left, 2 used up.
    #[schema(example = 1)]
    status: u32,
    /// What it was worth, in the unit of its currency.
    face_value: AmountText,
    /// What is left.
    balance: AmountText,
    /// From when on it can be used.
    effective_time: Instant,
    /// Until when it can be used.
    expire_time: Instant,
}

/// Lists a customer's stored-value cards.
///
/// What is left on a card is its account in the ledger.
#[utoipa::path(
    get, path = "/v2/promotions/benefits/stored-value-cards",
    params(ListStoredValueCardsQuery),
    responses((status = 200, description = "The cards.", body = ListStoredValueCardsResponse)),
    extensions(("x-policy" = json!(Policy::callers(&CallerKind::CUSTOMERS).on(Site::Cn).per_second(5)))),
)]
pub async fn list_stored_value_cards(
    State(app): State<App>,
    customer: Customer,
    Query(query): Query<ListStoredValueCardsQuery>,
) -> Result<Json<ListStoredValueCardsResponse>, ApiError> {
    let mut connection = app.database.tenant(customer.tenant).await?;
    let (total_count, stored_value_cards) = cards(&mut connection, (customer.tenant, customer.domain), &query).await?;
    Ok(Json(ListStoredValueCardsResponse { total_count, stored_value_cards }))
}

/// A customer has few cards, so all are counted.
async fn cards(
    connection: &mut PgConnection,
    (tenant, customer): (TenantId, DomainId),
    query: &ListStoredValueCardsQuery,
) -> sqlx::Result<(i64, Vec<UserStoredValueCard>)> {
    // A card of an id that cannot be one does not exist.
    let card = AccountIdText::given(query.card_id.as_ref()).map(|named| named.id().map_or(Uuid::nil(), |id| id.0));
    let rows = sqlx::query!(
        "select c.card_id, c.name, c.face_value, a.balance, c.effective_at, c.expires_at
         from stored_value_cards c
         join accounts a on a.tenant_id = c.tenant_id and a.owner_id = c.card_id and a.kind = 'stored_value_card'
         where c.tenant_id = $1 and a.tenant_id = $1 and c.customer_id = $2 and (a.balance > 0) = $3
           and ($4::uuid is null or c.card_id = $4)
         order by c.effective_at desc, c.card_id desc",
        tenant.0,
        customer.0,
        query.status.get() == 1,
        card
    )
    .fetch_all(connection)
    .await?;
    let total = i64::try_from(rows.len()).unwrap_or(i64::MAX);
    let part = rows.into_iter().skip(query.offset.get()).take(query.limit.get());
    let shown = part.map(|row| UserStoredValueCard {
        card_id: row.card_id.simple().to_string(),
        card_name: row.name,
        status: query.status.get(),
        face_value: AmountText(Amount::from(row.face_value)),
        balance: AmountText(Amount::from(row.balance)),
        effective_time: Instant(row.effective_at),
        expire_time: Instant(row.expires_at),
    });
    Ok((total, shown.collect()))
}
