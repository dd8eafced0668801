//! The domain through the router: what masters see and do, and what nobody else does.

use super::members::MEMBERS_MAX;
use crate::customers::codes::{self, receiver_hash};
use crate::customers::partners::{self, Profile, Standing};
use crate::customers::store as customers;
use crate::operators::store::Role;
use crate::sandbox::world::accounts::Account;
use crate::testing::{Answer, Client, TestApp, all, login};
use crate::values::id::DomainId;
use crate::values::receiver::Receiver;
use axum::http::Method;
use serde_json::{Value, json};
use sqlx::PgPool;

const ORGANISATION: &str = "/v2/enterprises/multi-accounts/enterprise-organizations";
const MEMBERS: &str = "/v2/enterprises/multi-accounts/sub-customers";
const SEND: &str = "/v2/enterprises/multi-accounts/sm-verification-code";
const PROJECTS: &str = "/v2/enterprises/enterprise-projects/authority";
const PHONE: &str = "13800000001";

/// The sandbox's world on a database of its own.
struct Office {
    app: TestApp,
    pool: PgPool,
}

impl Office {
    async fn new(pool: PgPool) -> Self {
        Self { app: TestApp::new(pool.clone()).await, pool }
    }

    fn master(&self) -> Client<'_> {
        self.app.client("demo-master")
    }

    fn account(&self, name: &str) -> &Account {
        self.app.world.account(name)
    }

    async fn sql(&self, statement: &'static str) {
        sqlx::query(statement).execute(&self.pool).await.expect("it is written");
    }

    /// The organisation of a master, all of it.
    async fn tree(&self) -> Value {
        self.master().get(&format!("{ORGANISATION}?recursive_query=1")).await.ok()
    }

    /// The id of the root.
    async fn root(&self) -> String {
        self.tree().await["root_id"].as_str().expect("a text").to_owned()
    }

    /// A request for a member with its own phone or the master's.
    async fn request(&self, name: &str, account: Value) -> Value {
        let mut account = account;
        account["customer_name"] = json!(name);
        account["password"] = json!("Sub-account-1");
        json!({"party_id": self.root().await, "sub_customer_association_type": 1, "new_sub_customer": account})
    }

    /// A code that was sent to the phone, by whom.
    async fn code(&self, sender: &Client<'_>, phone: &str) -> String {
        let answer = sender.post(SEND, &code_for(phone)).await;
        assert_eq!(answer.status.as_u16(), 204, "{}", answer.body);
        let receiver = Receiver::parse(phone).expect("a phone");
        let mut connection = self.pool.acquire().await.expect("a connection");
        codes::readable(&mut connection, &self.app.app.vault, &receiver).await.expect("it is read").remove(0).code
    }

    async fn members(&self, query: &str) -> Vec<String> {
        let page = self.master().get(&format!("{MEMBERS}?{query}")).await.ok();
        let infos = page["sub_customer_infos"].as_array().expect("a list").iter();
        infos.map(|info| info["name"].as_str().expect("a name").to_owned()).collect()
    }

    async fn create(&self, request: &Value) -> Answer {
        self.master().post(MEMBERS, request).await
    }
}

fn code_for(phone: &str) -> Value {
    json!({"mobile_phone": phone, "sm_template_args": [{"key": "sub_customer_name", "value": "new-member"}]})
}

fn masters_phone() -> Value {
    json!({"use_pri_mobile_phone": "Y"})
}

