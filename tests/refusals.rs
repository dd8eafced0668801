//! Each code that the vendor documents for the operations on customers and real-name authentication, provoked: exact status,
//! exact code. `facts/documented_refusals.csv` is the list.

use axum::http::Method;
use bss_gateway::app::App;
use bss_gateway::config::Review;
use bss_gateway::customers::codes::{self, receiver_hash};
use bss_gateway::customers::partners::{self, Profile, Standing};
use bss_gateway::customers::store;
use bss_gateway::testing::{Answer, TestApp};
use bss_gateway::values::receiver::Receiver;
use serde_json::{Value, json};
use sqlx::PgPool;
use std::path::Path;

const DOCUMENTED: &str = include_str!("facts/documented_refusals.csv");
const CREATE: &str = "/v2/partners/sub-customers";
const SEND: &str = "/v2/bases/verificationcode/send";
const TAGS: &str = "/v2/partners/sub-customers/new-customers-tags/batch-query";
const RESELLERS: &str = "/v2/partners/indirect-partners/query";
const PERSON: &str = "/v2/customers/realname-auths/individual";
const COMPANY: &str = "/v2/customers/realname-auths/enterprise";
const RESULT: &str = "/v2/customers/realname-auths/result";
const PHONE: &str = "13800000001";
const EMAIL: &str = "a@example.com";

/// Where the codes are provoked. Each case begins with customers who are not verified, partners in good standing, no codes
/// and nothing registered.
struct Stage {
    app: TestApp,
    pool: PgPool,
}

impl Stage {
    async fn new(pool: PgPool, buckets: &Path) -> Self {
        let app = TestApp::with(pool.clone(), bss_gateway::operations, |settings| {
            let high = "1000000/1".to_owned().try_into().expect("it is a rate");
            settings.quotas.overrides.insert("*".to_owned(), high);
            settings.customers.association_wait_seconds = 1;
            settings.real_name.review = Review::Automatic;
            settings.real_name.attempts_max = 1;
            settings.real_name.customers_per_document = 1;
            buckets.to_str().expect("a text").clone_into(&mut settings.real_name.buckets);
        })
        .await;
        let folder = buckets.join(app.world.demo().domain.to_string()).join("download");
        std::fs::create_dir_all(&folder).expect("a folder");
        for (name, bytes) in [("1.jpg", 1), ("2.jpg", 1), ("3.jpg", 1), ("large.jpg", 10 * 1024 * 1024 + 1)] {
            let file = std::fs::File::create(folder.join(name)).expect("a file");
            file.set_len(bytes).expect("its length");
        }
        Self { app, pool }
    }

    async fn reset(&self) {
        for statement in [
            "delete from verification_codes",
            "delete from verification_sends",
            "delete from receivers",
            "delete from certificates",
            "delete from partner_profiles",
            "delete from real_name_applications",
            "delete from xaccounts",
            "update customers set verified_status = -1, customer_type = -1",
        ] {
            self.run(statement).await;
        }
    }

    async fn run(&self, statement: &'static str) {
        sqlx::query(statement).execute(&self.pool).await.expect("it is written");
    }

    fn state(&self) -> &App {
        &self.app.app
    }

    async fn post(&self, account: &str, target: &str, request: &Value) -> Answer {
        self.app.client(account).post(target, request).await
    }

    /// What a request gets while a table is away.
    async fn without(
        &self,
        (away, back): (&'static str, &'static str),
        request: impl Future<Output = Answer>,
    ) -> Answer {
        self.run(away).await;
        let answer = request.await;
        self.run(back).await;
        answer
    }

    async fn set_profile(&self, account: &str, profile: Profile) {
        let account = self.app.world.account(account);
        let mut connection = self.pool.acquire().await.expect("a connection");
        partners::set_profile(&mut connection, account.tenant, account.domain, &profile).await.expect("it is written");
    }

    async fn set_standing(&self, account: &str, standing: Standing) {
        self.set_profile(account, Profile { standing, ..Profile::default() }).await;
    }

    /// Sends a code to a phone or an address, and reads it.
    async fn code(&self, receiver: &str) -> String {
        let by_mail = json!({"receiver_type": 2, "mobile_phone": "", "email": receiver});
        let by_phone = json!({"receiver_type": 1, "mobile_phone": receiver});
        let request = if receiver.contains('@') { by_mail } else { by_phone };
        let answer = self.post("demo-partner", SEND, &request).await;
        assert_eq!(answer.status.as_u16(), 204, "{}", answer.body);
        let receiver = Receiver::parse(receiver).expect("the test names it well");
        let mut connection = self.pool.acquire().await.expect("a connection");
        let codes = codes::readable(&mut connection, &self.state().vault, &receiver).await.expect("they are read");
        codes.into_iter().next().expect("it was sent").code
    }

