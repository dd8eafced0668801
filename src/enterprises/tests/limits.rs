//! What forbids a member to be created or a code to be sent, each by its code.

use super::{MEMBERS, Office, PHONE, SEND, code_for, masters_phone};
use crate::customers::codes;
use crate::customers::codes::receiver_hash;
use crate::customers::store as customers;
use crate::enterprises::members::MEMBERS_MAX;
use crate::operators::store::Role;
use crate::testing::{Answer, all};
use crate::values::receiver::Receiver;
use axum::http::Method;
use serde_json::{Value, json};
use sqlx::PgPool;

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
