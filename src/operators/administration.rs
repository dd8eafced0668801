//! Letting operators in.

use super::store::{self, Operator, Role};
use crate::identity::model::{LoginName, new_token, token_hash};
use crate::values::id::new_uuid;
use anyhow::ensure;
use sqlx::PgConnection;
use time::OffsetDateTime;

/// Lets one in, and gives its token.
pub async fn create(
    connection: &mut PgConnection,
    name: &LoginName,
    role: Role,
    expires_at: Option<OffsetDateTime>,
    now: OffsetDateTime,
) -> anyhow::Result<String> {
    let token = new_token();
    create_with(connection, name, role, (&token, expires_at), now).await?;
    Ok(token)
}

/// Lets one in with this token.
pub async fn create_with(
    connection: &mut PgConnection,
    name: &LoginName,
    role: Role,
    (token, expires_at): (&str, Option<OffsetDateTime>),
    now: OffsetDateTime,
) -> anyhow::Result<()> {
    let operator = Operator { id: new_uuid(now), name: name.as_str().to_owned(), role, created_at: now, expires_at };
    let inserted = store::insert(connection, &operator, &token_hash(token.as_bytes())).await?;
    ensure!(inserted, "there is already an operator {}", operator.name);
    Ok(())
}
