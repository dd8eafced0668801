//! Invoices through the router, on a real database.

use crate::metering::settlement::closes_at;
use crate::operators::store::Role;
use crate::orders::tests::{CUSTOMER, Stall, decimal, id};
use crate::testing::{Answer, all};
use crate::values::amount::Amount;
use crate::values::time::{Month, write_instant};
use axum::http::Method;
use rust_decimal::Decimal;
use serde_json::{Value, json};
use sqlx::PgPool;
use time::Duration;

const PARTNER: &str = "demo-partner";
const INVOICES: &str = "/partner/v1/invoices";
const TITLES: &str = "/partner/v1/invoice-titles";

/// What may be invoiced, as the partner sees it.
struct Open {
    invoiceable: Decimal,
    owed: Decimal,
    items: Value,
}

impl Stall {
    /// A server for some months that is paid for, in one order.
    async fn paid(&self, months: u32, with: &Value) -> Value {
        let order = self.order(&Self::server(months, false)).await;
        assert_eq!(self.pay_with(&order, with).await.status.as_u16(), 204);
        order
    }

    async fn open_amounts(&self, filter: &str) -> Open {
        let answer = self.app.client(PARTNER).get(&format!("{INVOICES}/amounts{filter}")).await.ok();
        Open {
            invoiceable: decimal(&answer["invoiceable_amount"]),
            owed: decimal(&answer["owed_amount"]),
            items: answer["items"].clone(),
        }
    }

    async fn title(&self, fields: &Value) -> String {
        let kept = self.app.client(PARTNER).post(TITLES, fields).await.ok();
        kept["title_id"].as_str().expect("an id").to_owned()
    }

    async fn company(&self) -> String {
        self.title(&json!({"title_type": 1, "invoice_title": "Example Trading", "tax_number": "91520900MA6J6CBN9Q"}))
            .await
    }

    async fn request(&self, of: &Value, title: &str) -> Answer {
        let mut body = json!({"title_id": title, "invoice_type": 1, "medium": "digital", "email": "a@example.com"});
        for (name, value) in of.as_object().expect("fields") {
            body[name] = value.clone();
        }
        self.app.client(PARTNER).post(INVOICES, &body).await
    }

    async fn invoice_step(&self, invoice: &Value, step: &str, body: &Value) -> Answer {
        let invoice = invoice["invoice_id"].as_str().expect("an id");
        self.operate(Method::POST, &format!("/admin/v1/accounts/{PARTNER}/invoices/{invoice}/{step}"), body).await
    }

    async fn give_back(&self, order: &Value) {
        let provided = self.provide(order, &[]).await;
        let body = json!({"resource_ids": [provided["lines"][0]["resource_id"]], "unsubscribe_type": 1});
        self.app.client(CUSTOMER).post("/v2/orders/subscriptions/resources/unsubscribe", &body).await.ok();
    }
}

fn orders(orders: &[&Value]) -> Value {
    json!({"order_ids": orders.iter().map(|order| id(order)).collect::<Vec<_>>()})
}

