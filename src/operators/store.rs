//! Operators and their tokens.

use crate::database;
use crate::identity::store::TokenHash;
use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

/// What an operator may do; each role may also do what those before it may.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize, sqlx::Type, ToSchema, ValueEnum,
)]
#[serde(rename_all = "lowercase")]
#[sqlx(type_name = "text", rename_all = "lowercase")]
pub enum Role {
    /// Look.
    Read,
    /// Do business: customers, funds, coupons, discounts.
    Operate,
    /// Also what concerns all: prices, the catalogue, maintenance; and let others in: accounts, keys, passwords, operators.
    Admin,
}

/// Who runs the vendor's side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operator {
    /// Its id.
    pub id: Uuid,
    /// Its name.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// When it was created.
    pub created_at: OffsetDateTime,
    /// When its token ends.
    pub expires_at: Option<OffsetDateTime>,
}

/// Adds one, unless there is one of that name.
pub async fn insert(connection: &mut PgConnection, operator: &Operator, token: &TokenHash) -> sqlx::Result<bool> {
    let inserted = sqlx::query!(
        "insert into operators (operator_id, name, role, token_hash, created_at, expires_at)
         values ($1, $2, $3, $4, $5, $6)",
        operator.id,
        operator.name,
        operator.role as Role,
        token,
        operator.created_at,
        operator.expires_at
    );
    match inserted.execute(connection).await {
        Err(error) if database::violates(&error, "operators_name_key") => Ok(false),
        other => other.map(|_| true),
    }
}

/// The one whose token it is, unless it has expired.
pub async fn by_token(
    connection: &mut PgConnection,
    token: &TokenHash,
    now: OffsetDateTime,
) -> sqlx::Result<Option<Operator>> {
    sqlx::query_as!(
        Operator,
        r#"select operator_id as id, name, role as "role: Role", created_at, expires_at from operators
           where token_hash = $1 and (expires_at is null or expires_at > $2)"#,
        token,
        now
    )
    .fetch_optional(connection)
    .await
}

/// All, by name.
pub async fn all(connection: &mut PgConnection) -> sqlx::Result<Vec<Operator>> {
    sqlx::query_as!(
        Operator,
        r#"select operator_id as id, name, role as "role: Role", created_at, expires_at from operators order by name"#
    )
    .fetch_all(connection)
    .await
}

/// Removes one; whether it was there.
pub async fn delete(connection: &mut PgConnection, name: &str) -> sqlx::Result<bool> {
    let deleted = sqlx::query!("delete from operators where name = $1", name).execute(connection).await?;
    Ok(deleted.rows_affected() == 1)
}
