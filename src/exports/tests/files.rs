//! What stands in the files.

use super::{EXPORTS, PARTNER, Row, of, rows, text};
use crate::exports::kinds;
use crate::exports::model::ExportKind;
use crate::exports::reading;
use crate::exports::source::With;
use crate::exports::store;
use crate::orders::tests::{CUSTOMER, Stall, decimal, id};
use crate::values::id::{DomainId, ExportId};
use crate::values::language::Language;
use crate::values::site::Site;
use crate::values::time::{Day, Month};
use rust_decimal::Decimal;
use serde_json::{Value, json};
use sqlx::PgPool;

fn sum(rows: &[Row], column: &str) -> Decimal {
    rows.iter().map(|row| row[column].parse::<Decimal>().expect("an exact number")).sum()
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn bills_of_a_month_are_those_of_the_list_and_add_up_to_the_same(pool: PgPool) {
    let stall = Stall::with_funds(pool, "10000").await;
    let (first, second) = (stall.paid_server().await, stall.paid_server().await);
    let month = Month::of(stall.app.app.clock.now()).to_string();
    let customer = stall.app.world.account(CUSTOMER).domain;
    let target =
        format!("/v2/bills/subcustomer-bills/res-fee-records?bill_cycle={month}&customer_id={customer}&limit=1000");
    let listed =
        stall.app.client(PARTNER).call(axum::http::Method::GET, &target, &[("x-language", "zh_CN")], "").await.ok();
    let listed = listed["fee_records"].as_array().expect("a list");
    assert_eq!(listed.len(), 4, "two lines each");

    let body = json!({"kind": "bills", "bill_cycle_begin": month, "customer_id": customer});
    let rows = rows(&stall.app.exported(PARTNER, &body).await);
    assert_eq!(rows.len(), listed.len());
    for column in ["official_amount", "payment_amount", "cash_amount", "debt_amount", "official_discount_amount"] {
        let total: Decimal = listed.iter().map(|record| decimal(&record[column])).sum();
        assert_eq!(sum(&rows, column), total, "{column}");
    }
    assert!(sum(&rows, "payment_amount") > Decimal::ZERO);
    // Field by field, whatever the list has that the file has as well.
    for row in &rows {
        let record = listed.iter().find(|record| record["id"] == json!(row["id"])).expect("it is in the list");
        for (column, cell) in row {
            let Some(value) = record.get(column.as_str()) else { continue };
            let same = match value {
                Value::Null => cell.is_empty(),
                Value::String(value) => value == cell,
                number => cell.parse::<Decimal>().is_ok_and(|cell| cell == decimal(number)),
            };
            assert!(same, "{column}: {cell} {value}");
        }
    }
    let orders: Vec<&str> = rows.iter().map(|row| row["trade_id"].as_str()).collect();
    assert!(orders.contains(&id(&first)) && orders.contains(&id(&second)));

    // A span that begins earlier has the same; a month before has nothing but the names of its columns.
    let earlier = Month::of(stall.app.app.clock.now()).before(1).to_string();
    let span = json!({"kind": "bills", "bill_cycle_begin": earlier, "bill_cycle_end": month});
    assert_eq!(super::rows(&stall.app.exported(PARTNER, &span).await), rows);
    let before = stall.app.exported(PARTNER, &json!({"kind": "bills", "bill_cycle_begin": earlier})).await;
    assert_eq!(before.lines().count(), 1);
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn each_kind_is_what_its_list_is_in_either_format(pool: PgPool) {
    let stall = Stall::with_funds(pool, "10000").await;
    let order = stall.paid_server().await;
    let provided = stall.provide(&order, &[]).await;
    let partner = stall.app.client(PARTNER);
    let month = Month::of(stall.app.app.clock.now()).to_string();
    let count = async |target: &str, field: &str| partner.get(target).await.ok()[field].as_u64().expect("a count");
    let customers = partner.post("/v2/partners/sub-customers/query", &json!({})).await.ok()["count"].as_u64();
    let orders = count("/v2/orders/customer-orders", "total_count").await;
    let coupons = count("/v2/promotions/benefits/partner-coupons", "total_count").await;
    let records = "/v2/accounts/partner-accounts/account-change-records?balance_type=BALANCE_TYPE_DEBIT";
    let funds = count(records, "total_count").await;
    assert!(coupons > 0 && funds > 0);
    for (kind, expected) in [
        ("customers", customers.expect("a count")),
        ("orders", orders),
        ("resources", 2),
        ("coupons", coupons),
        ("funds", funds),
    ] {
        let table = rows(&stall.app.exported(PARTNER, &of(kind)).await);
        assert_eq!(table.len() as u64, expected, "{kind}");
        let lines = stall.app.exported(PARTNER, &json!({"kind": kind, "format": "jsonl"})).await;
        let objects: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).expect("it is JSON")).collect();
        assert_eq!(objects.len(), table.len(), "{kind}");
        for (object, row) in objects.iter().zip(&table) {
            for (column, cell) in row {
                let value = &object[column.as_str()];
                let shown = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                assert!(shown == *cell || value.is_null() && cell.is_empty(), "{kind} {column}: {cell} {value}");
            }
        }
    }
    let resources = rows(&stall.app.exported(PARTNER, &of("resources")).await);
    assert!(resources.iter().any(|row| provided["lines"][0]["resource_id"] == json!(row["resource_id"])));
    let resellers = rows(&stall.app.exported("demo-distributor", &of("resellers")).await);
    assert!(resellers.iter().any(|row| row["associated_on"].ends_with('Z')));
    let marked = json!({"kind": "bills", "bill_cycle_begin": month, "byte_order_mark": true});
    assert!(stall.app.exported(PARTNER, &marked).await.starts_with("\u{feff}bill_cycle,"));
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn days_and_customers_filter(pool: PgPool) {
    let stall = Stall::with_funds(pool, "10000").await;
    stall.paid_server().await;
    let today = Day::of(stall.app.app.clock.now());
    let tomorrow = Day::of(today.end());
    let referral = stall.app.world.account("referral-customer").domain;
    for kind in ["orders", "funds", "coupons", "customers"] {
        let of_day = |day: Day| json!({"kind": kind, "time_begin": day, "time_end": day});
        let all = rows(&stall.app.exported(PARTNER, &of(kind)).await).len();
        let span = json!({"kind": kind, "time_begin": "2020-01-01", "time_end": today});
        assert_eq!(rows(&stall.app.exported(PARTNER, &span).await).len(), all, "{kind}");
        assert_eq!(rows(&stall.app.exported(PARTNER, &of_day(tomorrow)).await).len(), 0, "{kind}");
    }
    for (kind, expected) in [("orders", 0), ("resources", 0), ("customers", 1)] {
        let body = json!({"kind": kind, "customer_id": referral});
        assert_eq!(rows(&stall.app.exported(PARTNER, &body).await).len(), expected, "{kind}");
    }
    let refused = [
        (json!({"kind": "bills"}), "bill_cycle_begin"),
        (json!({"kind": "bills", "bill_cycle_begin": "2026-02", "bill_cycle_end": "2026-01"}), "bill_cycle_end"),
        (json!({"kind": "bills", "bill_cycle_begin": "2024-01", "bill_cycle_end": "2025-07"}), "bill_cycle_end"),
        (json!({"kind": "bills", "bill_cycle_begin": "2026-02", "time_begin": "2026-02-01"}), "time_begin"),
        (json!({"kind": "orders", "bill_cycle_begin": "2026-02"}), "bill_cycle_begin"),
        (json!({"kind": "orders", "time_begin": "2026-02-01"}), "time_end"),
        (json!({"kind": "orders", "time_begin": "2026-02-02", "time_end": "2026-02-01"}), "time_end"),
        (json!({"kind": "resources", "time_begin": "2026-02-02", "time_end": "2026-02-03"}), "time_begin"),
        (json!({"kind": "funds", "customer_id": referral}), "customer_id"),
        (json!({"kind": "resellers"}), "kind"),
        (json!({"kind": "weather"}), "kind"),
    ];
    for (body, field) in refused {
        let answer = stall.app.ask_export(PARTNER, &body).await;
        let (status, code, message) = answer.refusal();
        assert_eq!((status, code), (400, "CBC.0100"), "{body}");
        assert!(message.starts_with(&format!("Parameter error. {field}: ")), "{body} {message}");
    }
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn focus_adds_up_to_the_bills_and_to_the_amortised_costs(pool: PgPool) {
    let stall = Stall::with_funds(pool, "10000").await;
    let (kept, returned) = (stall.paid_server().await, stall.paid_server().await);
    stall.provide(&kept, &[]).await;
    let provided = stall.provide(&returned, &[]).await;
    let body = json!({"resource_ids": [provided["lines"][0]["resource_id"]], "unsubscribe_type": 1});
    stall.app.client(CUSTOMER).post("/v2/orders/subscriptions/resources/unsubscribe", &body).await.ok();
    let month = Month::of(stall.app.app.clock.now());
    let mut costs = Decimal::ZERO;
    for month in [month, month.next()] {
        let body = json!({"kind": "focus", "bill_cycle_begin": month, "bill_cycle_end": month});
        let focus = rows(&stall.app.exported(PARTNER, &body).await);
        let bills = json!({"kind": "bills", "bill_cycle_begin": month});
        let bills = rows(&stall.app.exported(PARTNER, &bills).await);
        assert_eq!(sum(&focus, "BilledCost"), sum(&bills, "payment_amount"), "{month}");
        assert_eq!(sum(&focus, "ListCost"), sum(&bills, "official_amount"), "{month}");
        costs += sum(&focus, "EffectiveCost");
        for row in &focus {
            let cell = |column: &str| row[column].parse::<Decimal>().expect("a number");
            assert_eq!(cell("ListUnitPrice") * cell("PricingQuantity"), cell("ListCost"));
            assert_eq!(cell("ContractedUnitPrice") * cell("PricingQuantity"), cell("ContractedCost"));
            assert!(["Compute", "Storage"].contains(&row["ServiceCategory"].as_str()), "{row:?}");
            assert_eq!(row["BillingCurrency"], "CNY");
            assert!(
                row["ChargePeriodStart"] < row["ChargePeriodEnd"]
                    && row["BillingPeriodStart"] < row["BillingPeriodEnd"]
            );
            let is_spread = row["ChargeCategory"] == "Usage";
            assert_eq!(is_spread, row["ConsumedUnit"] == "Days");
            assert!(is_spread || row["ChargeClass"] == "Correction" || cell("EffectiveCost") == Decimal::ZERO);
        }
    }
    let span = json!({"kind": "focus", "bill_cycle_begin": month, "bill_cycle_end": month.next()});
    let span = rows(&stall.app.exported(PARTNER, &span).await);
    // A month's purchase counts in two months at most, and what was paid less what was given back is what it cost.
    assert_eq!((sum(&span, "EffectiveCost"), sum(&span, "BilledCost")), (costs, costs));
    assert!(span.iter().any(|row| row["ChargeClass"] == "Correction" && row["PricingQuantity"] == "-1"));
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn cells_are_of_their_columns_kinds(pool: PgPool) {
    let stall = Stall::with_funds(pool, "10000").await;
    let order = stall.paid_server().await;
    stall.provide(&order, &[]).await;
    let month = Month::of(stall.app.app.clock.now()).to_string();
    for kind in ExportKind::ALL {
        let account = if kind == ExportKind::Resellers { "demo-distributor" } else { PARTNER };
        let mut body = of(kind.name());
        if kind.is_of_months() {
            body["bill_cycle_begin"] = json!(month);
        }
        let asked = stall.app.ask_export(account, &body).await.ok();
        let export = ExportId(text(&asked["export_id"]).parse().expect("an id"));
        let owner = stall.app.world.account(account);
        let mut connection = stall.pool.acquire().await.expect("a connection");
        let export = store::find(&mut connection, (owner.tenant, owner.domain), export).await.expect("it is read");
        let export = export.expect("it is there");
        let catalogue = stall.app.app.catalogue.load();
        let vault = &stall.app.app.vault;
        let with = With { catalogue: &catalogue, language: Language::EnUs, site: Site::Cn, vault, is_masked: true };
        let page = reading::next(&mut connection, &export, &with).await.expect("it is read");
        assert!(!page.rows.is_empty(), "{kind:?}");
        for cells in &page.rows {
            assert_eq!(cells.len(), page.columns.len(), "{kind:?}");
            for (column, cell) in page.columns.iter().zip(cells) {
                assert!(cell.kind().is_none_or(|kind| kind == column.kind), "{kind:?} {column:?} {cell:?}");
            }
        }
        stall.app.write_exports().await;
    }
    assert_eq!(kinds::bills::COLUMNS[0].name, "bill_cycle");
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn a_distributor_exports_its_resellers_rows_and_nobody_sees_those_of_others(pool: PgPool) {
    let app = crate::testing::TestApp::new(pool).await;
    let reseller = app.world.account("demo-reseller").domain;
    let customers = |rows: &[Row]| rows.iter().map(|row| row["customer_id"].clone()).collect::<Vec<_>>();
    let own = customers(&rows(&app.exported("demo-reseller", &of("customers")).await));
    assert!(!own.is_empty());
    let body = json!({"kind": "customers", "indirect_partner_id": reseller});
    assert_eq!(customers(&rows(&app.exported("demo-distributor", &body).await)), own);
    let stranger = json!({"kind": "customers", "indirect_partner_id": DomainId::new(app.app.clock.now())});
    assert!(app.ask_export("demo-distributor", &stranger).await.status.is_client_error());
    let others = customers(&rows(&app.exported(PARTNER, &of("customers")).await));
    assert!(own.iter().all(|customer| !others.contains(customer)));

    let export = app.ask_export(PARTNER, &of("customers")).await.ok();
    app.write_exports().await;
    for account in ["demo-distributor", "demo-reseller", "other-partner"] {
        assert!(app.fetch_export(account, &export).await.refusal().2.contains("export_id"), "{account}");
        let shown = app.client(account).get(&format!("{EXPORTS}/{}", text(&export["export_id"]))).await;
        assert_eq!(shown.refusal().1, "CBC.0100", "{account}");
        let listed = app.client(account).get(EXPORTS).await.ok();
        let ids: Vec<&Value> =
            listed["exports"].as_array().expect("a list").iter().map(|one| &one["export_id"]).collect();
        assert!(!ids.contains(&&export["export_id"]), "{account}");
    }
}