    fn creation(more: Value) -> Value {
        merged(json!({"xaccount_id": "user-1", "xaccount_type": "DEMO_PARTNER"}), more)
    }

    async fn create(&self, more: Value) -> Answer {
        self.post("demo-partner", CREATE, &Self::creation(more)).await
    }

    async fn create_with_phone(&self, code: &str) -> Answer {
        self.create(json!({"mobile_phone": PHONE, "verification_code": code})).await
    }

    async fn create_for_reseller(&self) -> Answer {
        let reseller = self.app.world.account("demo-reseller").domain;
        let request = json!({"xaccount_type": "DEMO_DISTRIBUTOR", "indirect_partner_id": reseller});
        self.post("demo-distributor", CREATE, &Self::creation(request)).await
    }

    async fn person(&self, more: Value) -> Answer {
        let request = json!({
            "customer_id": self.app.world.account("demo-customer").domain, "identify_type": 0, "verified_type": 5,
            "name": "张三", "verified_file_url": ["1.jpg", "2.jpg", "3.jpg"], "verified_number": "X1",
            "xaccount_type": "DEMO_PARTNER",
        });
        self.post("demo-partner", PERSON, &merged(request, more)).await
    }

    async fn company(&self, method: Method, more: Value) -> Answer {
        let request = json!({
            "customer_id": self.app.world.account("demo-customer").domain, "identify_type": 1, "corp_name": "Demo Ltd",
            "verified_file_url": ["1.jpg"], "verified_number": "C1", "change_type": 1, "xaccount_type": "DEMO_PARTNER",
        });
        self.app.client("demo-partner").call(method, COMPANY, &[], &merged(request, more).to_string()).await
    }

    async fn change(&self, number: &str) -> Answer {
        self.run("update customers set verified_status = 2, customer_type = 0").await;
        self.company(Method::PUT, json!({"verified_number": number})).await
    }
}

fn merged(mut request: Value, more: Value) -> Value {
    let (Value::Object(fields), Value::Object(more)) = (&mut request, more) else { panic!("two objects") };
    fields.extend(more);
    request
}

const NO_XACCOUNTS: (&str, &str) = ("alter table xaccounts rename to away", "alter table away rename to xaccounts");
const NO_BLOCKS: (&str, &str) =
    ("alter table customer_blocks rename to away", "alter table away rename to customer_blocks");
const NO_SENDS: (&str, &str) =
    ("alter table verification_sends rename to away", "alter table away rename to verification_sends");
const NO_CUSTOMERS: (&str, &str) = ("alter table customers rename to away", "alter table away rename to customers");
const NO_PROFILES: (&str, &str) =
    ("alter table partner_profiles rename to away", "alter table away rename to partner_profiles");
const NO_APPLICATIONS: (&str, &str) =
    ("alter table real_name_applications rename to away", "alter table away rename to real_name_applications");

async fn create_sub_customer(stage: &Stage, code: &str) -> Answer {
    match code {
        "CBC.0100" => stage.create(json!({"xaccount_type": "OTHER"})).await,
        "CBC.0151" => stage.post("demo-customer", CREATE, &Stage::creation(json!({}))).await,
        "CBC.0999" => stage.without(NO_XACCOUNTS, stage.create(json!({}))).await,
        "CBC.5017" => stage.create(json!({"mobile_phone": "123", "verification_code": "1"})).await,
        "CBC.50010059" => {
            let request = Stage::creation(json!({"xaccount_type": "DEMO_DISTRIBUTOR"}));
            stage.post("demo-distributor", CREATE, &request).await
        }
        "CBC.50010065" => {
            stage.set_standing("demo-distributor", Standing::Exited).await;
            stage.create_for_reseller().await
        }
        "CBC.50010085" => {
            stage.set_standing("demo-reseller", Standing::Restricted).await;
            stage.create_for_reseller().await
        }
        "CBC.50010086" => {
            stage.set_standing("demo-distributor", Standing::Restricted).await;
            stage.create_for_reseller().await
        }
        "CBC.99000004" => stage.without(NO_BLOCKS, stage.create(json!({"include_association_result": true}))).await,
        "CBC.99000031" => stage.create(json!({"domain_name": "1abcd"})).await,
        "CBC.99000036" => stage.create(json!({"password": "short"})).await,
        "CBC.99000037" => {
            let request = json!({"xaccount_type": "DEMO_DISTRIBUTOR", "indirect_partner_id": "nobody"});
            stage.post("demo-distributor", CREATE, &Stage::creation(request)).await
        }
        "CBC.99000038" => stage.create(json!({"domain_name": "demo-customer"})).await,
        "CBC.99000039" => {
            stage.create(json!({})).await.ok();
            stage.create(json!({})).await
        }
        "CBC.99000050" => {
            let mut elsewhere = stage.pool.begin().await.expect("a transaction");
            let lock = sqlx::query("select 1 from customer_counters for update");
            lock.fetch_all(&mut *elsewhere).await.expect("they are locked");
            stage.create(json!({"include_association_result": true})).await
        }
        "CBC.99005035" => {
            stage.set_profile("demo-partner", Profile { is_test: true, ..Profile::default() }).await;
            stage.create(json!({})).await
        }
        _ => create_with_a_receiver(stage, code).await,
    }
}

