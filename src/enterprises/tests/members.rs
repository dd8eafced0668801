//! Members: how they come to be, what they are then, how they are found.

use super::{MEMBERS, ORGANISATION, Office, PHONE, PROJECTS, masters_phone};
use crate::customers::kin;
use crate::customers::partners::{self, Profile, Standing};
use crate::operators::store::Role;
use crate::testing::login;
use crate::values::id::DomainId;
use axum::http::Method;
use serde_json::{Value, json};
use sqlx::PgPool;

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn a_member_can_be_used_at_once_and_has_its_masters_name(pool: PgPool) {
    let office = Office::new(pool.clone()).await;
    let code = office.code(&office.master(), PHONE).await;
    let account = json!({"mobile_phone": PHONE, "verification_code": code});
    let mut request = office.request("new-member", account).await;
    request["display_name"] = json!("Branch, south");
    request["permission_ids"] = json!(["READ_CONSUME_BILL", "SHARE-CREDIT-TO-SUB"]);
    let answer = office.create(&request).await;
    assert_eq!((answer.status.as_u16(), answer.text.as_str()), (204, ""));

    let page = office.master().get(&format!("{MEMBERS}?sub_customer_account_name=new-member")).await.ok();
    let info = &page["sub_customer_infos"][0];
    assert_eq!((&page["total_count"], &info["status"]), (&json!(1), &json!(1)));
    assert_eq!((&info["display_name"], &info["org_name"]), (&json!("Branch, south"), &json!("Demo Enterprise Ltd")));
    let token = office.app.anonymous().post("/v3/auth/tokens", &login("new-member", "Sub-account-1")).await;
    assert_eq!(token.body["token"]["user"]["domain"]["id"], info["id"]);
    let token = token.header("x-subject-token").expect("a token").to_owned();
    let member = office.app.anonymous().with_token(&token);
    let balances = member.get("/v2/accounts/customer-accounts/balances").await;
    assert!(balances.status.is_success(), "{}", balances.body);

    let operator = office.app.operator(Role::Read).await;
    let customer = operator.get("/admin/v1/accounts/new-member/customer").await.ok();
    assert_eq!((&customer["customer_type"], &customer["real_name"]), (&json!("company"), &json!("verified")));
    assert_eq!(customer["partner"], Value::Null);
    let members = operator.get("/admin/v1/accounts/demo-master/members").await.ok();
    let member = &members["members"][0];
    assert_eq!((&member["account"], &member["in_custody"]), (&json!("new-member"), &json!(false)));
    assert_eq!(member["permissions"], json!(["READ_CONSUME_BILL", "SHARE-CREDIT-TO-SUB"]));
    let id = DomainId(info["id"].as_str().expect("a text").parse().expect("an id"));
    let mut connection = pool.acquire().await.expect("a connection");
    let (_, sealed) = kin::verified_as(&mut connection, office.account("demo-master").tenant, id)
        .await
        .expect("it is read")
        .expect("it is verified");
    let vault = &office.app.app.vault;
    assert_eq!(vault.open(&sealed, id).as_deref(), Some("Demo Enterprise Ltd"));
    let phone = kin::sealed_phone(&mut connection, office.account("demo-master").tenant, id).await;
    let phone = phone.expect("it is read").expect("it has one");
    assert_eq!(vault.open(&phone, id).as_deref(), Some(PHONE));
    // What a verified company may do it does.
    assert_eq!(office.app.anonymous().with_token(&token).post(PROJECTS, &json!({})).await.status.as_u16(), 204);
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn in_custody_the_permissions_are_fixed_and_no_coupon_is_issued(pool: PgPool) {
    let office = Office::new(pool).await;
    let mut request = office.request("kept-member", masters_phone()).await;
    request["financial_custody"] = json!(1);
    request["permission_ids"] = json!(["SHARE-CREDIT-TO-SUB"]);
    assert_eq!(office.create(&request).await.status.as_u16(), 204);
    let operator = office.app.operator(Role::Read).await;
    let members = operator.get("/admin/v1/accounts/demo-master/members").await.ok();
    let kept = ["READ_FINANCE_INFO", "READ_CONSUME_BILL", "SHARE-BIZ-DISCOUNT-TO-SUB"];
    let by_name = |name: &str| {
        let mut all = members["members"].as_array().expect("a list").iter();
        all.find(|member| member["account"] == name).expect("it is there").clone()
    };
    for name in ["kept-member", "demo-member-2"] {
        let member = by_name(name);
        assert_eq!((&member["in_custody"], &member["permissions"]), (&json!(true), &json!(kept)), "{name}");
    }
    assert_eq!(by_name("demo-member-1")["in_custody"], json!(false));
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn members_are_found_by_names_units_and_pages(pool: PgPool) {
    let office = Office::new(pool).await;
    assert_eq!(office.members("").await.len(), 2);
    for (query, expected) in [
        ("sub_customer_account_name=demo-member-1", vec!["demo-member-1"]),
        ("sub_customer_account_name=member-1", vec![]),
        ("sub_customer_account_name=MEMBER-1&fuzzy_query=1", vec!["demo-member-1"]),
        ("sub_customer_display_name=Laboratory", vec!["demo-member-2"]),
        ("sub_customer_display_name=Labor&fuzzy_query=0", vec![]),
        ("sub_customer_display_name=labor&fuzzy_query=1", vec!["demo-member-2"]),
        ("sub_customer_display_name=%25&fuzzy_query=1", vec![]),
        ("sub_customer_account_name=", vec![]),
        ("sub_customer_account_name=demo-member-1&sub_customer_display_name=Laboratory", vec![]),
        ("org_id=4711", vec![]),
    ] {
        assert_eq!(office.members(query).await, expected, "{query}");
    }
    let root = office.root().await;
    assert_eq!(office.members(&format!("org_id={root}")).await, Vec::<String>::new(), "units below are others");
    let first = office.master().get(&format!("{MEMBERS}?limit=1")).await.ok();
    let second = office.master().get(&format!("{MEMBERS}?limit=1&offset=1&fuzzy_query=&org_id=")).await.ok();
    assert_eq!((&first["total_count"], &second["total_count"]), (&json!(2), &json!(2)));
    assert_ne!(first["sub_customer_infos"][0]["id"], second["sub_customer_infos"][0]["id"]);
    assert_eq!(office.members("offset=2").await, Vec::<String>::new());
    for (query, field) in [
        ("limit=101", "limit"),
        ("fuzzy_query=2", "fuzzy_query"),
        ("org_id=a", "org_id"),
        ("sub_customer_display_name=a%20b&fuzzy_query=1", "sub_customer_display_name"),
        ("sub_customer_account_name=a%20b&fuzzy_query=1", "sub_customer_account_name"),
    ] {
        let answer = office.master().get(&format!("{MEMBERS}?{query}")).await;
        let (status, code, message) = answer.refusal();
        assert_eq!((status, code), (400, "CBC.0100"), "{query}");
        assert!(message.contains(&format!("{field}: ")), "{query}: {message}");
    }
    // Without fuzzy_query a blank is one letter among others.
    let north = office.members("sub_customer_display_name=Shop%2C%20north").await;
    assert_eq!(north, ["demo-member-1"]);
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn a_partners_customer_has_members_by_the_partners_rules(pool: PgPool) {
    let office = Office::new(pool.clone()).await;
    let operator = office.app.operator(Role::Admin).await;
    let new = json!({"name": "new-master", "kind": "master", "parent": "demo-partner"});
    operator.post("/admin/v1/accounts", &new).await.ok();
    let key = operator.call(Method::POST, "/admin/v1/accounts/new-master/users/new-master/keys", &[], "").await.ok();
    let key = |name: &str| key[name].as_str().expect("it is shown").to_owned();
    let master = office.app.client_with_key(&key("access_key"), &key("secret_key"));
    let root = master.get(ORGANISATION).await.ok()["root_id"].clone();
    let phones = ["13800000001", "13800000002", "13800000003", "13800000004"];
    let create = async |name: &str, phone: &str, custody: i32| {
        let code = office.code(&master, phone).await;
        let request = json!({"party_id": root, "sub_customer_association_type": 1, "financial_custody": custody,
            "new_sub_customer": {"customer_name": name, "password": "Sub-account-1", "mobile_phone": phone,
                                 "verification_code": code}});
        master.post(MEMBERS, &request).await
    };
    let partner = async |name: &str| {
        let customer = operator.get(&format!("/admin/v1/accounts/{name}/customer")).await.ok();
        (customer["partner"].clone(), customer["association_type"].clone())
    };
    let refused = create("of-resale", phones[0], 0).await;
    assert!(refused.refusal().2.contains("financial_custody"), "{}", refused.body);
    assert_eq!(create("of-resale", phones[1], 1).await.status.as_u16(), 204);
    assert_eq!(partner("of-resale").await, (Value::Null, Value::Null), "in custody it is nobody's customer");

    let referral = json!({"association_type": "referral"}).to_string();
    operator.call(Method::PUT, "/admin/v1/accounts/new-master/association", &[], &referral).await.ok();
    assert_eq!(create("of-referral", phones[2], 0).await.status.as_u16(), 204);
    assert_eq!(partner("of-referral").await, (json!("demo-partner"), json!("referral")));
    let history = operator.get("/admin/v1/accounts/of-referral/association").await.ok();
    let steps: Vec<&Value> = history["steps"].as_array().expect("a list").iter().map(|step| &step["step"]).collect();
    assert_eq!(steps, ["registered", "associated"]);
    let listed = office.app.client("demo-partner").post("/v2/partners/sub-customers/query", &json!({})).await.ok();
    let names: Vec<&Value> =
        listed["customer_infos"].as_array().expect("a list").iter().map(|info| &info["account_name"]).collect();
    assert!(names.contains(&&json!("of-referral")) && !names.contains(&&json!("of-resale")), "{names:?}");

    let demo = office.app.world.demo();
    let leaving = Profile { standing: Standing::Exited, ..Profile::default() };
    let mut connection = pool.acquire().await.expect("a connection");
    partners::set_profile(&mut connection, demo.tenant, demo.domain, &leaving).await.expect("it is written");
    let answer = create("of-leaver", phones[3], 1).await;
    assert_eq!((answer.refusal().0, answer.refusal().1), (400, "CBC.99007490"));
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn an_account_joins_as_both_have_agreed(pool: PgPool) {
    let office = Office::new(pool.clone()).await;
    let operator = office.app.operator(Role::Admin).await;
    let members = "/admin/v1/accounts/demo-master/members";
    let invite = async |account: &str, extra: Value| {
        let mut body = json!({"account": account});
        for (name, value) in extra.as_object().expect("an object") {
            body[name] = value.clone();
        }
        operator.post(members, &body).await
    };
    for (account, reason) in [
        ("lone-customer", "the account lone-customer and the enterprise are of different tenants"),
        ("demo-master", "only a customer that is no enterprise master account can become a member"),
        ("demo-member-1", "the account demo-member-1 is a member of an enterprise already"),
    ] {
        let answer = invite(account, json!({})).await;
        let expected = format!("Not done: {reason}.");
        assert_eq!(answer.refusal(), (400, "CBC.0100", expected.as_str()));
    }
    assert_eq!(invite("nobody", json!({})).await.status.as_u16(), 404);
    // An account of the master's tenant that was a member once.
    let gone = "delete from enterprise_members where domain_id = $1";
    let account = office.account("demo-member-1");
    sqlx::query(gone).bind(account.domain).execute(&pool).await.expect("it is gone");
    assert_eq!(office.members("").await, ["demo-member-2"]);
    let root = office.root().await;
    let wish =
        json!({"custody": true, "display_name": "Again", "party_id": root, "permissions": ["SHARE-CREDIT-TO-SUB"]});
    let joined = invite("demo-member-1", wish).await.ok();
    let member = &joined["members"][0];
    assert_eq!((&member["account"], &member["in_custody"]), (&json!("demo-member-1"), &json!(true)));
    assert_eq!((&member["display_name"], &member["party_id"]), (&json!("Again"), &json!(root)));
    assert_eq!(member["permissions"].as_array().map(Vec::len), Some(3));
    let again = invite("demo-member-1", json!({})).await;
    assert!(again.refusal().2.contains("already"), "{}", again.body);

    sqlx::query(gone).bind(account.domain).execute(&pool).await.expect("it is gone");
    office.sql("update customers set verified_status = -1, customer_type = -1").await;
    assert!(invite("demo-member-1", json!({})).await.refusal().2.contains("of one legal entity"));
    let answer = operator.post("/admin/v1/accounts/lone-customer/members", &json!({"account": "lone-customer"})).await;
    assert!(!answer.status.is_success(), "{}", answer.body);
}
