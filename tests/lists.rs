//! No list of the default world is bare: each has a row for the demo partner, for a customer with orders, and for the master, as far
//! as they may call it.

use bss_gateway::api::caller::CallerKind;
use bss_gateway::api::policy::{POLICY, Policy};
use bss_gateway::config::RateText;
use bss_gateway::ledger::verify;
use bss_gateway::metering;
use bss_gateway::sandbox::world::{Scale, World};
use bss_gateway::testing::{Client, TestApp};
use bss_gateway::values::time::{Month, write_instant};
use serde_json::{Value, json};
use sqlx::PgPool;
use std::borrow::Cow;
use std::collections::BTreeMap;
use time::Duration;

/// Who asks, by kind of caller. Of customers the first one who has a row will do.
const CALLERS: [(CallerKind, &[&str]); 4] = [
    (CallerKind::Partner, &["demo-partner"]),
    (CallerKind::Customer, &["buying-customer", "metered-customer"]),
    (CallerKind::Master, &["demo-master"]),
    (CallerKind::Distributor, &["demo-distributor"]),
];

/// What is empty, for whom, and why.
const EMPTY: [(&str, CallerKind, &str); 11] = [
    ("ListWebhooks", CallerKind::Partner, "a webhook needs a receiver, which nobody has yet"),
    ("ListWebhookDeliveries", CallerKind::Partner, "likewise"),
    ("ListResourcesV1", CallerKind::Partner, "it lists the caller's own, and partners have none"),
    (
        "ListSubCustomerCoupons",
        CallerKind::Partner,
        "it lists the caller's own, and a partner that issues coupons has none",
    ),
    ("ListInvoiceTitles", CallerKind::Customer, "a resale customer's partner is invoiced"),
    ("ListInvoiceRequests", CallerKind::Customer, "likewise"),
    ("ListInvoiceableAmounts", CallerKind::Customer, "likewise"),
    ("ListInvoices", CallerKind::Customer, "likewise"),
    ("ListExports", CallerKind::Partner, "nobody has asked for a file yet"),
    ("ListFileSubscriptions", CallerKind::Partner, "likewise"),
    ("ListFileDeliveries", CallerKind::Partner, "likewise"),
];

/// A list in the document.
struct List {
    id: String,
    is_post: bool,
    path: String,
    policy: Policy,
    /// The fields of its answer that are lists.
    rows: Vec<String>,
}

/// Every operation that answers a list: whatever is got, and what is posted to be listed.
fn lists() -> Vec<List> {
    let document = serde_json::to_value(bss_gateway::operations().document()).expect("the document serialises");
    let mut lists = Vec::new();
    for (path, item) in document["paths"].as_object().expect("a map") {
        for (method, operation) in item.as_object().expect("a map") {
            let id = operation["operationId"].as_str().expect("a text").to_owned();
            let is_list = method == "get" && !id.starts_with("Explain") || method == "post" && id.starts_with("List");
            let answer = &operation["responses"]["200"]["content"]["application/json"]["schema"];
            let rows = arrays(&document, answer);
            if is_list && !rows.is_empty() {
                let policy = serde_json::from_value(operation[POLICY].clone()).expect("a policy");
                lists.push(List { id, is_post: method == "post", path: path.clone(), policy, rows });
            }
        }
    }
    assert!(lists.len() > 70, "{}", lists.len());
    lists
}

/// The names of a schema's lists.
fn arrays(document: &Value, schema: &Value) -> Vec<String> {
    let schema = resolved(document, schema);
    let parts = schema["allOf"].as_array().into_iter().flatten().flat_map(|part| arrays(document, part));
    let fields = schema["properties"].as_object().into_iter().flatten();
    let own = fields.filter(|(_, field)| {
        let kind = &resolved(document, field)["type"];
        kind == "array" || kind.as_array().is_some_and(|kinds| kinds.contains(&json!("array")))
    });
    parts.chain(own.map(|(name, _)| name.clone())).collect()
}

fn resolved<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    schema["$ref"].as_str().map_or(schema, |name| {
        document.pointer(name.trim_start_matches('#')).expect("the document has what it refers to")
    })
}

/// What a caller can ask for.
struct Asking<'a> {
    app: &'a TestApp,
    client: Client<'a>,
    caller: &'a str,
    kind: CallerKind,
    cycle: Month,
}