async fn create_with_a_receiver(stage: &Stage, code: &str) -> Answer {
    let right = stage.code(PHONE).await;
    let wrong = if right == "000000" { "000001" } else { "000000" };
    match code {
        "CBC.99000029" => {
            for user in ["user-1", "user-2"] {
                let mail = stage.code(EMAIL).await;
                let request =
                    json!({"email": EMAIL, "domain_area": "SG", "verification_code": mail, "xaccount_id": user});
                let answer = stage.create(request).await;
                if user == "user-2" {
                    return answer;
                }
                answer.ok();
            }
            unreachable!("the second returns")
        }
        "CBC.99000030" => {
            let receiver = Receiver::parse(PHONE).expect("a phone");
            let mut connection = stage.pool.acquire().await.expect("a connection");
            for _ in 0..stage.state().settings.customers.accounts_with(&receiver) {
                let hash = receiver_hash(&stage.state().vault, &receiver);
                assert!(store::claim_receiver(&mut connection, &hash, i32::MAX).await.expect("it is written"));
            }
            stage.create_with_phone(&right).await
        }
        "CBC.99000051" => {
            let hash = receiver_hash(&stage.state().vault, &Receiver::parse(PHONE).expect("a phone"));
            let mut connection = stage.pool.acquire().await.expect("a connection");
            store::reserve_receiver(&mut connection, &hash, true).await.expect("it is written");
            stage.create_with_phone(&right).await
        }
        "CBC.99004008" => {
            stage.run("update verification_codes set expires_at = expires_at - interval '1 day'").await;
            stage.create_with_phone(&right).await
        }
        "CBC.99004009" => {
            for _ in 0..3 {
                assert_eq!(stage.create_with_phone(wrong).await.refusal().1, "CBC.99004010");
            }
            stage.create_with_phone(&right).await
        }
        "CBC.99004010" => stage.create_with_phone(wrong).await,
        _ => panic!("no case provokes {code} of CreateSubCustomer"),
    }
}

async fn others_of_customers(stage: &Stage, operation: &str, code: &str) -> Answer {
    let send = json!({"receiver_type": 1, "mobile_phone": PHONE});
    match (operation, code) {
        ("SendVerificationMessageCode", "CBC.0151") => stage.post("demo-customer", SEND, &send).await,
        ("SendVerificationMessageCode", "CBC.0999") => {
            stage.without(NO_SENDS, stage.post("demo-partner", SEND, &send)).await
        }
        ("SendVerificationMessageCode", "CBC.99004015") => {
            for _ in 0..15 {
                stage.code(PHONE).await;
            }
            stage.post("demo-partner", SEND, &send).await
        }
        ("ListSubCustomerNewTag", "CBC.0100") => stage.post("demo-partner", TAGS, &json!({"limit": 0})).await,
        ("ListSubCustomerNewTag", "CBC.0151") => stage.post("demo-customer", TAGS, &json!({})).await,
        ("ListSubCustomerNewTag", "CBC.0999") => {
            stage.without(NO_CUSTOMERS, stage.post("demo-partner", TAGS, &json!({}))).await
        }
        ("ListSubCustomerNewTag", "CBC.99000037") => {
            stage.post("demo-distributor", TAGS, &json!({"indirect_partner_id": "nobody"})).await
        }
        ("ListIndirectPartners", "CBC.0100") => stage.post("demo-distributor", RESELLERS, &json!({"limit": 0})).await,
        ("ListIndirectPartners", "CBC.0151") => stage.post("demo-partner", RESELLERS, &json!({})).await,
        ("ListIndirectPartners", "CBC.0999") => {
            stage.without(NO_PROFILES, stage.post("demo-distributor", RESELLERS, &json!({}))).await
        }
        _ => panic!("no case provokes {code} of {operation}"),
    }
}

