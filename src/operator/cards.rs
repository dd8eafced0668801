//! `/admin/v1/accounts/{account}/stored-value-cards`

use super::cursor::{Cursor, PageQuery};
use super::named::{OfAccount, account_and_time, refused};
use super::policy::OperatorPolicy;
use crate::accounts::administration::{self as funds, Card, NewCard};
use crate::api::error::ApiError;
use crate::api::extract::{Json, Path, Query};
use crate::api::write::{Answer, Outcome, Write};
use crate::app::App;
use crate::identity::administration::find_account;
use crate::operators::store::Role;
use crate::values::amount::PositiveAmount;
use crate::values::id::new_uuid;
use crate::values::number::Number;
use crate::values::text::texts;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use time::Duration;
use utoipa::ToSchema;
use uuid::Uuid;

texts! {
    /// The name of a stored-value card.
    CardName, 1..=64, "Gift card";
}

/// Stored-value cards.
#[derive(Serialize, ToSchema)]
pub struct CardPage {
    /// The one that takes effect last first.
    cards: Vec<Card>,
    /// Where the list goes on; left out at its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// List the stored-value cards of a customer
///
/// With what is left on each.
#[utoipa::path(
    get,
    path = "/admin/v1/accounts/{account}/stored-value-cards",
    params(OfAccount, PageQuery),
    responses((status = 200, body = CardPage, description = "The cards.")),
    extensions(("x-policy" = json!(OperatorPolicy::reads())))
)]
pub async fn list_cards(
    State(app): State<App>,
    Path(OfAccount { account }): Path<OfAccount>,
    Query(query): Query<PageQuery>,
) -> Result<Json<CardPage>, ApiError> {
    let behind = query.cursor.as_ref().map(Cursor::moment).transpose()?;
    let limit = query.limit.get();
    let mut connection = app.database.control().await?;
    let of = find_account(&mut connection, &account).await.map_err(refused)?;
    let mut cards = funds::cards(&mut connection, of, (behind, limit + 1)).await?;
    let next_cursor = Cursor::cut_at_moment(&mut cards, limit, |card| (card.effective_at.0, card.card_id));
    Ok(Json(CardPage { cards, next_cursor }))
}

/// A card to be issued.
#[derive(Deserialize, ToSchema)]
pub struct IssueCardBody {
    /// What it is worth, in yuan: above 0, at most 2 decimals. A number or a text.
    face_value: PositiveAmount,
    /// Its name.
    name: Option<CardName>,
    /// How many days it can be used; 365 unless given.
    days: Option<Number<1, 3650>>,
}

/// A card that was issued.
#[derive(Serialize, ToSchema)]
pub struct CardIssued {
    /// Its id.
    #[schema(value_type = String, example = "01978d6a-2b3c-7d4e-8f90-a1b2c3d4e5f6")]
    card_id: Uuid,
}

/// Issue a stored-value card to a customer
///
/// It can be used from now on.
#[utoipa::path(
    post,
    path = "/admin/v1/accounts/{account}/stored-value-cards",
    params(OfAccount),
    request_body = IssueCardBody,
    responses((status = 200, body = CardIssued, description = "The card.")),
    extensions(("x-policy" = json!(OperatorPolicy::writes(Role::Operate))))
)]
pub async fn issue_card(
    State(app): State<App>,
    write: Write,
    Path(OfAccount { account }): Path<OfAccount>,
    Json(body): Json<IssueCardBody>,
) -> Result<Answer, ApiError> {
    let name = body.name.map_or_else(|| funds::CARD_NAME.to_owned(), |name| name.as_str().to_owned());
    let days = body.days.map_or(funds::CARD_DAYS, |days| i64::from(days.get()));
    write
        .once(async |connection| {
            let (of, now) = account_and_time(connection, &app, &account).await?;
            let expires_at = now.saturating_add(Duration::days(days));
            let card = NewCard { id: new_uuid(now), name: name.clone(), face_value: body.face_value, expires_at };
            funds::issue_card(connection, of, &card, now).await.map_err(refused)?;
            Outcome::of(&card.id, &CardIssued { card_id: card.id })
        })
        .await
}
