//! Resellers of a distributor, in the fields of `ListIndirectPartners`.

use crate::customers::list_indirect_partners::{self, Filter, Row};
use crate::exports::source::{Of, Source, With, table};
use crate::exports::table::{Cell, Column};
use crate::values::id::DomainId;
use sqlx::PgConnection;

/// Resellers.
pub struct Resellers;

table! {
    reseller: Row, with;
    "indirect_partner_id": Text = reseller.id;
    "mobile_phone": Text = with.sealed(reseller.sealed_phone.as_deref(), reseller.id);
    "email": Text = with.sealed(reseller.sealed_email.as_deref(), reseller.id);
    "account_name": Text = with.personal(&reseller.account_name);
    "name": Text = with.personal(reseller.name.as_deref().unwrap_or_default());
    "associated_on": Time = reseller.since;
    "account_manager_id": Text = with.personal(reseller.manager_id.as_deref().unwrap_or_default());
    "account_manager_name": Text = with.personal(reseller.manager_name.as_deref().unwrap_or_default());
}

impl Source for Resellers {
    const COLUMNS: &'static [Column] = COLUMNS;
    type Row = Row;
    type Key = DomainId;

    async fn count(connection: &mut PgConnection, of: &Of) -> sqlx::Result<i64> {
        Ok(i64::try_from(all(connection, of).await?.len()).unwrap_or(i64::MAX))
    }

    /// A distributor has hundreds at most, so that each page is cut out of all of them.
    async fn behind(
        connection: &mut PgConnection,
        of: &Of,
        key: Option<DomainId>,
        limit: usize,
    ) -> sqlx::Result<Vec<Row>> {
        let mut rows = all(connection, of).await?;
        rows.sort_by_key(|row| row.id);
        rows.retain(|row| key.is_none_or(|key| row.id > key));
        rows.truncate(limit);
        Ok(rows)
    }

    fn key(reseller: &Row) -> DomainId {
        reseller.id
    }

    fn cells(reseller: Row, with: &With<'_>) -> Vec<Cell> {
        cells(reseller, with)
    }
}

async fn all(connection: &mut PgConnection, of: &Of) -> sqlx::Result<Vec<Row>> {
    list_indirect_partners::resellers(connection, (of.tenant, of.owner), &Filter::default()).await
}
