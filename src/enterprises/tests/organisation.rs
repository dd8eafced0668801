//! Organisations: what masters see of theirs, what operators do to them, and that nobody sees another's.

use super::{MEMBERS, ORGANISATION, Office, PHONE, SEND, code_for, masters_phone, names};
use crate::enterprises::model::Permission;
use crate::enterprises::store;
use crate::operators::store::Role;
use crate::values::id::DomainId;
use axum::http::Method;
use serde_json::{Value, json};
use sqlx::PgPool;

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn the_organisation_is_shown_as_a_whole_or_level_by_level(pool: PgPool) {
    let office = Office::new(pool).await;
    let whole = office.tree().await;
    assert_eq!(whole["root_name"], "Demo Enterprise Ltd");
    assert_eq!(names(&whole["child_nodes"]), ["Sales", "Research"]);
    let sales = &whole["child_nodes"][0];
    assert_eq!(names(&sales["child_nodes"]), ["Sales, north"]);
    assert_eq!(sales["child_nodes"][0]["child_nodes"], json!([]));

    let level = office.master().get(&format!("{ORGANISATION}?parent_id=&recursive_query=")).await.ok();
    assert_eq!((&level["root_id"], names(&level["child_nodes"])), (&whole["root_id"], vec!["Sales", "Research"]));
    assert_eq!(level["child_nodes"][0]["child_nodes"], Value::Null, "only those right below");
    let id = sales["id"].as_str().expect("a text");
    let below = office.master().get(&format!("{ORGANISATION}?parent_id={id}")).await.ok();
    assert_eq!((&below["root_id"], &below["root_name"]), (&Value::Null, &Value::Null));
    assert_eq!(names(&below["child_nodes"]), ["Sales, north"]);
    for (query, field) in [
        ("parent_id=4711", "parent_id"),
        ("parent_id=a1", "parent_id"),
        ("parent_id=-1", "parent_id"),
        ("recursive_query=2", "recursive_query"),
    ] {
        let answer = office.master().get(&format!("{ORGANISATION}?{query}")).await;
        assert_eq!((answer.refusal().0, answer.refusal().1), (400, "CBC.0100"), "{query}");
        assert!(answer.refusal().2.contains(&format!("{field}: ")), "{query}: {}", answer.body);
    }
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn operators_keep_the_organisation(pool: PgPool) {
    let office = Office::new(pool).await;
    let operator = office.app.operator(Role::Operate).await;
    let target = "/admin/v1/accounts/demo-master/organisation";
    let shown = operator.get(target).await.ok();
    let id = |name: &str| {
        let unit = shown["units"].as_array().expect("a list").iter().find(|unit| unit["name"] == name);
        unit.expect("it is there")["party_id"].as_str().expect("a text").to_owned()
    };
    let (sales, north, research) = (id("Sales"), id("Sales, north"), id("Research"));
    let lab = operator.post(target, &json!({"name": "Lab", "parent_id": research})).await.ok();
    assert_eq!((&lab["level"], &lab["parent_id"]), (&json!(3), &json!(research)));
    let relation = |tree: &Value| tree["child_nodes"][0]["relation_id"].clone();
    let before = relation(&office.tree().await);
    let put = async |unit: &str, body: Value| {
        operator.call(Method::PUT, &format!("{target}/{unit}"), &[], &body.to_string()).await
    };
    let moved = put(&sales, json!({"parent_id": research, "name": "Trade"})).await.ok();
    assert_eq!((&moved["name"], &moved["level"]), (&json!("Trade"), &json!(3)));
    let tree = office.tree().await;
    assert_eq!(names(&tree["child_nodes"]), ["Research"]);
    let research_below = &tree["child_nodes"][0]["child_nodes"];
    assert_eq!(names(research_below), ["Trade", "Lab"]);
    assert_eq!(names(&research_below[0]["child_nodes"]), ["Sales, north"]);
    assert_ne!(research_below[0]["relation_id"], before, "it is in another place");
    let said_again = put(&sales, json!({"parent_id": research})).await.ok();
    assert_eq!(said_again, moved);

    for (answer, reason) in [
        (put(&research, json!({"parent_id": north})).await, "a unit cannot hang below itself"),
        (put(&id("Demo Enterprise Ltd"), json!({"parent_id": north})).await, "the root stays where it is"),
        (put("4711", json!({"name": "None"})).await, "the organisation has no unit 4711"),
        (operator.post(target, &json!({"name": "A", "parent_id": "4711"})).await, "the organisation has no unit 4711"),
        (
            operator.post("/admin/v1/accounts/demo-customer/organisation", &json!({"name": "A"})).await,
            "the account is no enterprise master account",
        ),
    ] {
        let expected = format!("Not done: {reason}.");
        assert_eq!(answer.refusal(), (400, "CBC.0100", expected.as_str()));
    }
    let mut parent = north;
    for level in 5..=10 {
        let unit = operator.post(target, &json!({"name": format!("Level {level}"), "parent_id": parent})).await.ok();
        assert_eq!(unit["level"], json!(level));
        parent = unit["party_id"].as_str().expect("a text").to_owned();
    }
    let deeper = operator.post(target, &json!({"name": "Level 11", "parent_id": parent})).await;
    assert_eq!(deeper.refusal().2, "Not done: an organisation has at most 10 levels.");
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn a_new_master_has_a_root_of_its_own(pool: PgPool) {
    let office = Office::new(pool).await;
    let operator = office.app.operator(Role::Admin).await;
    let new = json!({"name": "new-master", "kind": "master", "parent": "demo-partner"});
    operator.post("/admin/v1/accounts", &new).await.ok();
    let shown = operator.get("/admin/v1/accounts/new-master/organisation").await.ok();
    assert_eq!(shown["units"].as_array().map(Vec::len), Some(1));
    assert_eq!((&shown["units"][0]["name"], &shown["units"][0]["level"]), (&json!(""), &json!(1)));
    // One of another tenant: both roots have the first number of theirs.
    assert_eq!(shown["units"][0]["party_id"], office.tree().await["root_id"]);
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn nobody_but_a_master_sees_its_organisation_and_members(pool: PgPool) {
    let office = Office::new(pool.clone()).await;
    let request = office.request("any-member", masters_phone()).await;
    for account in ["demo-member-1", "demo-member-2", "demo-customer", "lone-customer", "demo-partner", "demo-reseller"]
    {
        let client = office.app.client(account);
        for answer in [
            client.get(ORGANISATION).await,
            client.get(MEMBERS).await,
            client.post(MEMBERS, &request).await,
            client.post(SEND, &code_for(PHONE)).await,
        ] {
            assert_eq!((answer.refusal().0, answer.refusal().1), (403, "CBC.0151"), "{account}");
        }
    }
    // Another master of the same tenant sees its own, and puts nobody into a unit of the first one's.
    office
        .sql(
            "insert into domains (tenant_id, domain_id, parent_id, name, kind, created_at)
                select tenant_id, gen_random_uuid(), domain_id, 'second-master', 'master', now()
                from domains where name = 'demo-master'",
        )
        .await;
    let mut connection = pool.acquire().await.expect("a connection");
    let tenant = office.account("demo-master").tenant;
    let second: DomainId = sqlx::query_scalar("select domain_id from domains where name = 'second-master'")
        .fetch_one(&mut *connection)
        .await
        .expect("it is there");
    let second = store::Master { tenant, id: second };
    let root = store::insert_root(&mut connection, second, office.app.app.now(tenant)).await.expect("written");
    let first = store::Master { tenant, id: office.account("demo-master").domain };
    let member = office.account("demo-member-1").domain;
    let member_of = async |connection: &mut sqlx::PgConnection, master| {
        store::member_of(connection, master, member).await.expect("it is read")
    };
    assert_eq!(member_of(&mut connection, second).await, None);
    let found = member_of(&mut connection, first).await.expect("it is this one's");
    assert_eq!((found.name.as_str(), found.in_custody), ("demo-member-1", false));
    assert!(found.allows(Permission::ReadFinanceInfo));
    assert!(!found.allows(Permission::TakeOverOpenInvoice));
    assert_eq!(store::unit(&mut connection, first, root).await.expect("it is read"), None);
    let target = format!("{ORGANISATION}?parent_id={root}");
    assert!(office.master().get(&target).await.refusal().2.contains("parent_id"));
    let mut request = request;
    request["party_id"] = json!(root);
    assert!(office.create(&request).await.refusal().2.contains("party_id"));
}
