//! The proof of what is new in the ledger, behind what has been proved before.
//!
//! It follows the accounts. A row that was changed after it had been proved, and one of an account that does not exist, are
//! found by the proof of everything alone, [`verify::all`].

use super::model::Rows;
use super::verify;
use crate::clock::Clock;
use crate::database::Database;
use crate::lease::Lease;
use crate::values::id::{AccountId, TenantId};
use rust_decimal::Decimal;
use sqlx::PgConnection;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

/// How many accounts share a statement.
const PAGE: u16 = 1000;
/// How long after a replica has stopped amid the proof another one begins it.
const TAKEN_OVER_AFTER: Duration = Duration::minutes(10);

/// What was found.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Accounts looked at.
    pub accounts: usize,
    /// Entries proved that had not been.
    pub entries: i64,
    /// The first wrong account of each tenant that has one, in words.
    pub wrong: Vec<String>,
}

/// Proves what is new, unless a replica is about it or did it less than a `period` ago.
pub async fn prove_when_due(
    database: &Database,
    clock: &Clock,
    holder: Uuid,
    period: Duration,
) -> sqlx::Result<Option<Report>> {
    let lease = Lease { name: "ledger proof", holder };
    let begun = clock.now();
    let mut control = database.control().await?;
    if !lease.take(&mut control, begun, begun.saturating_add(TAKEN_OVER_AFTER)).await? {
        return Ok(None);
    }
    let tenants = verify::tenants(&mut control).await?;
    drop(control);
    let mut report = Report::default();
    for tenant in tenants {
        let (mut behind, mut wrong) = (AccountId(Uuid::nil()), None);
        loop {
            let page = prove_page(database, tenant, behind).await?;
            let until = clock.now().saturating_add(TAKEN_OVER_AFTER);
            if !lease.keep(&mut *database.control().await?, until).await? {
                // It took so long that another one has begun.
                return Ok(None);
            }
            report.accounts += page.len();
            report.entries += page.iter().map(|proved| proved.new_entries).sum::<i64>();
            wrong = wrong.or_else(|| page.iter().find_map(|proved| proved.complaint(tenant)));
            match page.last() {
                Some(last) if page.len() == usize::from(PAGE) => behind = last.account,
                _ => break,
            }
        }
        report.wrong.extend(wrong);
    }
    lease.keep(&mut *database.control().await?, begun.saturating_add(period)).await?;
    Ok(Some(report))
}

/// An account's history behind its checkpoint.
struct Proved {
    account: AccountId,
    new_entries: i64,
    /// The last of them, what it left and when; of no meaning without one.
    entry: i64,
    balance: Decimal,
    last_at: Option<OffsetDateTime>,
    wrong: Option<String>,
}

impl Proved {
    fn complaint(&self, tenant: TenantId) -> Option<String> {
        self.wrong.as_ref().map(|wrong| format!("tenant {tenant}, account {}: {wrong}", self.account.0.simple()))
    }
}

/// Proves the next accounts of a tenant, and moves the checkpoints of those that are right.
async fn prove_page(database: &Database, tenant: TenantId, behind: AccountId) -> sqlx::Result<Vec<Proved>> {
    let mut transaction = database.patient(tenant).await?;
    let page = read_page(&mut transaction, tenant, behind).await?;
    let right: Vec<&Proved> = page.iter().filter(|proved| proved.new_entries > 0 && proved.wrong.is_none()).collect();
    if !right.is_empty() {
        move_checkpoints(&mut transaction, tenant, &right).await?;
    }
    transaction.commit().await?;
    Ok(page)
}

/// One statement, and so one snapshot: that entries are numbered without a gap from the checkpoint on, that each balance is the
/// one before plus the amount, that none is earlier than the one before, and that the account holds the last one.
async fn read_page(connection: &mut PgConnection, tenant: TenantId, behind: AccountId) -> sqlx::Result<Vec<Proved>> {
    sqlx::query_as!(
        Proved,
        r#"select a.account_id as "account!: AccountId", n.entries as "new_entries!", a.proved_entry + n.entries as "entry!",
                  coalesce(n.balance, a.proved_balance) as "balance!", n.last_at,
                  case when n.wrong_entry is not null then 'entry ' || n.wrong_entry || ' does not follow from the one before'
                       when a.proved_entry + n.entries <> a.entries then 'it counts ' || a.entries || ' entries and has '
                                                                       || a.proved_entry + n.entries
                       when coalesce(n.balance, a.proved_balance) <> a.balance then 'it holds ' || a.balance
                                                     || ' and its entries say ' || coalesce(n.balance, a.proved_balance)
                       when a.balance < a.floor then 'it holds ' || a.balance || ', below its floor'
                  end as wrong
           from (select a.account_id, a.balance, a.floor, a.entries, coalesce(p.entry, 0) as proved_entry,
                        coalesce(p.balance, 0) as proved_balance, p.last_at as proved_at
                 from accounts a
                 left join ledger_proofs p on p.tenant_id = $1 and p.tenant_id = a.tenant_id and p.account_id = a.account_id
                 where a.tenant_id = $1 and a.account_id > $2
                 order by a.account_id limit $3) a
           cross join lateral (
               select count(*) as entries, max(e.happened_at) as last_at,
                      (array_agg(e.balance_after order by e.entry desc))[1] as balance,
                      min(e.entry) filter (where e.is_wrong) as wrong_entry
               from (select e.entry, e.balance_after, e.happened_at,
                            e.entry - coalesce(lag(e.entry) over history, a.proved_entry) <> 1
                            or e.balance_after - coalesce(lag(e.balance_after) over history, a.proved_balance) <> e.amount
                            or coalesce(e.happened_at <= lag(e.happened_at) over history, false) as is_wrong
                     from entries e
                     where e.tenant_id = $1 and e.account_id = a.account_id and e.entry > a.proved_entry
                           -- Nothing new is earlier, and so the months before it are left alone.
                           and e.happened_at > coalesce(a.proved_at, '-infinity')
                     window history as (order by e.entry)) e
           ) n
           order by a.account_id"#,
        tenant.0,
        behind.0,
        i64::from(PAGE)
    )
    .fetch_all(connection)
    .await
}