fn refused(answer: &Answer, field: &str) {
    let (status, code, message) = answer.refusal();
    assert_eq!((status, code), (400, "CBC.0100"), "{message}");
    assert!(message.contains(field), "{message}");
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn an_order_is_invoiced_once_without_what_coupons_paid(pool: PgPool) {
    let stall = Stall::with_funds(pool, "10000").await;
    let coupon = stall.coupon("50").await;
    let with = json!({"use_coupon": "YES", "coupon_infos": [{"id": coupon, "type": 301}]});
    let order = stall.paid(1, &with).await;
    let paid = decimal(&order["official_amount"]) - Decimal::from(50);
    let open = stall.open_amounts("").await;
    assert_eq!((open.invoiceable, open.owed), (paid, Decimal::ZERO));
    assert_eq!((&open.items[0]["order_id"], decimal(&open.items[0]["amount"])), (&order["order_id"], paid));

    let title = stall.company().await;
    let invoice = stall.request(&orders(&[&order]), &title).await.ok();
    assert_eq!((decimal(&invoice["amount"]), &invoice["status"]), (paid, &json!("in_review")));
    assert_eq!(stall.open_amounts("").await.invoiceable, Decimal::ZERO);
    refused(&stall.request(&orders(&[&order]), &title).await, "order_ids");
    refused(&stall.request(&json!({"order_ids": ["CS2603281445NOTME"]}), &title).await, "order_ids");

    // The customer, whose partner is invoiced, has nothing to be invoiced itself.
    let own = stall.app.client(CUSTOMER).get(&format!("{INVOICES}/amounts")).await.ok();
    assert_eq!((&own["total_count"], &own["items"]), (&json!(0), &json!([])));
    // Nobody else sees it.
    let other = stall.app.client("demo-distributor");
    assert_eq!(other.get(INVOICES).await.ok()["total_count"], 0);
    let invoice_id = invoice["invoice_id"].as_str().expect("an id");
    refused(&other.post(&format!("{INVOICES}/{invoice_id}/withdraw"), &json!({})).await, "invoice_id");
    let listed = stall.app.client(PARTNER).get(&format!("{INVOICES}?status=in_review")).await.ok();
    assert_eq!(
        (&listed["invoices"][0]["invoice_title"], &listed["total_count"]),
        (&json!("Example Trading"), &json!(1))
    );
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn an_invoice_is_printed_with_what_was_entered_as_text_and_its_steps_are_told(pool: PgPool) {
    let stall = Stall::with_funds(pool, "10000").await;
    let order = stall.paid(1, &json!({})).await;
    let name = "<script>alert('Example & Co')</script>";
    let title = stall.title(&json!({"title_type": 1, "invoice_title": name, "tax_number": "91520900MA6J6CBN9Q"})).await;
    let invoice = stall.request(&orders(&[&order]), &title).await.ok();
    let target = format!("{INVOICES}/{}/print", invoice["invoice_id"].as_str().expect("an id"));
    let page = stall.app.client(PARTNER).get(&target).await;
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    assert!(page.header("content-security-policy").is_some_and(|policy| policy.starts_with("default-src 'none'")));
    assert!(!page.text.contains("<script"), "{}", page.text);
    let amount = Amount::from(decimal(&invoice["amount"])).to_string();
    for shown in ["&lt;script&gt;alert(&#39;Example &amp; Co&#39;)", "91520900MA6J6CBN9Q", id(&order), amount.as_str()]
    {
        assert!(page.text.contains(shown), "{shown}: {}", page.text);
    }
    assert!(page.text.contains("Request for an invoice"));
    let taxes = json!([{"tax_class": "VAT", "tax_rate": "6%", "tax_amount": "1.25"}]);
    stall.invoice_step(&invoice, "issue", &json!({"invoice_no": "2631", "taxes": taxes})).await.ok();
    let staff =
        format!("/admin/v1/accounts/{PARTNER}/invoices/{}/print", invoice["invoice_id"].as_str().expect("an id"));
    let page = stall.operate(Method::GET, &staff, &Value::Null).await;
    assert!(page.text.contains("<h1>VAT invoice</h1>") && page.text.contains("of which VAT at 6%"), "{}", page.text);
    refused(&stall.app.client("demo-distributor").get(&target).await, "invoice_id");
    let events = stall.app.client(PARTNER).get("/partner/v1/events?after=0&limit=1000").await.ok();
    let told: Vec<&str> = events["events"]
        .as_array()
        .expect("a list")
        .iter()
        .filter(|event| event["data"]["invoice_id"] == invoice["invoice_id"])
        .filter_map(|event| event["type"].as_str())
        .collect();
    assert_eq!(told, ["invoice.requested", "invoice.issued"]);
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn what_is_given_back_after_an_invoice_lowers_the_next_one(pool: PgPool) {
    let stall = Stall::with_funds(pool, "10000").await;
    let title = stall.company().await;
    let first = stall.paid(1, &json!({})).await;
    stall.request(&orders(&[&first]), &title).await.ok();
    stall.wait(Duration::days(10)).await;
    stall.give_back(&first).await;
    let open = stall.open_amounts("").await;
    let returned = open.owed;
    assert!(returned > Decimal::ZERO && open.invoiceable == Decimal::ZERO);
    assert_eq!(decimal(&open.items[0]["amount"]), -returned);

    let next = stall.paid(3, &json!({})).await;
    let due = decimal(&next["official_amount"]) - returned;
    assert_eq!(stall.open_amounts("").await.invoiceable, due);
    let invoice = stall.request(&orders(&[&next]), &title).await.ok();
    assert_eq!((decimal(&invoice["amount"]), invoice["items"].as_array().map(Vec::len)), (due, Some(2)));
    let open = stall.open_amounts("").await;
    assert_eq!((open.invoiceable, open.owed), (Decimal::ZERO, Decimal::ZERO));
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn what_is_withdrawn_refused_or_returned_is_open_again(pool: PgPool) {
    let stall = Stall::with_funds(pool, "10000").await;
    let title = stall.company().await;
    let order = stall.paid(1, &json!({})).await;
    let paid = decimal(&order["official_amount"]);
    let request = async || stall.request(&orders(&[&order]), &title).await.ok();
    let open = async || stall.open_amounts("").await.invoiceable;

    let withdrawn = request().await;
    let target = format!("{INVOICES}/{}/withdraw", withdrawn["invoice_id"].as_str().expect("an id"));
    assert_eq!(stall.app.client(PARTNER).post(&target, &json!({})).await.ok()["status"], "withdrawn");
    refused(&stall.app.client(PARTNER).post(&target, &json!({})).await, "invoice_id");
    assert_eq!(open().await, paid);

    let reason = json!({"reason": "The tax number is not that of the company."});
    let unwanted = request().await;
    refused(&stall.invoice_step(&unwanted, "send", &json!({"parcel_no": "SF1"})).await, "invoice_id");
    refused(&stall.invoice_step(&unwanted, "return", &reason).await, "invoice_id");
    let answer = stall.invoice_step(&unwanted, "refuse", &reason).await.ok();
    assert_eq!((&answer["status"], &answer["reason"]), (&json!("refused"), &reason["reason"]));
    assert_eq!(open().await, paid);

    let invoice = request().await;
    let taxes = json!([{"tax_class": "VAT", "tax_rate": "6%", "tax_amount": "1.25"}]);
    let issued = stall.invoice_step(&invoice, "issue", &json!({"invoice_no": "2631", "taxes": taxes})).await.ok();
    assert_eq!((&issued["status"], &issued["invoice_no"]), (&json!("issued"), &json!("2631")));
    refused(&stall.invoice_step(&invoice, "issue", &json!({"invoice_no": "2632"})).await, "invoice_id");
    assert_eq!(stall.invoice_step(&invoice, "send", &json!({"parcel_no": "SF1"})).await.ok()["parcel_no"], "SF1");
    assert_eq!(open().await, Decimal::ZERO);
    assert_eq!(stall.invoice_step(&invoice, "return", &reason).await.ok()["status"], "returned");
    assert_eq!(open().await, paid);
    // The number of an invoice is never another's.
    let again = request().await;
    refused(&stall.invoice_step(&again, "issue", &json!({"invoice_no": "2631"})).await, "invoice_no");

    let listed =
        stall.operate(Method::GET, &format!("/admin/v1/accounts/{PARTNER}/invoices?limit=3"), &Value::Null).await.ok();
    let statuses: Vec<&Value> =
        listed["invoices"].as_array().expect("a list").iter().map(|invoice| &invoice["status"]).collect();
    assert_eq!(statuses, ["in_review", "returned", "refused"]);
    let cursor = listed["next_cursor"].as_str().expect("it goes on");
    let target = format!("/admin/v1/accounts/{PARTNER}/invoices?limit=3&cursor={cursor}");
    let rest = stall.operate(Method::GET, &target, &Value::Null).await.ok();
    assert_eq!((rest["invoices"].as_array().map(Vec::len), &rest["next_cursor"]), (Some(1), &Value::Null));
    let reader = stall.app.operator(Role::Read).await;
    let target =
        format!("/admin/v1/accounts/{PARTNER}/invoices/{}/refuse", again["invoice_id"].as_str().expect("an id"));
    assert_eq!(reader.post(&target, &reason).await.status.as_u16(), 403);
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn a_month_is_invoiced_once_it_is_closed_and_paid_for(pool: PgPool) {
    let stall = Stall::with_funds(pool, "300").await;
    let title = stall.company().await;
    let month = Month::of(stall.app.app.clock.now());
    let customer = stall.app.world.account(CUSTOMER).domain;
    let order = stall.paid(1, &json!({})).await;
    let of_month = json!({"bill_cycle": month.to_string(), "customer_id": customer});
    refused(&stall.request(&of_month, &title).await, "closed");
    stall.wait(closes_at(month) - stall.app.app.clock.now() + Duration::MINUTE).await;

    let stranger = json!({"bill_cycle": month.to_string(), "customer_id": "nobody"});
    refused(&stall.request(&stranger, &title).await, "bill_cycle");
    let other = json!({"bill_cycle": month.before(1).to_string()});
    refused(&stall.request(&other, &title).await, "closed");
    // As if something of it were owed.
    stall.sql("update invoiceable set owed = 1").await;
    refused(&stall.request(&of_month, &title).await, "not paid");
    stall.sql("update invoiceable set owed = 0").await;
    let invoice = stall.request(&of_month, &title).await.ok();
    assert_eq!(decimal(&invoice["amount"]), decimal(&order["official_amount"]));
    assert_eq!((&invoice["bill_cycle"], &invoice["customer_id"]), (&json!(month), &json!(customer)));
    refused(&stall.request(&json!({"bill_cycle": month.to_string()}), &title).await, "bill_cycle");
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn of_many_requests_for_the_same_one_gets_it(pool: PgPool) {
    let stall = Stall::with_funds(pool.clone(), "10000").await;
    let title = stall.company().await;
    let bought = [stall.paid(1, &json!({})).await, stall.paid(2, &json!({})).await];
    let paid: Decimal = bought.iter().map(|order| decimal(&order["official_amount"])).sum();
    let both = orders(&[&bought[0], &bought[1]]);
    let one = orders(&[&bought[1]]);
    let calls = (0..64).map(|number| stall.request(if number % 2 == 0 { &both } else { &one }, &title));
    let answers = all(calls).await;
    let invoiced: Vec<Decimal> = answers
        .iter()
        .filter(|answer| answer.status.is_success())
        .map(|answer| decimal(&answer.body["amount"]))
        .collect();
    assert!((1..=2).contains(&invoiced.len()), "{invoiced:?}");
    assert_eq!(invoiced.iter().sum::<Decimal>(), paid);
    answers.iter().filter(|answer| !answer.status.is_success()).for_each(|answer| refused(answer, "order_ids"));
    let (items, held): (Decimal, Decimal) =
        sqlx::query_as("select (select sum(amount) from invoice_items), (select sum(invoiced) from invoiceable)")
            .fetch_one(&pool)
            .await
            .expect("it is read");
    assert_eq!((items, held), (paid, paid));
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn what_is_asked_wrongly_is_named(pool: PgPool) {
    let stall = Stall::with_funds(pool, "10000").await;
    let order = stall.paid(1, &json!({})).await;
    let (company, person) =
        (stall.company().await, stall.title(&json!({"title_type": 0, "invoice_title": "Li Lei"})).await);
    let with = |changes: Value| {
        let mut body = orders(&[&order]);
        for (name, value) in changes.as_object().expect("fields") {
            body[name] = value.clone();
        }
        body
    };
    for (changes, title, field) in [
        (json!({"invoice_type": 0}), &person, "invoice_type"),
        (json!({"invoice_type": 0}), &company, "title_id"),
        (json!({"medium": "paper"}), &person, "address_info"),
        (json!({"email": null}), &person, "email"),
        (json!({"bill_cycle": "2026-01"}), &person, "order_ids"),
        (json!({"customer_id": "x"}), &person, "customer_id"),
        (json!({"order_ids": null}), &person, "bill_cycle"),
        (json!({}), &"01978d6a2b3c7d4e8f90a1b2c3d4e5f6".to_owned(), "title_id"),
    ] {
        refused(&stall.request(&with(changes), title).await, field);
    }
    let client = stall.app.client(PARTNER);
    refused(&client.post(TITLES, &json!({"title_type": 1, "invoice_title": "Example"})).await, "tax_number");
    refused(&client.post(TITLES, &json!({"title_type": 2, "invoice_title": "Example"})).await, "title_type");
    let titles = client.get(TITLES).await.ok();
    assert_eq!(titles["titles"].as_array().map(Vec::len), Some(2));
    let gone = client.call(Method::DELETE, &format!("{TITLES}/{person}"), &[], "").await;
    assert_eq!(gone.status.as_u16(), 204);
    refused(&client.call(Method::DELETE, &format!("{TITLES}/{person}"), &[], "").await, "title_id");
    // Another's title is none.
    let distributor = stall.app.client("demo-distributor");
    refused(&distributor.call(Method::DELETE, &format!("{TITLES}/{company}"), &[], "").await, "title_id");
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn the_vendors_form_counts_pages(pool: PgPool) {
    let stall = Stall::with_funds(pool, "10000").await;
    let title = stall.company().await;
    let paper = json!({"medium": "paper", "address_info": {"address": "1 Long Street", "recipients": "Li Lei",
        "zip_code": "550000", "mobile_phone": "13800000000"}});
    for months in [1, 2, 3] {
        let order = stall.paid(months, &json!({})).await;
        let mut of = orders(&[&order]);
        of["medium"] = paper["medium"].clone();
        of["address_info"] = paper["address_info"].clone();
        let invoice = stall.request(&of, &title).await.ok();
        if months == 1 {
            let taxes = json!([{"tax_class": "VAT", "tax_rate": "6%", "tax_amount": 1.25}]);
            stall.invoice_step(&invoice, "issue", &json!({"invoice_no": "2631", "taxes": taxes})).await.ok();
        }
    }
    let (partner, now) = (stall.app.world.account(PARTNER).domain, stall.app.app.clock.now());
    let page = async |number: u32| {
        let [from, until] = [now - Duration::DAY, now + Duration::DAY].map(|at| write_instant(at).replace(':', "%3A"));
        let target = format!(
            "/v1.0/{partner}/payments/intl-invoices?start_time={from}&end_time={until}&offset={number}&limit=2"
        );
        stall.app.client(PARTNER).get(&target).await
    };
    let (first, second, third) = (page(1).await.ok(), page(2).await.ok(), page(3).await.ok());
    assert_eq!((&first["count"], first["invoices"].as_array().map(Vec::len)), (&json!(3), Some(2)));
    assert_eq!((&third["count"], &third["invoices"]), (&json!(3), &json!([])));
    let invoice = &second["invoices"][0];
    assert_eq!((&invoice["invoiceState"], &invoice["invoiceNo"]), (&json!(6), &json!("2631")));
    assert_eq!(invoice["addressInfo"]["recipients"], "Li Lei");
    assert_eq!(
        (&invoice["taxList"][0]["taxClass"], &invoice["taxList"][0]["taxAmount"]),
        (&json!("VAT"), &json!(1.25))
    );
    assert_eq!((&invoice["titleType"], &invoice["invoiceMethod"]), (&json!(1), &json!(2)));
    assert_eq!(first["invoices"][0]["invoiceState"], 1);
    refused(&page(0).await, "offset");
    let other = stall.app.world.account("demo-distributor").domain;
    let target = format!(
        "/v1.0/{other}/payments/intl-invoices?start_time=2026-01-01T00%3A00%3A00Z&end_time=2026-01-02T00%3A00%3A00Z&offset=1&limit=2"
    );
    assert_eq!(stall.app.client(PARTNER).get(&target).await.status.as_u16(), 403);
}
