//! A partner's customers, the latest first.
//!
//! Without a filter the total is the partner's counter, and a page is found by its block of numbers: the last page of a
//! million costs about what the first does. With a filter the partner's customers are read and what the filter finds is
//! counted, in the database. Names are sealed: a search for a part of one finds candidates by the hashes of its letters, and
//! opens them.
//!
//! Where a page is shown an account's name is a sub-select and no join: for a hundred names the planner would rather read all
//! the accounts of a partner with some thousand customers.

use super::membership::BLOCK;
use super::model::AssociationType;
use super::model::{CustomerType, Frozen, VerifiedStatus};
use crate::personal::Vault;
use crate::values::id::{DomainId, TenantId};
use sqlx::PgConnection;
use time::{Date, OffsetDateTime};
use uuid::Uuid;

/// A customer as its partner sees it.
#[derive(Clone, Debug)]
pub struct Row {
    /// Its id.
    pub id: DomainId,
    /// Its number among its partner's, which only grows.
    pub number: i64,
    /// Its account's name.
    pub name: String,
    /// Since when it is associated.
    pub associated_at: OffsetDateTime,
    /// How.
    pub kind: AssociationType,
    /// Whether it is one of the international site.
    pub international: bool,
    /// A label.
    pub label: String,
    /// Its phone.
    pub sealed_phone: Option<Vec<u8>>,
    /// The phone's country.
    pub country_code: Option<String>,
    /// Its e-mail address.
    pub sealed_email: Option<Vec<u8>>,
    /// Its verified name.
    pub sealed_name: Option<Vec<u8>>,
    /// How far its real-name authentication is.
    pub verified: VerifiedStatus,
    /// What it is.
    pub customer_type: CustomerType,
    /// What of it is frozen.
    pub frozen: Frozen,
    /// Who looks after it.
    pub account_manager: Option<String>,
    /// Its id on the partner's platform.
    pub xaccount_id: Option<String>,
    /// That platform.
    pub xaccount_type: Option<String>,
    /// Its level.
    pub level: String,
    /// Whether it counts as new.
    pub new_tag: Option<String>,
    /// From which month.
    pub new_tag_from: Option<Date>,
    /// Up to which month.
    pub new_tag_until: Option<Date>,
}

/// Which customers; what is `None` does not filter.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// A part of the account's name, in any case.
    pub account_name: Option<String>,
    /// A part of the verified name, in any case.
    pub verified_name: Option<String>,
    /// A part of the label.
    pub label: Option<String>,
    /// How they are associated.
    pub kind: Option<AssociationType>,
    /// Associated at this instant or later.
    pub begin: Option<OffsetDateTime>,
    /// Associated before this instant.
    pub end: Option<OffsetDateTime>,
    /// These only.
    pub ids: Option<Vec<DomainId>>,
}

impl Filter {
    fn is_empty(&self) -> bool {
        let Self { account_name, verified_name, label, kind, begin, end, ids } = self;
        account_name.is_none()
            && verified_name.is_none()
            && label.is_none()
            && kind.is_none()
            && begin.is_none()
            && end.is_none()
            && ids.is_none()
    }
}

/// Reads customers: what is given is where from, and the arguments, the tenant first.
macro_rules! rows {
    ($($part:tt)+) => {
        sqlx::query_as!(
            Row,
            r#"select c.domain_id as "id: DomainId", c.number as "number!",
                      (select d.name from domains d where d.tenant_id = $1 and d.domain_id = c.domain_id) as "name!",
                      c.associated_at as "associated_at!", c.association_type as "kind!: AssociationType", c.international,
                      c.label, c.sealed_phone, c.country_code, c.sealed_email, c.sealed_name,
                      c.verified_status as "verified: VerifiedStatus", c.customer_type as "customer_type: CustomerType",
                      c.frozen as "frozen: Frozen", c.account_manager, c.xaccount_id, c.xaccount_type, c.level, c.new_tag,
                      c.new_tag_from, c.new_tag_until "# + $($part)+
        )
    };
}
pub(super) use rows;

/// A page and how many there are in all.
pub async fn page(
    connection: &mut PgConnection,
    vault: &Vault,
    (tenant, partner): (TenantId, DomainId),
    filter: &Filter,
    (offset, limit): (usize, usize),
) -> sqlx::Result<(Vec<Row>, i64)> {
    let part = (i64::try_from(offset).unwrap_or(i64::MAX), i64::try_from(limit).unwrap_or(i64::MAX));
    if filter.is_empty() {
        return unfiltered(connection, (tenant, partner), part).await;
    }
    let terms = Terms::of(filter, vault, tenant);
    let Some(name) = &filter.verified_name else {
        let total = count(connection, (tenant, partner), &terms).await?;
        let found =
            if part.0 < total { matching(connection, (tenant, partner), &terms, part).await? } else { Vec::new() };
        let ids: Vec<Uuid> = found.into_iter().map(|(id, _)| id.0).collect();
        return Ok((named(connection, (tenant, partner), &ids).await?, total));
    };
    let mut found = matching(connection, (tenant, partner), &terms, (0, i64::MAX)).await?;
    let name = name.to_lowercase();
    found.retain(|(id, sealed)| {
        let full = sealed.as_ref().and_then(|sealed| vault.open(sealed, *id));
        full.is_some_and(|full| full.to_lowercase().contains(&name))
    });
    let total = i64::try_from(found.len()).unwrap_or(i64::MAX);
    let ids: Vec<Uuid> = found.into_iter().skip(offset).take(limit).map(|(id, _)| id.0).collect();
    Ok((named(connection, (tenant, partner), &ids).await?, total))
}