async fn move_checkpoints(connection: &mut PgConnection, tenant: TenantId, right: &[&Proved]) -> sqlx::Result<()> {
    let rows = Rows(right);
    sqlx::query!(
        "insert into ledger_proofs (tenant_id, account_id, entry, balance, last_at)
         select t.tenant_id, u.account_id, u.entry, u.balance, u.last_at
         from tenants t, unnest($2::uuid[], $3::bigint[], $4::numeric[], $5::timestamptz[])
                         as u (account_id, entry, balance, last_at)
         where t.tenant_id = $1
         on conflict (tenant_id, account_id)
             do update set entry = excluded.entry, balance = excluded.balance, last_at = excluded.last_at",
        tenant.0,
        &rows.column(|proved| proved.account.0),
        &rows.column(|proved| proved.entry),
        &rows.column(|proved| proved.balance),
        &rows.column(|proved| proved.last_at) as &[Option<OffsetDateTime>]
    )
    .execute(connection)
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TestApp;
    use serde_json::json;
    use sqlx::PgPool;

    const DAY: Duration = Duration::days(1);

    async fn prove(app: &TestApp, holder: u128) -> Option<Report> {
        let holder = Uuid::from_u128(holder);
        prove_when_due(&app.app.database, &app.app.clock, holder, DAY).await.expect("the proof runs")
    }

    async fn transfer(app: &TestApp) {
        let body = json!({ "customer_id": app.world.account("demo-customer").domain, "amount": 1 });
        app.client("demo-partner").post("/v2/accounts/partner-accounts/adjust-amount", &body).await.ok();
    }

    fn pass_a_day(app: &TestApp) {
        app.app.clock.set(app.app.clock.now().saturating_add(DAY));
    }

    async fn everything(pool: &PgPool) -> verify::Report {
        verify::all(&mut pool.acquire().await.expect("a connection")).await.expect("the proof runs")
    }

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn one_replica_proves_in_a_period_and_only_what_is_new(pool: PgPool) {
        let app = TestApp::new(pool).await;
        let (one, other) = tokio::join!(prove(&app, 1), prove(&app, 2));
        let first = one.xor(other).expect("one of the two proves");
        assert!(first.entries > 0 && first.wrong.is_empty(), "{first:?}");
        transfer(&app).await;
        assert_eq!(prove(&app, 3).await, None, "it was done less than a day ago");
        pass_a_day(&app);
        let next = prove(&app, 3).await.expect("it is due");
        assert_eq!((next.accounts >= first.accounts, next.entries, next.wrong.len()), (true, 2, 0));
        pass_a_day(&app);
        assert_eq!(prove(&app, 1).await.expect("it is due").entries, 0);
    }

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn a_wrong_row_is_found_behind_the_checkpoint_and_by_the_proof_of_everything_before_it(pool: PgPool) {
        let app = TestApp::new(pool.clone()).await;
        transfer(&app).await;
        assert!(prove(&app, 1).await.expect("it is due").wrong.is_empty());
        let falsify = "update transfers set to_after = to_after + 1 where transfer_id = (
                           select transfer_id from transfers order by happened_at desc limit 1)";
        sqlx::query(falsify).execute(&pool).await.expect("the test owns the tables");
        pass_a_day(&app);
        assert!(prove(&app, 1).await.expect("it is due").wrong.is_empty(), "that was proved before");
        assert_eq!(everything(&pool).await.wrong.len(), 1);
        transfer(&app).await;
        sqlx::query(falsify).execute(&pool).await.expect("the test owns the tables");
        for _ in 0..2 {
            pass_a_day(&app);
            let wrong = prove(&app, 1).await.expect("it is due").wrong;
            assert!(wrong.len() == 1 && wrong[0].contains("does not follow"), "{wrong:?}");
        }
    }

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn an_account_that_holds_something_else_than_was_proved_is_found(pool: PgPool) {
        let app = TestApp::new(pool.clone()).await;
        prove(&app, 1).await.expect("it is due");
        let falsify = "update accounts set balance = balance + 1 where kind = 'cash' and entries > 0";
        sqlx::query(falsify).execute(&pool).await.expect("the test owns the tables");
        pass_a_day(&app);
        let wrong = prove(&app, 1).await.expect("it is due").wrong;
        assert!(wrong[0].contains("its entries say"), "{wrong:?}");
        assert_eq!(wrong.len(), everything(&pool).await.wrong.len());
    }

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn a_replica_that_stops_amid_the_proof_is_followed_by_another(pool: PgPool) {
        let app = TestApp::new(pool.clone()).await;
        let stopped = Lease { name: "ledger proof", holder: Uuid::from_u128(1) };
        let now = app.app.clock.now();
        let mut connection = pool.acquire().await.expect("a connection");
        let taken = stopped.take(&mut connection, now, now.saturating_add(TAKEN_OVER_AFTER)).await;
        assert!(taken.expect("it is taken"));
        assert_eq!(prove(&app, 2).await, None);
        app.app.clock.set(now.saturating_add(TAKEN_OVER_AFTER + Duration::SECOND));
        assert!(prove(&app, 2).await.is_some());
    }
}
