//! How fast transfers are while others post behind the writer's back:
//! `cargo test --release --lib writer::speed -- --ignored --nocapture`, with SPEED_SECONDS each.

use super::*;
use crate::api::caller::{Caller, CallerKind};
use crate::api::audit::Call;
use crate::config::Settings;
use crate::ledger::{self, AccountKind, TransferKind};
use crate::values::id::{DomainId, UserId};
use crate::values::money::Currency;
use rust_decimal::Decimal;
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use std::sync::atomic::{AtomicU64, Ordering};
use time::OffsetDateTime;
use uuid::Uuid;

const CLIENTS: u64 = 64;
const TENANTS: u64 = 100;

fn posting(tenant: TenantId, customer: u64) -> Posting {
    let owner = |number: u64| DomainId(Uuid::from_u64_pair(tenant.0.as_u64_pair().1, number));
    Posting {
        kind: TransferKind::Allocate,
        from: Purse::of(tenant, owner(0), AccountKind::Cash, Currency::Cny),
        to: Purse::of(tenant, owner(1 + customer), AccountKind::Allocated, Currency::Cny),
        amount: Decimal::ONE,
        customer: None,
        reference: String::new(),
        memo: String::new(),
        user: None,
    }
}

fn command(tenant: TenantId, customer: u64) -> Command {
    let caller = Caller {
        tenant,
        domain: DomainId(tenant.0),
        domain_name: String::new(),
        kind: CallerKind::Partner,
        user: UserId(tenant.0),
        user_name: String::new(),
        administrator: true,
        credential: String::new(),
        permission_items: Vec::new(),
        acting_from: None,
    };
    let call = Call { operation: "Speed", request_id: String::new(), source: [127, 0, 0, 1].into() };
    let write = Write { caller: Arc::new(caller), call: Arc::new(call), key: None, dry_run: false };
    Command { write, postings: vec![posting(tenant, customer)], subject: String::new(), answer: |_| String::new() }
}

/// Who posts alone one transfer in twenty.
#[derive(Clone, Copy, Debug)]
enum Alone {
    Nobody,
    /// In one tenant only.
    OneTenant,
    Everybody,
}

async fn measure(
    database: &Database,
    writers: &Writers,
    tenants: &[TenantId],
    alone: Alone,
    seconds: u64,
) -> (u64, u64) {
    let (done, posted) = (Arc::new(AtomicU64::default()), Arc::new(AtomicU64::default()));
    let until = Instant::now() + Duration::from_secs(seconds);
    let clients = (0..CLIENTS).map(|client| {
        let (database, writers, tenants) = (database.clone(), writers.clone(), tenants.to_vec());
        let (done, posted) = (done.clone(), posted.clone());
        tokio::spawn(async move {
            let mut dice = client * 7_919 + 1;
            let mut roll = |sides: u64| {
                dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (dice >> 33) % sides
            };
            while Instant::now() < until {
                let posts = roll(20) == 0;
                let tenant = match alone {
                    Alone::OneTenant if posts => tenants[0],
                    _ => tenants[usize::try_from(roll(TENANTS)).expect("it is small")],
                };
                let customer = roll(50);
                if posts && !matches!(alone, Alone::Nobody) {
                    let mut transaction = database.begin(tenant).await.expect("it begins");
                    let now = OffsetDateTime::UNIX_EPOCH + time::Duration::days(20_800);
                    ledger::post(&mut transaction, tenant, &[posting(tenant, customer)], now).await.expect("it posts");
                    transaction.commit().await.expect("it commits");
                    posted.fetch_add(1, Ordering::Relaxed);
                } else {
                    writers.submit(command(tenant, customer)).await.expect("it is done");
                    done.fetch_add(1, Ordering::Relaxed);
                }
            }
        })
    });
    for client in clients.collect::<Vec<_>>() {
        client.await.expect("it ends");
    }
    (done.load(Ordering::Relaxed) / seconds, posted.load(Ordering::Relaxed) / seconds)
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
#[ignore = "a measurement"]
#[expect(clippy::print_stdout, reason = "figures for people")]
async fn transfers_while_one_in_twenty_is_posted_alone(pool: PgPool) {
    let seconds = std::env::var("SPEED_SECONDS").ok().and_then(|seconds| seconds.parse().ok()).unwrap_or(4);
    let options = (*pool.connect_options()).clone().options(crate::database::PLANNING);
    let pool = PgPoolOptions::new().max_connections(12).connect_with(options).await.expect("it connects");
    let begin = OffsetDateTime::UNIX_EPOCH + time::Duration::days(20_800);
    let tenants: Vec<TenantId> = (0..TENANTS).map(|number| TenantId(Uuid::from_u64_pair(1, number))).collect();
    crate::database::open_months_ahead(&mut *pool.acquire().await.expect("a connection"), begin).await.expect("months");
    for tenant in &tenants {
        sqlx::query("insert into tenants (tenant_id, created_at) values ($1, now())")
            .bind(tenant.0)
            .execute(&pool)
            .await
            .expect("it is made");
    }
    let database = Database::from_pool(pool.clone());
    let clock = Clock::default();
    clock.set(begin);
    let writers = Writers::start(&database, &clock, &Clocks::new(clock.clone()), &Settings::defaults().ledger);
    let writers = writers.expect("they start");
    for tenant in &tenants {
        for customer in 0..50 {
            let mut opened = command(*tenant, customer);
            // What a partner gives away it has been given before.
            let (from, to) = (opened.postings[0].to, opened.postings[0].from);
            let vendor = Purse::vendor(*tenant, Currency::Cny);
            let paid = Posting { from: vendor, to, amount: Decimal::from(1_000_000), ..opened.postings[0].clone() };
            opened.postings = vec![paid.clone(), Posting { from: to, to: from, amount: Decimal::ONE, ..paid }];
            writers.submit(opened).await.expect("it is done");
        }
    }
    sqlx::query("vacuum analyze").execute(&pool).await.expect("it is analysed");
    for round in 1..=3 {
        for alone in [Alone::Nobody, Alone::OneTenant, Alone::Everybody] {
            let (batched, single) = measure(&database, &writers, &tenants, alone, seconds).await;
            println!("round={round} alone={alone:?} batched={batched}/s single={single}/s");
        }
    }
}