async fn unfiltered(
    connection: &mut PgConnection,
    (tenant, partner): (TenantId, DomainId),
    (offset, limit): (i64, i64),
) -> sqlx::Result<(Vec<Row>, i64)> {
    let total = sqlx::query_scalar!(
        "select customers from customer_counters where tenant_id = $1 and partner_id = $2",
        tenant.0,
        partner.0
    );
    let total = total.fetch_optional(&mut *connection).await?.unwrap_or_default();
    if offset >= total {
        return Ok((Vec::new(), total));
    }
    // The first number that the page can hold, and how many of the numbers from there on to skip.
    let (newest, skip) = if offset < BLOCK {
        (i64::MAX, offset)
    } else {
        let block = sqlx::query!(
            r#"select block as "block!", newer as "newer!" from (
                   select block, members, sum(members) over (order by block desc) - members as newer
                   from customer_blocks where tenant_id = $1 and partner_id = $2) as blocks
               where newer <= $3 and newer + members > $3"#,
            tenant.0,
            partner.0,
            offset
        );
        match block.fetch_optional(&mut *connection).await? {
            Some(block) => ((block.block + 1) * BLOCK - 1, offset - block.newer),
            // Customers left between the two statements.
            None => return Ok((Vec::new(), total)),
        }
    };
    let rows = rows!(
        "from (select * from customers
               where tenant_id = $1 and partner_id = $2 and number <= $3 order by number desc offset $4 limit $5) as c
         order by c.number desc",
        tenant.0,
        partner.0,
        newest,
        skip,
        limit
    );
    Ok((rows.fetch_all(connection).await?, total))
}

/// A filter as the statements take it.
struct Terms<'a> {
    filter: &'a Filter,
    grams: Option<Vec<i64>>,
    ids: Option<Vec<Uuid>>,
}

impl<'a> Terms<'a> {
    fn of(filter: &'a Filter, vault: &Vault, tenant: TenantId) -> Self {
        let grams = filter.verified_name.as_ref().map(|name| vault.name_grams(tenant, name));
        let ids = filter.ids.as_ref().map(|ids| ids.iter().map(|id| id.0).collect());
        Self { filter, grams, ids }
    }
}

/// How many the terms find.
async fn count(
    connection: &mut PgConnection,
    (tenant, partner): (TenantId, DomainId),
    terms: &Terms<'_>,
) -> sqlx::Result<i64> {
    sqlx::query_scalar!(
        r#"select count(*) as "count!"
           from customers c join domains d on d.tenant_id = c.tenant_id and d.domain_id = c.domain_id
           where c.tenant_id = $1 and d.tenant_id = $1 and c.partner_id = $2
             and ($3::bigint[] is null or c.name_grams @> $3)
             and ($4::text is null or position(lower($4) in lower(d.name)) > 0)
             and ($5::text is null or position($5 in c.label) > 0)
             and ($6::smallint is null or c.association_type = $6)
             and ($7::timestamptz is null or c.associated_at >= $7)
             and ($8::timestamptz is null or c.associated_at < $8)
             and ($9::uuid[] is null or c.domain_id = any($9))"#,
        tenant.0,
        partner.0,
        terms.grams.as_deref(),
        terms.filter.account_name,
        terms.filter.label,
        terms.filter.kind.map(|kind| kind as i16),
        terms.filter.begin,
        terms.filter.end,
        terms.ids.as_deref()
    )
    .fetch_one(connection)
    .await
}