impl Asking<'_> {
    /// The id of an order that stands so, or is for this.
    async fn order(&self, filter: &str) -> String {
        let found = self.client.get(&format!("/v2/orders/customer-orders?{filter}")).await.ok();
        found["order_infos"][0]["order_id"].as_str().unwrap_or("none").to_owned()
    }

    fn id(&self, account: &str) -> String {
        self.app.world.account(account).domain.0.simple().to_string()
    }

    /// What stands in the path, in the query, and in the body.
    async fn arguments(&self, list: &List) -> (String, Vec<(&'static str, String)>, Value) {
        let (cycle, now) = (self.cycle.to_string(), self.app.app.clock.now());
        let own = self.id(self.caller);
        let customer = match list.id.as_str() {
            "ListSubCustomerBudgetRecords"
            | "ListSubCustomerBudget"
            | "ListIssuedPartnerCoupons"
            | "ListPartnerCouponsRecord" => self.id("demo-customer"),
            "ListOnDemandResourcesV1" | "ListCustomerOnDemandResources" => self.id("metered-customer"),
            _ => self.id("buying-customer"),
        };
        let order = match list.id.as_str() {
            "ShowRefundOrderV1" | "ShowRefundOrderDetails" => self.order("order_type=4").await,
            "ListOrderDiscounts" | "ListOrderCouponsByOrderId" => {
                self.order("status=6&service_type_code=hws.service.type.rds").await
            }
            "ListOrderResourcesV1" => self.order("status=5&order_type=1").await,
            _ => self.order("").await,
        };
        let mut path = list.path.clone();
        for (name, value) in
            [("{domain_id}", &own), ("{partner_id}", &own), ("{order_id}", &order), ("{subscription_id}", &own)]
        {
            path = path.replace(name, value);
        }
        let resource = if self.kind == CallerKind::Master { "office" } else { "metered" };
        let mut query = vec![
            ("bill_cycle", cycle.clone()),
            ("cycle", cycle.clone()),
            ("shared_month", cycle.clone()),
            ("time", "2026-01".to_owned()),
            ("order_id", order),
            ("customer_id", customer.clone()),
            ("sub_customer_id", self.id("demo-member-2")),
            ("balance_type", "BALANCE_TYPE_DEBIT".to_owned()),
            // Of cards: the master has used its up.
            ("status", if self.kind == CallerKind::Master { "2" } else { "1" }.to_owned()),
            ("charge_mode", "1".to_owned()),
            ("province_code", "CN-13".to_owned()),
            ("city_code", "CN-13-001".to_owned()),
            ("service_type_code", "hws.service.type.cdn".to_owned()),
            ("resource_type_code", "hws.resource.type.cdn".to_owned()),
            ("usage_type", "95Peak".to_owned()),
            ("resource_id", format!("{resource}-delivery")),
            ("deduct_time_begin", self.cycle.first_day().to_string()),
            ("deduct_time_end", self.cycle.last_day().to_string()),
            ("start_time", write_instant(now - Duration::days(90))),
            ("end_time", write_instant(now)),
            ("offset", "1".to_owned()),
            ("limit", "10".to_owned()),
        ];
        if list.id == "ListCustomerCouponChangeRecords" {
            query.iter_mut().filter(|(name, _)| *name == "balance_type").for_each(|(_, value)| {
                "BALANCE_TYPE_COUPON".clone_into(value);
            });
        }
        let is_purchase = list.id == "ListRateOnPeriodDetail";
        let mut server = json!({"id": "1", "cloud_service_type": "hws.service.type.ec2",
            "resource_type": "hws.resource.type.vm", "resource_spec": "s6.large.2.linux", "region": "cn-north-4",
            "subscription_num": 1, "usage_factor": "Duration", "usage_value": 1, "usage_measure_id": 4,
            "period_type": 2, "period_num": 1});
        if is_purchase {
            // Of which there are discounts.
            server["cloud_service_type"] = json!("hws.service.type.rds");
            server["resource_type"] = json!("hws.resource.type.rds.vm");
            server["resource_spec"] = json!("rds.mssql.spec.se.s6.large.2");
        }
        let in_use = match list.id.as_str() {
            "ListRenewRateOnPeriod" => {
                let wanted = json!({"status_list": [2], "only_main_resource": 1});
                let found = self.client.post("/v2/orders/suscriptions/resources/query", &wanted).await.ok();
                found["data"][0]["resource_id"].clone()
            }
            _ => Value::Null,
        };
        let packages = match list.id.as_str() {
            "ListFreeResourceUsages" => {
                let found = self.client.post("/v3/payments/free-resources/query", &json!({})).await.ok();
                let items = found["free_resource_packages"][0]["free_resources"].as_array().cloned();
                items.into_iter().flatten().map(|item| item["free_resource_id"].clone()).collect()
            }
            _ => Vec::new(),
        };
        let body = json!({
            "customer_id": customer, "customerId": customer, "customer_ids": [customer],
            "customer_infos": [{"customer_id": customer}], "cycle": cycle, "bill_cycle": cycle,
            "quoting_item_type": "CATEGORY_ITEM", "project_id": "any", "product_infos": [server],
            "cloud_service_type": "hws.service.type.ec2", "resource_type": "hws.resource.type.vm",
            "region_code": "cn-north-4", "charge_mode": "1", "free_resource_ids": packages,
            "resource_ids": [in_use],
            "period_type": 2, "period_num": 1,
            "time_condition": {"time_measure_id": 2, "begin_time": cycle, "end_time": cycle},
            "groupby": [{"type": "dimension", "key": "CLOUD_SERVICE_TYPE"}], "cost_type": "ORIGINAL_COST",
            "amount_type": "PAYMENT_AMOUNT",
        });
        (path, query, body)
    }
}

