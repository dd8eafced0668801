//! What an operator's request names, and how a refusal is told.

use crate::api::error::ApiError;
use crate::app::App;
use crate::clock as clocks;
use crate::customers::administration as customers;
use crate::enterprises::administration as enterprises;
use crate::identity::administration::{Refusal, find_account};
use crate::values::id::{DomainId, TenantId};
use axum::http::StatusCode;
use serde::Deserialize;
use sqlx::PgConnection;
use time::OffsetDateTime;
use utoipa::IntoParams;

/// The account in the path.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct OfAccount {
    /// The account's name.
    #[param(example = "demo-partner")]
    pub account: String,
}

/// The user in the path.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct OfUser {
    /// The account's name.
    #[param(example = "demo-partner")]
    pub account: String,
    /// The user's name, unique in the account.
    #[param(example = "clerk")]
    pub user: String,
}

/// The account of a name, and the tenant's time.
pub async fn account_and_time(
    connection: &mut PgConnection,
    app: &App,
    name: &str,
) -> Result<((TenantId, DomainId), OffsetDateTime), ApiError> {
    let account = find_account(connection, name).await.map_err(refused)?;
    Ok((account, clocks::business_time(connection, account.0, &app.clock).await?))
}

/// The refusal of a function that the command line calls as well: its own words, unless the database failed.
pub fn refused(error: impl Into<anyhow::Error>) -> ApiError {
    let error = error.into();
    if error.chain().any(<dyn std::error::Error>::is::<sqlx::Error>) {
        return error.into();
    }
    let of_customers = error.downcast_ref::<customers::Refusal>().and_then(|refusal| match refusal {
        customers::Refusal::Account(refusal) => Some(refusal),
        _ => None,
    });
    let of_enterprises = error.downcast_ref::<enterprises::Refusal>().and_then(|refusal| match refusal {
        enterprises::Refusal::Account(refusal) => Some(refusal),
        _ => None,
    });
    let is_missing = error.downcast_ref().or(of_customers).or(of_enterprises).is_some_and(Refusal::is_of_nothing);
    let status = if is_missing { StatusCode::NOT_FOUND } else { StatusCode::BAD_REQUEST };
    ApiError::bss(status, "CBC.0100", format!("Not done: {error:#}."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accounts::administration as funds;
    use crate::identity::administration as identity;
    use crate::ledger::PostError;

    #[test]
    fn a_database_that_fails_is_no_refusal_however_deep_it_lies() {
        let failed = || identity::Refusal::Database(sqlx::Error::PoolTimedOut);
        let statuses = [
            refused(sqlx::Error::PoolTimedOut),
            refused(failed()),
            refused(customers::Refusal::Account(failed())),
            refused(funds::Refusal::Ledger(PostError::Database(sqlx::Error::PoolTimedOut))),
        ]
        .map(|error| (error.status.as_u16(), error.message.contains("pool")));
        assert_eq!(statuses, [(503, false); 4]);
        assert_eq!(refused(identity::Refusal::NameTaken("A".to_owned())).status, StatusCode::BAD_REQUEST);
        assert_eq!(refused(identity::Refusal::NoSuchKey("A".to_owned())).status, StatusCode::NOT_FOUND);
        let nested = customers::Refusal::Account(identity::Refusal::NoSuchAccount("A".to_owned()));
        assert_eq!(refused(nested).status, StatusCode::NOT_FOUND);
    }
}