/// A part of the ids that the terms find, latest first; with the sealed name where names are searched.
async fn matching(
    connection: &mut PgConnection,
    (tenant, partner): (TenantId, DomainId),
    terms: &Terms<'_>,
    (offset, limit): (i64, i64),
) -> sqlx::Result<Vec<(DomainId, Option<Vec<u8>>)>> {
    let rows = sqlx::query!(
        r#"select c.domain_id as "id: DomainId", case when $3::bigint[] is null then null else c.sealed_name end as name
           from customers c join domains d on d.tenant_id = c.tenant_id and d.domain_id = c.domain_id
           where c.tenant_id = $1 and d.tenant_id = $1 and c.partner_id = $2
             and ($3::bigint[] is null or c.name_grams @> $3)
             and ($4::text is null or position(lower($4) in lower(d.name)) > 0)
             and ($5::text is null or position($5 in c.label) > 0)
             and ($6::smallint is null or c.association_type = $6)
             and ($7::timestamptz is null or c.associated_at >= $7)
             and ($8::timestamptz is null or c.associated_at < $8)
             and ($9::uuid[] is null or c.domain_id = any($9))
           order by c.number desc offset $10 limit $11"#,
        tenant.0,
        partner.0,
        terms.grams.as_deref(),
        terms.filter.account_name,
        terms.filter.label,
        terms.filter.kind.map(|kind| kind as i16),
        terms.filter.begin,
        terms.filter.end,
        terms.ids.as_deref(),
        offset,
        limit
    );
    Ok(rows.fetch_all(connection).await?.into_iter().map(|row| (row.id, row.name)).collect())
}

async fn named(
    connection: &mut PgConnection,
    (tenant, partner): (TenantId, DomainId),
    ids: &[Uuid],
) -> sqlx::Result<Vec<Row>> {
    let rows = rows!(
        "from customers c where c.tenant_id = $1 and c.partner_id = $2 and c.domain_id = any($3) order by c.number desc",
        tenant.0,
        partner.0,
        ids
    );
    rows.fetch_all(connection).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::world::accounts::Account;
    use crate::testing::{TestApp, many_customers};
    use sqlx::{Connection, PgPool};
    use time::macros::datetime;

    /// So many that the planner has to read a part only.
    const MANY: i32 = 20_000;

    /// Sequential scans of the two large tables by this connection, and rows that index scans read, since the counters were
    /// last collected. So only the difference between two looks within a transaction says something.
    async fn reads(connection: &mut PgConnection) -> (i64, i64) {
        let counted = "select coalesce(sum(seq_scan), 0)::bigint, coalesce(sum(idx_tup_fetch), 0)::bigint
                       from pg_stat_xact_user_tables where relname in ('customers', 'domains')";
        sqlx::query_as(counted).fetch_one(connection).await.expect("they are counted")
    }

    /// A page, the total, and what it cost.
    async fn measured(
        app: &TestApp,
        connection: &mut PgConnection,
        whose: &Account,
        filter: &Filter,
        part: (usize, usize),
    ) -> (usize, i64, (i64, i64)) {
        let mut transaction = connection.begin().await.expect("a transaction");
        let before = reads(&mut transaction).await;
        let listed = page(&mut transaction, &app.app.vault, (whose.tenant, whose.domain), filter, part).await;
        let after = reads(&mut transaction).await;
        let (rows, total) = listed.expect("they are listed");
        (rows.len(), total, (after.0 - before.0, after.1 - before.1))
    }

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn no_list_reads_a_whole_table_and_a_page_only_its_block(pool: PgPool) {
        let app = TestApp::new(pool.clone()).await;
        let (few, many) = (app.world.demo(), app.world.account("scenario-empty-partner"));
        many_customers(&pool, few.domain, 500).await;
        many_customers(&pool, many.domain, MANY).await;
        sqlx::query("analyze").execute(&pool).await.expect("the planner knows the tables");
        let mut connection = pool.acquire().await.expect("a connection");
        // Workers count for themselves.
        sqlx::query("set max_parallel_workers_per_gather = 0").execute(&mut *connection).await.expect("it is set");
        let filters = [
            Filter::default(),
            Filter { account_name: Some("many-1".to_owned()), ..Filter::default() },
            Filter { verified_name: Some("Zhang".to_owned()), ..Filter::default() },
            Filter { label: Some("Gold".to_owned()), ..Filter::default() },
            Filter { kind: Some(AssociationType::Resale), ..Filter::default() },
            Filter { begin: Some(datetime!(2026-01-01 00:00 UTC)), ..Filter::default() },
            Filter { end: Some(datetime!(2926-01-01 00:00 UTC)), ..Filter::default() },
            Filter { ids: Some(vec![app.world.account("demo-customer").domain]), ..Filter::default() },
        ];
        for filter in &filters {
            let (.., (sequential, _)) = measured(&app, &mut connection, few, filter, (0, 100)).await;
            assert_eq!(sequential, 0, "{filter:?}");
        }
        let every = usize::try_from(MANY).expect("it is positive");
        for offset in [0, 999, 1000, every / 10 * 9, every - 50] {
            let (rows, total, (sequential, read)) =
                measured(&app, &mut connection, many, &filters[0], (offset, 100)).await;
            assert_eq!((rows, total), (100.min(every - offset), i64::from(MANY)), "{offset}");
            // The rest of a block, the page, and their accounts.
            assert!(
                sequential == 0 && (1..=BLOCK + 300).contains(&read),
                "{offset}: {sequential} sequential scans, {read} rows"
            );
        }
    }
}