async fn person(stage: &Stage, code: &str) -> Answer {
    match code {
        "CBC.0100" => stage.person(json!({"verified_type": 4})).await,
        "CBC.0151" => stage.post("demo-customer", PERSON, &json!({})).await,
        "CBC.0999" => stage.without(NO_APPLICATIONS, stage.person(json!({}))).await,
        "CBC.99000027" => {
            let customer = stage.app.world.account("demo-customer").domain;
            let send = json!({"receiver_type": 1, "mobile_phone": PHONE, "scene": 18, "customer_id": customer});
            assert_eq!(stage.post("demo-partner", SEND, &send).await.status.as_u16(), 204);
            stage.run("update verification_codes set expires_at = expires_at - interval '1 day'").await;
            let card = json!({"bank_account": "1", "areacode": "0086", "mobile": PHONE, "verification_code": "123456"});
            stage.person(json!({"identify_type": 4, "verified_file_url": ["1.jpg"], "bank_card_info": card})).await
        }
        "CBC.99000035" => stage.person(json!({"customer_id": "nobody"})).await,
        "CBC.99000099" => stage.person(json!({"verified_file_url": ["1.jpg", "2.jpg", "large.jpg"]})).await,
        "CBC.99000100" => stage.person(json!({"verified_file_url": ["1.jpg", "2.jpg", "3.exe"]})).await,
        "CBC.99005030" => {
            stage.set_profile("demo-partner", Profile::default()).await;
            stage.person(json!({})).await
        }
        "CBC.99007188" => {
            stage.person(json!({"verified_number": "X0001"})).await.ok();
            stage.person(json!({})).await
        }
        "CBC.99007189" => {
            let other = stage.app.world.account("referral-customer").domain;
            stage.person(json!({"customer_id": other})).await.ok();
            stage.person(json!({})).await
        }
        "CBC.99007191" => {
            stage.person(json!({"verified_number": "X0002"})).await.ok();
            stage.person(json!({})).await
        }
        // The rule of the automatic review: the number's last four digits are the code's.
        _ => stage.person(json!({"verified_number": format!("X{}", &code[code.len() - 4..])})).await,
    }
}

async fn company(stage: &Stage, code: &str) -> Answer {
    let apply = async |more: Value| stage.company(Method::POST, more).await;
    match code {
        "CBC.0100" => apply(json!({"corp_name": "1"})).await,
        "CBC.0151" => stage.post("demo-customer", COMPANY, &json!({})).await,
        "CBC.0999" => stage.without(NO_APPLICATIONS, apply(json!({}))).await,
        "CBC.99000035" => apply(json!({"customer_id": "nobody"})).await,
        "CBC.99000099" => apply(json!({"verified_file_url": ["large.jpg"]})).await,
        "CBC.99000100" => apply(json!({"verified_file_url": ["1.exe"]})).await,
        "CBC.99005030" => {
            stage.set_profile("demo-partner", Profile::default()).await;
            apply(json!({})).await
        }
        "CBC.99007188" => {
            apply(json!({})).await.ok();
            apply(json!({})).await
        }
        "CBC.99007191" => {
            apply(json!({"verified_number": "C0002"})).await.ok();
            apply(json!({})).await
        }
        _ => apply(json!({"verified_number": format!("C{}", &code[code.len() - 4..])})).await,
    }
}

async fn review_result(stage: &Stage, code: &str) -> Answer {
    let customer = stage.app.world.account("demo-customer").domain;
    let named = format!("{RESULT}?customer_id={customer}");
    let partner = stage.app.client("demo-partner");
    match code {
        "CBC.0100" => partner.get(RESULT).await,
        "CBC.0151" => stage.app.client("demo-customer").get(&named).await,
        "CBC.0999" => stage.without(NO_APPLICATIONS, partner.get(&named)).await,
        "CBC.5002" => partner.get(&format!("{RESULT}?customer_id=nobody")).await,
        _ => panic!("no case provokes {code} of ShowRealnameAuthenticationReviewResult"),
    }
}

#[sqlx::test(migrator = "bss_gateway::database::MIGRATOR")]
async fn each_documented_code_is_given_where_it_is_documented(pool: PgPool) {
    let buckets = tempfile::tempdir().expect("a folder");
    let stage = Stage::new(pool, buckets.path()).await;
    let mut wrong = Vec::new();
    for row in DOCUMENTED.lines().filter(|line| !line.starts_with('#')).skip(1) {
        let columns: Vec<&str> = row.splitn(4, ',').collect();
        let [operation, status, code, ""] = columns[..] else { continue };
        stage.reset().await;
        let answer = match operation {
            "CreateSubCustomer" => create_sub_customer(&stage, code).await,
            "CreatePersonalRealnameAuth" => person(&stage, code).await,
            "CreateEnterpriseRealnameAuthentication" => company(&stage, code).await,
            "ChangeEnterpriseRealnameAuthentication" => stage.change(&format!("C{}", &code[code.len() - 4..])).await,
            "ShowRealnameAuthenticationReviewResult" => review_result(&stage, code).await,
            _ => others_of_customers(&stage, operation, code).await,
        };
        let found = format!("{} {}", answer.status.as_u16(), answer.body["error_code"].as_str().unwrap_or_default());
        if found != format!("{status} {code}") {
            wrong.push(format!("{operation}: {status} {code} is documented, {found} was given: {}", answer.body));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
