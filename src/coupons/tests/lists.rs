//! Long lists: every statement finds its rows by an index.

use super::*;
use std::time::Instant as Stopwatch;

/// Writes coupons and records as if the partner had issued them: a second apart, the clock's hand at the end; every state,
/// both kinds, one in ten held by the customer, the others by somebody else (the partner: it is an account). The ledger
/// does not know of them, which no list asks.
const COUPONS: &str = "
    insert into coupons (tenant_id, coupon_id, holder_id, partner_id, quota_id, kind, face_value, currency, state,
                         effective_at, expires_at, limits, coupon_group, name, memo, frozen, order_id, created_at, listed,
                         expiry_told)
    select $1, gen_random_uuid(), case when n % 20 < 2 then $2 else $3 end, $3, $4, case when n % 50 = 0 then 4 else 1 end, 1, 'CNY',
           case when n % 4 = 0 then 3 when n % 40 = 1 then 4 when n % 100 = 2 then 5 else 2 end,
           $5::timestamptz - n * interval '1 second', $5::timestamptz + n * interval '1 second' + interval '1 hour', '{}', 0,
           '', '', false, case when n % 4 = 0 then 'CS' || n else '' end, $5::timestamptz - n * interval '1 second', true,
           false
    from generate_series(1, $6) n";
const LISTED: &str = "
    insert into coupon_partners (tenant_id, partner_id, listed)
    select tenant_id, partner_id, count(*) from coupons where listed and partner_id is not null group by 1, 2";
const RECORDS_OF_BOOK: &str = "
    insert into coupon_records (tenant_id, happened_at, record_id, owner_id, book, number, operation, quota_id, quota_kind,
                                parent_quota_id, coupon_id, customer_id, amount, balance_after, reference, service_type,
                                resource_type, memo)
    select $1, $5::timestamptz + (n - $6) * interval '1 second', gen_random_uuid(), $7, $8, n,
           case when n % 20 = 0 then 'reclaim' else 'issue' end, case when n % 1000 = 0 then $3 else $4 end, 0,
           case when $8 = 'split' then $3 end, gen_random_uuid(), $2, 1, 1, case when n % 7 = 0 then 'CS' || n else '' end,
           '', '', ''
    from generate_series(1, $6) n";

impl Shop {
    /// Leaves so many coupons of demo-partner and of demo-distributor, and so many records in each of their books.
    async fn fill(&self, rows: i32) {
        self.fill_with(rows, rows).await;
    }

    /// The same, with another number of coupons of demo-partner.
    async fn fill_with(&self, coupons: i32, rows: i32) {
        self.sql("update coupons set listed = false; delete from coupon_partners").await;
        self.sql("delete from coupon_books; delete from coupon_records").await;
        let now = self.now();
        let since = (now - Duration::days(60)).date();
        database::open_months(&mut *self.connection().await, since, now.date()).await.expect("opened");
        for (partner, customer) in [("demo-partner", "demo-customer"), ("demo-distributor", "reseller-customer")] {
            let quota = self.grant(partner, |_| {}).await.parse::<uuid::Uuid>().expect("an id");
            let ((tenant, owner), (_, holder)) = (self.account(partner), self.account(customer));
            let bound = |statement: &'static str, rows: i32| {
                sqlx::query(statement).bind(tenant.0).bind(holder.0).bind(owner.0).bind(quota).bind(now).bind(rows)
            };
            let coupons = if partner == "demo-partner" { coupons } else { rows };
            let mut connection = self.connection().await;
            bound(COUPONS, coupons).execute(&mut *connection).await.expect("they are written");
            for (book, of) in [("issued", owner), ("held", holder), ("split", owner)] {
                let records = bound(RECORDS_OF_BOOK, rows).bind(of.0).bind(book);
                records.execute(&mut *connection).await.expect("they are written");
            }
        }
        self.sql(LISTED).await;
        self.sql("vacuum analyze coupons").await;
        self.sql("vacuum analyze coupon_records").await;
    }

    /// How often big tables were read from end to end so far.
    async fn scans(&self) -> i64 {
        // What a connection counted is known to others after a moment; this asks it to say so now.
        // A month in which nothing happened is read from end to end sooner than its index.
        let statement = "select coalesce(sum(seq_scan), 0)::bigint from pg_stat_user_tables
                         where (relname = 'coupons' or relname like 'coupon\\_records%') and n_live_tup > 0";
        count(&mut *self.connection().await, "select 1::bigint from pg_stat_force_next_flush()").await;
        count(&mut *self.connection().await, statement).await
    }
}