fn names(nodes: &Value) -> Vec<&str> {
    nodes.as_array().expect("a list").iter().map(|node| node["name"].as_str().expect("a name")).collect()
}

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
    let (_, sealed) = customers::verified_as(&mut connection, office.account("demo-master").tenant, id)
        .await
        .expect("it is read")
        .expect("it is verified");
    let vault = &office.app.app.vault;
    assert_eq!(vault.open(&sealed, id).as_deref(), Some("Demo Enterprise Ltd"));
    let phone = customers::sealed_phone(&mut connection, office.account("demo-master").tenant, id).await;
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
    let north = office.members("sub_customer_display_name=Shop,%20north").await;
    assert_eq!(north, ["demo-member-1"]);
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn what_a_member_breaks_is_named_and_leaves_nothing(pool: PgPool) {
    let office = Office::new(pool.clone()).await;
    let whole = office.request("some-member", masters_phone()).await;
    let with = |path: &str, value: Value| {
        let mut request = whole.clone();
        *request.pointer_mut(path).expect("the field is there") = value;
        request
    };
    let own_phone = |phone: &str, code: &str| {
        let mut request = whole.clone();
        request["new_sub_customer"]["use_pri_mobile_phone"] = json!("N");
        request["new_sub_customer"]["mobile_phone"] = json!(phone);
        request["new_sub_customer"]["verification_code"] = json!(code);
        request
    };
    for (request, code, field) in [
        (with("/party_id", json!("4711")), "CBC.0100", "party_id"),
        (with("/party_id", json!("")), "CBC.0100", "party_id"),
        (with("/sub_customer_association_type", json!(2)), "CBC.0100", "sub_customer_association_type"),
        (with("/new_sub_customer/customer_name", json!("1abcd")), "CBC.99000031", ""),
        (with("/new_sub_customer/customer_name", json!("demo-customer")), "CBC.99000038", ""),
        (with("/new_sub_customer/password", json!("rebmem-emos")), "CBC.99000036", ""),
        (with("/new_sub_customer/password", json!("A13900000001")), "CBC.99000036", ""),
        (with("/new_sub_customer/use_pri_mobile_phone", json!("yes")), "CBC.0100", "use_pri_mobile_phone"),
        (with("/new_sub_customer/use_pri_mobile_phone", json!("N")), "CBC.0100", "mobile_phone"),
        (own_phone("123", "123456"), "CBC.0100", "mobile_phone"),
        (own_phone(PHONE, ""), "CBC.0100", "verification_code"),
        (own_phone(PHONE, "123456"), "CBC.99000026", ""),
    ] {
        let answer = office.create(&request).await;
        let (status, found, message) = answer.refusal();
        assert_eq!((status, found), (400, code), "{request}: {message}");
        assert!(message.contains(field), "{request}: {message}");
    }
    let mut request = whole.clone();
    request["permission_ids"] = json!(["READ_FINANCE_INFO", "WRITE_FINANCE_INFO"]);
    let answer = office.create(&request).await;
    assert!(answer.refusal().2.contains("permission_ids"), "{}", answer.body);
    assert_eq!(office.members("").await.len(), 2);

    office.sql("update customers set sealed_phone = null").await;
    let answer = office.create(&whole).await;
    assert!(answer.refusal().2.contains("use_pri_mobile_phone"), "{}", answer.body);
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn a_code_is_of_use_once_to_who_asked_for_it_and_in_its_time(pool: PgPool) {
    let office = Office::new(pool.clone()).await;
    let operator = office.app.operator(Role::Admin).await;
    let wrong = |code: &str| if code == "000000" { "000001" } else { "000000" };
    let attempt = async |name: &str, code: &str| {
        let account = json!({"mobile_phone": PHONE, "verification_code": code});
        office.create(&office.request(name, account).await).await
    };
    let code = office.code(&office.master(), PHONE).await;
    for _ in 0..3 {
        assert_eq!(attempt("first-try", wrong(&code)).await.refusal().1, "CBC.99000026");
    }
    assert_eq!(attempt("first-try", &code).await.refusal().1, "CBC.99000026", "it was tried too often");
    let code = office.code(&office.master(), PHONE).await;
    office.sql("update verification_codes set expires_at = expires_at - interval '10 minutes'").await;
    assert_eq!(attempt("second-try", &code).await.refusal().1, "CBC.99000027");
    let code = office.code(&office.master(), PHONE).await;
    assert_eq!(attempt("third-try", &code).await.status.as_u16(), 204);
    assert_eq!(attempt("fourth-try", &code).await.refusal().1, "CBC.99000026", "it is used up");

    // Another master's code, and one that a partner asked for to register a customer.
    operator.post("/admin/v1/accounts", &json!({"name": "new-master", "kind": "master"})).await.ok();
    let key = operator.call(Method::POST, "/admin/v1/accounts/new-master/users/new-master/keys", &[], "").await.ok();
    let key = |name: &str| key[name].as_str().expect("it is shown").to_owned();
    let other = office.app.client_with_key(&key("access_key"), &key("secret_key"));
    let code = office.code(&other, PHONE).await;
    assert_eq!(attempt("fifth-try", &code).await.refusal().1, "CBC.99000026");
    let partner = office.app.client("demo-partner");
    let registering = json!({"receiver_type": 1, "mobile_phone": PHONE});
    assert_eq!(partner.post("/v2/bases/verificationcode/send", &registering).await.status.as_u16(), 204);
    let receiver = Receiver::parse(PHONE).expect("a phone");
    let mut connection = pool.acquire().await.expect("a connection");
    let codes = codes::readable(&mut connection, &office.app.app.vault, &receiver).await.expect("they are read");
    let registration = &codes.first().expect("the first scene is that").code;
    assert_eq!(attempt("sixth-try", registration).await.refusal().1, "CBC.99000026");
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn codes_are_sent_so_often_and_name_the_member(pool: PgPool) {
    let office = Office::new(pool.clone()).await;
    for request in [
        json!({"mobile_phone": PHONE, "timeout": 1, "language": "en-us", "sm_template_args": code_for(PHONE)["sm_template_args"]}),
        json!({"mobile_phone": PHONE, "timeout": null, "language": null, "sm_template_args": code_for(PHONE)["sm_template_args"]}),
    ] {
        assert_eq!(office.master().post(SEND, &request).await.status.as_u16(), 204, "{request}");
    }
    let arguments = code_for(PHONE)["sm_template_args"].clone();
    for (extra, field) in [
        (json!({"mobile_phone": "123"}), "mobile_phone"),
        (json!({"timeout": 0}), "timeout"),
        (json!({"timeout": 101}), "timeout"),
        (json!({"language": "fr"}), "language"),
        (json!({"sm_template_args": []}), "sm_template_args"),
        (json!({"sm_template_args": [{"key": "customer_name", "value": "a"}]}), "sm_template_args"),
        (json!({"sm_template_args": [{"key": "sub_customer_name", "value": ""}]}), "sm_template_args"),
        (json!({"sm_template_args": vec![arguments[0].clone(); 7]}), "sm_template_args"),
    ] {
        let mut request = code_for(PHONE);
        for (name, value) in extra.as_object().expect("an object") {
            request[name] = value.clone();
        }
        let answer = office.master().post(SEND, &request).await;
        assert_eq!((answer.refusal().0, answer.refusal().1), (400, "CBC.0100"), "{request}");
        assert!(answer.refusal().2.contains(field), "{request}: {}", answer.body);
    }
    for _ in 2..15 {
        assert_eq!(office.master().post(SEND, &code_for(PHONE)).await.status.as_u16(), 204);
    }
    let answer = office.master().post(SEND, &code_for(PHONE)).await;
    assert_eq!((answer.refusal().0, answer.refusal().1), (400, "CBC.99000082"));
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn phones_names_and_members_have_their_limits(pool: PgPool) {
    let office = Office::new(pool.clone()).await;
    let app = &office.app.app;
    // The master has its phone itself.
    for place in 1..app.settings.customers.accounts_per_phone {
        let request = office.request(&format!("member-{place}"), masters_phone()).await;
        assert_eq!(office.create(&request).await.status.as_u16(), 204);
    }
    let request = office.request("member-last", masters_phone()).await;
    assert_eq!(office.create(&request).await.refusal().1, "CBC.99000030");
    let mut connection = pool.acquire().await.expect("a connection");
    let hash = receiver_hash(&app.vault, &Receiver::parse(PHONE).expect("a phone"));
    customers::reserve_receiver(&mut connection, &hash, true).await.expect("it is written");
    let code = office.code(&office.master(), PHONE).await;
    let account = json!({"mobile_phone": PHONE, "verification_code": code});
    let request = office.request("member-kept", account).await;
    assert_eq!(office.create(&request).await.refusal().1, "CBC.99000051");

    office.sql("delete from receivers").await;
    let members = "insert into enterprise_members (tenant_id, domain_id, master_id, party_id, status, association_type,
                                                   display_name, permissions, joined_at)
                   select d.tenant_id, d.domain_id, d.tenant_id, 1, 1, 1, '', '{}', now()
                   from domains d where d.tenant_id = $1 and d.name like 'spare-%'";
    let master = office.account("demo-master");
    let spare = "insert into domains (tenant_id, domain_id, parent_id, name, kind, created_at)
                 select $1, gen_random_uuid(), $1, 'spare-' || n, 'customer', now() from generate_series(1, $2::int) n";
    let held = i32::try_from(office.members("").await.len()).expect("few");
    let left = i32::try_from(MEMBERS_MAX).expect("few") - held - 1;
    sqlx::query(spare).bind(master.tenant).bind(left).execute(&pool).await.expect("they are written");
    sqlx::query(members).bind(master.tenant).execute(&pool).await.expect("they are written");
    // Of many that want the last place exactly one gets it.
    let mut requests = Vec::new();
    for place in 0..8 {
        requests.push(office.request(&format!("racer-{place}"), masters_phone()).await);
    }
    let master = office.master();
    let answers = all(requests.iter().map(|request| master.post(MEMBERS, request))).await;
    let refused: Vec<&Answer> = answers.iter().filter(|answer| !answer.status.is_success()).collect();
    assert_eq!(answers.len() - refused.len(), 1);
    for answer in refused {
        assert_eq!((answer.refusal().0, answer.refusal().1), (500, "CBC.7004"), "{}", answer.body);
        assert_eq!(answer.body["fail_check_items"], json!(["MAX_SUB_CUSTOMER_NUM"]));
    }
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn of_many_that_want_one_name_or_use_one_code_one_gets_it_and_a_repeat_is_answered_again(pool: PgPool) {
    let office = Office::new(pool.clone()).await;
    let code = office.code(&office.master(), PHONE).await;
    let account = json!({"mobile_phone": PHONE, "verification_code": code});
    let request = office.request("one-name", account).await;
    let master = office.master();
    let answers = all((0..8).map(|_| master.post(MEMBERS, &request))).await;
    assert_eq!(answers.iter().filter(|answer| answer.status.is_success()).count(), 1);
    for answer in answers.iter().filter(|answer| !answer.status.is_success()) {
        assert_eq!((answer.refusal().0, answer.refusal().1), (400, "CBC.99000026"));
    }
    let request = office.request("again", masters_phone()).await.to_string();
    let key = [("idempotency-key", "one")];
    let first = master.call(Method::POST, MEMBERS, &key, &request).await;
    let again = master.call(Method::POST, MEMBERS, &key, &request).await;
    assert_eq!((first.status.as_u16(), again.status.as_u16()), (204, 204));
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    let request = office.request("only-tried", masters_phone()).await.to_string();
    let tried = master.call(Method::POST, MEMBERS, &[("x-dry-run", "true")], &request).await;
    assert_eq!(tried.status.as_u16(), 204);
    assert_eq!(office.members("").await.len(), 4);
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
    let second = super::store::Master { tenant, id: second };
    let root = super::store::insert_root(&mut connection, second, office.app.app.now(tenant)).await.expect("written");
    let first = super::store::Master { tenant, id: office.account("demo-master").domain };
    let member = office.account("demo-member-1").domain;
    let member_of = async |connection: &mut sqlx::PgConnection, master| {
        super::store::member_of(connection, master, member).await.expect("it is read")
    };
    assert_eq!(member_of(&mut connection, second).await, None);
    let found = member_of(&mut connection, first).await.expect("it is this one's");
    assert_eq!((found.name.as_str(), found.in_custody), ("demo-member-1", false));
    assert!(found.allows(super::model::Permission::ReadFinanceInfo));
    assert!(!found.allows(super::model::Permission::ShareCreditToSub));
    assert_eq!(super::store::unit(&mut connection, first, root).await.expect("it is read"), None);
    let target = format!("{ORGANISATION}?parent_id={root}");
    assert!(office.master().get(&target).await.refusal().2.contains("parent_id"));
    let mut request = request;
    request["party_id"] = json!(root);
    assert!(office.create(&request).await.refusal().2.contains("party_id"));
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

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn enterprise_projects_are_opened_once_and_by_verified_companies(pool: PgPool) {
    let office = Office::new(pool.clone()).await;
    let operator = office.app.operator(Role::Operate).await;
    for _ in 0..2 {
        let answer = office.master().call(Method::POST, PROJECTS, &[], "").await;
        assert_eq!((answer.status.as_u16(), answer.text.as_str()), (204, ""));
    }
    let opened = operator.get("/admin/v1/accounts/demo-master/features").await.ok();
    assert_eq!(opened["opened"], json!(["enterprise_projects"]));
    // A company that is no enterprise's member may as well; one that is nobody's knows nothing of it.
    let customer = office.app.client("demo-customer");
    let refused = customer.post(PROJECTS, &json!({})).await;
    assert_eq!((refused.refusal().0, refused.refusal().1), (400, "CBC.99007004"));
    assert_eq!(refused.body["fail_check_items"], json!(["SELF_OPEN_ONLY_FOR_ENT_AND_INTR_CUST"]));
    for feature in ["project_groups", "multi_project"] {
        operator.post("/admin/v1/accounts/demo-customer/features", &json!({"feature": feature})).await.ok();
    }
    office.sql("update customers set verified_status = 2, customer_type = 1").await;
    let refused = customer.post(PROJECTS, &json!({})).await;
    assert_eq!(refused.body["fail_check_items"], json!(["NOT_OPEN_PROJECT_GROUP", "NOT_OPEN_MULTI_PROJECT"]));
    let other = office.app.client("lone-customer").post(PROJECTS, &json!({})).await;
    assert_eq!(other.status.as_u16(), 204, "{}", other.body);
    let partner = operator.post("/admin/v1/accounts/demo-partner/features", &json!({"feature": "multi_project"})).await;
    assert_eq!(partner.refusal().2, "Not done: the account is no customer's.");
}