/// The fields of a query or of a body that a call needs; of partners many want to know which customer is meant.
fn asked_with(document: &Value, list: &List, kind: CallerKind, place: &str) -> Vec<String> {
    let operation = &document["paths"][&list.path][if list.is_post { "post" } else { "get" }];
    let is_wanted = |name: &str, is_required: bool| is_required || kind == CallerKind::Partner && name == "customer_id";
    if place == "query" {
        let parameters = operation["parameters"].as_array().into_iter().flatten().filter(|one| one["in"] == "query");
        let named = parameters.map(|one| (one["name"].as_str().expect("a text"), one["required"] == json!(true)));
        return named.filter(|(name, required)| is_wanted(name, *required)).map(|(name, _)| name.to_owned()).collect();
    }
    let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
    let alternatives = schema["oneOf"].as_array().cloned().unwrap_or_else(|| vec![schema.clone()]);
    let mut wanted = Vec::new();
    for schema in alternatives.iter().map(|one| resolved(document, one)) {
        for name in schema["properties"].as_object().into_iter().flat_map(serde_json::Map::keys) {
            let is_required = schema["required"].as_array().is_some_and(|names| names.contains(&json!(name)));
            if is_wanted(name, is_required) {
                wanted.push(name.clone());
            }
        }
    }
    wanted
}

#[sqlx::test(migrator = "bss_gateway::database::MIGRATOR")]
async fn each_list_of_the_default_world_has_a_row(pool: PgPool) {
    let world = World::new(1, Scale::default());
    let app = TestApp::with_world(pool.clone(), Cow::Owned(world), bss_gateway::operations, |settings| {
        let high: RateText = "1000000/1".to_owned().try_into().expect("it is a rate");
        settings.quotas.overrides.insert("*".to_owned(), high);
    });
    let app = app.await;
    let document = serde_json::to_value(bss_gateway::operations().document()).expect("the document serialises");
    let cycle = Month::of(app.app.clock.now()).before(1);
    let mut wrong: BTreeMap<String, String> = BTreeMap::new();
    for list in lists() {
        for (kind, callers) in CALLERS {
            let is_its_own = kind != CallerKind::Distributor || !list.policy.callers.contains(&CallerKind::Partner);
            if !list.policy.callers.contains(&kind) || !is_its_own {
                continue;
            }
            let mut answers = Vec::new();
            let mut has_rows = false;
            for caller in callers {
                let client = app.client(caller);
                let asking = Asking { app: &app, client, caller, kind, cycle };
                let (path, query, body) = asking.arguments(&list).await;
                let (asked, given) =
                    (asked_with(&document, &list, kind, "query"), asked_with(&document, &list, kind, "body"));
                let query: Vec<String> = query
                    .into_iter()
                    .filter(|(name, _)| asked.iter().any(|known| known == name))
                    .map(|(name, value)| format!("{name}={}", value.replace(':', "%3A")))
                    .collect();
                let target = if query.is_empty() { path } else { format!("{path}?{}", query.join("&")) };
                let body: Value = given.iter().map(|name| (name.clone(), body[name].clone())).collect();
                let client = app.client(caller);
                let answer = if list.is_post { client.post(&target, &body).await } else { client.get(&target).await };
                has_rows |=
                    list.rows.iter().any(|rows| answer.body[rows].as_array().is_some_and(|rows| !rows.is_empty()));
                answers.push(format!("{caller}: {target} {body}: {} {}", answer.status, answer.body));
            }
            let reason = EMPTY.iter().find(|(id, whom, _)| *id == list.id && *whom == kind);
            if has_rows == reason.is_some() {
                let found = if has_rows { "has rows".to_owned() } else { answers.join("\n") };
                wrong.insert(format!("{} of {kind:?}", list.id), found);
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    let mut connection = pool.acquire().await.expect("a connection");
    assert_eq!(verify::all(&mut connection).await.expect("it is proved").wrong, Vec::<String>::new());
    assert_eq!(metering::verify::all(&mut connection).await.expect("it is proved").wrong, Vec::<String>::new());
}