/// Every list with every filter: the caller, the target, and how many rows of 20,000 it has, where that is simple to say.
fn targets(shop: &Shop, now: OffsetDateTime) -> Vec<(&'static str, String)> {
    let at = |ago: i64| {
        let instant = crate::values::time::Instant(now - Duration::seconds(ago));
        serde_json::to_value(instant).expect("written").as_str().expect("a text").to_owned()
    };
    let id = uuid::Uuid::from_u128(7).simple().to_string();
    let (customer, resellers_customer) = (shop.id("demo-customer"), shop.id("reseller-customer"));
    let mut targets = Vec::new();
    let mut add = |caller, list: &str, filters: &[String]| {
        let glue = if list.contains('?') { '&' } else { '?' };
        targets.extend(filters.iter().map(|filter| (caller, format!("{list}{glue}limit=100&{filter}"))));
    };
    let coupons = [
        "offset=0".to_owned(),
        "offset=2000".to_owned(),
        "offset=19950".to_owned(),
        format!("coupon_id={id}"),
        format!("customer_id={customer}&offset=1950"),
        "order_id=CS4000".to_owned(),
        "coupon_type=4".to_owned(),
        "coupon_type=1&offset=19500".to_owned(),
        "status=1".to_owned(),
        "status=2&offset=2000".to_owned(),
        "status=3".to_owned(),
        "status=4".to_owned(),
        "status=5".to_owned(),
        format!("create_time_begin={}", at(50)),
        format!("create_time_end={}", at(19_000)),
        format!("effective_time_begin={}&effective_time_end={}", at(500), at(400)),
        format!("expire_time_begin={}&expire_time_end={}", at(-4000), at(-4100)),
    ];
    add("demo-partner", ISSUE, &coupons);
    let own = ["offset=0", "offset=1950", "status=2&offset=800", "coupon_type=4", "order_id=CS4000", "source_id="];
    add("demo-customer", OWN, &own.map(str::to_owned));
    add("demo-customer", OWN, &[format!("active_start_time={}", at(50)), format!("coupon_id={id}")]);
    let records = [
        "offset=0".to_owned(),
        "offset=19950".to_owned(),
        format!("operation_time_begin={}&operation_time_end={}", at(9000), at(8000)),
        "operation_types=2".to_owned(),
        format!("quota_id={}", shop.id("demo-partner")),
        "quota_type=1".to_owned(),
        format!("coupon_ids={id}"),
        format!("customer_id={id}"),
    ];
    add("demo-partner", RECORDS, &records);
    let changes = [
        "offset=19950".to_owned(),
        "trade_type=COUPONCANCEL".to_owned(),
        "trade_id=CS7".to_owned(),
        format!("coupon_id={id}"),
    ];
    add("demo-customer", CHANGES, &changes);
    let split = [
        "offset=19950".to_owned(),
        "operation_type=11".to_owned(),
        format!("quota_id={}", shop.id("demo-distributor")),
        format!("parent_quota_id={id}"),
        format!("indirect_partner_id={id}"),
        format!("indirect_partner_id={resellers_customer}&offset=19950"),
    ];
    add("demo-distributor", SPLIT_RECORDS, &split);
    targets
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn no_list_reads_a_big_table_from_end_to_end(pool: PgPool) {
    // One connection, so that what it counted is what the lists did.
    let options = (*pool.connect_options()).clone();
    let single =
        sqlx::postgres::PgPoolOptions::new().max_connections(1).connect_with(options).await.expect("it is there");
    let shop = Shop::new(single).await;
    shop.fill(20_000).await;
    let now = shop.now();
    let mut before = shop.scans().await;
    for (caller, target) in targets(&shop, now) {
        shop.get(caller, &target).await;
        let after = shop.scans().await;
        assert_eq!(after, before, "{target} reads a big table from end to end");
        before = after;
    }
    // The measure works: this does.
    count(&mut *shop.connection().await, "select count(*) from coupons where memo like '%nothing%'").await;
    assert!(shop.scans().await > before);
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn pages_from_both_ends_and_totals_agree(pool: PgPool) {
    let shop = Shop::new(pool).await;
    shop.fill(250).await;
    for filter in ["", "&status=2", "&coupon_type=4", "&order_id=CS40"] {
        let mut seen = Vec::new();
        let mut total = None;
        loop {
            let page = shop.get("demo-partner", &format!("{ISSUE}?limit=30&offset={}{filter}", seen.len())).await;
            total = page["total_count"].as_u64().or(total);
            let ids = page["user_coupons"].as_array().expect("a list").iter();
            let ids: Vec<(String, String)> =
                ids.map(|row| (row["create_time"].to_string(), row["coupon_id"].to_string())).collect();
            if ids.is_empty() {
                break;
            }
            seen.extend(ids);
        }
        assert_eq!(Some(seen.len() as u64), total, "{filter}");
        assert!(!seen.is_empty() && seen.is_sorted_by(|one, next| one.0 >= next.0), "{filter}");
        let distinct: std::collections::HashSet<&String> = seen.iter().map(|(_, id)| id).collect();
        assert_eq!(distinct.len(), seen.len(), "{filter}");
    }
    let records = shop.get("demo-partner", &format!("{RECORDS}?limit=100&offset=200")).await;
    assert_eq!((&records["total_count"], records["records"].as_array().map(Vec::len)), (&json!(250), Some(50)));
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
#[ignore = "by hand: writes 200,000 records a book and LISTED_COUPONS coupons, and prints how long each page takes"]
async fn each_page_of_a_long_list_takes(pool: PgPool) {
    let listed = std::env::var("LISTED_COUPONS").ok().and_then(|listed| listed.parse().ok()).unwrap_or(200_000);
    let shop = Shop::new(pool).await;
    shop.fill_with(listed, 200_000).await;
    for (caller, target) in targets(&shop, shop.now()) {
        let last = if target.starts_with(ISSUE) && !target.starts_with(RECORDS) { listed } else { 200_000 } - 50;
        let target = target.replace("offset=19950", &format!("offset={last}")).replace("offset=2000", "offset=20000");
        shop.get(caller, &target).await;
        let started = Stopwatch::now();
        let total = shop.get(caller, &target).await;
        let total = total["total_count"].as_i64().or(total["count"].as_i64());
        println!("{:>8.1} ms  {:>7}  {target}", started.elapsed().as_secs_f64() * 1000.0, total.unwrap_or_default());
    }
}
