//! `POST /v2/partners/sub-customers`

use super::codes::{self, GivenCode, Scene};
use super::membership::{self, NewCustomer};
use super::model::{AccountIdText, AssociationType};
use super::model::{Frozen, Refusal, ShortText, XaccountId, XaccountType, is_domain_name};
use super::opening::{self, NewAccount, PasswordText, check_password};
use super::partners;
use crate::api::caller::{Caller, CallerKind, Partner};
use crate::api::error::ApiError;
use crate::api::extract::Json;
use crate::api::policy::Policy;
use crate::api::write::{Answer, Begun, Write};
use crate::app::App;
use crate::secrets;
use crate::values::id::DomainId;
use crate::values::receiver::{Email, Phone, Receiver};
use crate::values::site::Site;
use crate::values::truth;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use std::time::Duration;
use time::OffsetDateTime;
use utoipa::ToSchema;

/// The account to be created.
#[derive(Deserialize, ToSchema)]
pub struct CreateCustomerV2Req {
    /// Its name: 5 to 32 letters, digits, `_` and `-`, not beginning with a digit, `op_` or `shadow_`. Absent or empty: one
    /// of 32 random characters.
    domain_name: Option<ShortText>,
    /// Its mobile phone, 11 digits: the Chinese site.
    #[schema(example = "")]
    mobile_phone: Option<ShortText>,
    /// Its e-mail address: the international site.
    #[schema(example = "")]
    email: Option<ShortText>,
    /// The code that was sent to the phone or address. Needed with either.
    verification_code: Option<ShortText>,
    /// Its country, two letters. Needed on the international site.
    #[schema(example = "SG")]
    domain_area: Option<ShortText>,
    /// Its id on the partner's platform.
    xaccount_id: XaccountId,
    /// The partner's platform.
    xaccount_type: XaccountType,
    /// Its password: 8 characters at least, of two kinds, without the name, the phone or the address. Absent: none, it gets
    /// in through the partner's platform only.
    password: Option<PasswordText>,
    /// `true`: no advertisements.
    #[serde(default, deserialize_with = "truth::value")]
    #[schema(value_type = Option<String>, example = "false")]
    is_close_market_ms: bool,
    /// `1`: a referral customer; anything else a resale customer.
    cooperation_type: Option<ShortText>,
    /// For a distributor, which has no customers of its own: the reseller whose customer it will be.
    indirect_partner_id: Option<AccountIdText>,
    /// Whether to wait until it is associated with the partner. Otherwise that happens soon after.
    #[serde(default, deserialize_with = "truth::value")]
    #[schema(value_type = Option<bool>)]
    include_association_result: bool,
}

/// The account that was created.
#[derive(Clone, Serialize, ToSchema)]
pub struct CreateSubCustomerResponse {
    /// Its id.
    domain_id: DomainId,
    /// Its name.
    #[schema(example = "a0d736359ada40aab6502d1a828c1809")]
    domain_name: String,
}

/// A refusal that carries the account that was created.
#[derive(Serialize)]
struct NotYetAssociated<'a> {
    error_code: &'a str,
    error_msg: &'a str,
    #[serde(flatten)]
    created: &'a CreateSubCustomerResponse,
}

/// What a request asks for, by the rules.
#[derive(Debug)]
struct Wanted {
    name: Option<String>,
    receiver: Option<(Receiver, String)>,
    domain_area: Option<String>,
    password: Option<String>,
    kind: AssociationType,
    international: bool,
}

/// Creates an account for a customer of the partner, or of one of its resellers.
///
/// The account is there when this answers; it is associated with the partner soon after, or before the answer if
/// `include_association_result` asks for it. Then 500 `CBC.99000050` says that it takes too long, 400 `CBC.99000004` that it
/// failed and is tried again; both carry the account.
#[utoipa::path(
    post, path = "/v2/partners/sub-customers",
    responses((status = 200, description = "The account.", body = CreateSubCustomerResponse)),
    extensions(("x-policy" = json!(
        Policy::callers(&CallerKind::PARTNERS).needs("BPC_ITEM_SUBCUSTSERV_010118").writes()
    ))),
)]
pub async fn create_sub_customer(
    State(app): State<App>,
    partner: Partner,
    write: Write,
    Json(request): Json<CreateCustomerV2Req>,
) -> Result<Answer, ApiError> {
    let mut wanted = decide(&request, app.settings.api.site)?;
    let owner = owner(&app, &partner, request.indirect_partner_id.as_ref()).await?;
    may_register(&app, &partner, owner, request.xaccount_type.as_str()).await?;
    let now = app.now(partner.tenant);
    if !write.is_repeat().await? {
        check_code(&app, &wanted, now).await?;
    }
    let password_hash = match wanted.password.take() {
        None => None,
        Some(password) => Some(opening::hash(password).await?),
    };
    let is_tried = write.dry_run;
    let mut transaction = match write.begin().await? {
        Begun::Done(answer) => return Ok(answer),
        Begun::New(transaction) => transaction,
    };
    let account = Account { caller: &partner, owner, password_hash, now };
    let created = create(&app, transaction.connection(), &request, &wanted, account).await?;
    let answer = transaction.finish(&created.domain_id.to_string(), &created).await?;
    if is_tried {
        return Ok(answer);
    }
    if request.include_association_result {
        return Ok(await_association(&app, &partner, &created, answer).await);
    }
    app.registered.notify_one();
    Ok(answer)
}

/// What the request says, if it says it by the rules.
fn decide(request: &CreateCustomerV2Req, site: Site) -> Result<Wanted, ApiError> {
    let given =
        |text: &Option<ShortText>| text.as_ref().map(|text| text.as_str().to_owned()).filter(|text| !text.is_empty());
    let (phone, email, domain_area) =
        (given(&request.mobile_phone), given(&request.email), given(&request.domain_area));
    // A deployment for both sites tells by what the request carries.
    let international = match site {
        Site::Cn => false,
        Site::Intl => true,
        Site::Both => email.is_some() || domain_area.is_some(),
    };
    let name = given(&request.domain_name);
    if name.as_deref().is_some_and(|name| !is_domain_name(name)) {
        return Err(Refusal::Name.into());
    }
    let receiver = match (international, phone, email) {
        (false, Some(phone), None) => Some(Receiver::Phone(Phone::parse(&phone).ok_or(Refusal::Phone)?)),
        (true, None, Some(email)) => {
            let email =
                Email::parse(&email).ok_or_else(|| ApiError::parameter("email", "must be an e-mail address"))?;
            Some(Receiver::Email(email))
        }
        (_, None, None) => None,
        (false, _, Some(_)) => return Err(ApiError::parameter("email", "must be absent on the Chinese site")),
        (true, Some(_), _) => {
            return Err(ApiError::parameter("mobile_phone", "must be absent on the international site"));
        }
    };
    let is_country = |area: &String| area.len() == 2 && area.bytes().all(|byte| byte.is_ascii_uppercase());
    if international && !domain_area.as_ref().is_some_and(is_country) {
        return Err(ApiError::parameter("domain_area", "must be a country's two letters"));
    }
    let password = request.password.as_ref().map(|password| password.as_str().to_owned());
    if let Some(password) = &password {
        check_password(password, name.as_deref(), receiver.as_ref())?;
    }
    let receiver = match (receiver, &request.verification_code) {
        (None, _) => None,
        (Some(receiver), Some(code)) if !code.as_str().is_empty() => Some((receiver, code.as_str().to_owned())),
        (Some(_), _) => return Err(ApiError::parameter("verification_code", "is required with a phone or an address")),
    };
    let is_referral = request.cooperation_type.as_ref().is_some_and(|kind| kind.as_str() == "1");
    // Referral by this operation is the Chinese site's.
    let kind = if is_referral && !international { AssociationType::Referral } else { AssociationType::Resale };
    Ok(Wanted { name, receiver, domain_area, password, kind, international })
}

/// Whose customer it will be: a distributor's is one of its resellers'.
async fn owner(app: &App, caller: &Caller, named: Option<&AccountIdText>) -> Result<DomainId, ApiError> {
    match (caller.kind, AccountIdText::given(named)) {
        (CallerKind::Distributor, None) => Err(Refusal::Distributor.into()),
        (CallerKind::Distributor, Some(named)) => Ok(app.customers.reseller(caller, named).await?.0),
        _ => Ok(caller.domain),
    }
}

async fn may_register(app: &App, caller: &Caller, owner: DomainId, xaccount_type: &str) -> Result<(), ApiError> {
    let mut connection = app.database.tenant(caller.tenant).await?;
    let own = partners::profile(&mut connection, caller.tenant, caller.domain).await?;
    if owner == caller.domain {
        partners::may_register(&own, None)?;
    } else {
        let below = partners::profile(&mut connection, caller.tenant, owner).await?;
        partners::may_register(&below, Some(&own))?;
    }
    if partners::platform(&mut connection, xaccount_type).await? != Some((caller.tenant, caller.domain)) {
        return Err(ApiError::parameter("xaccount_type", "must be the platform that is assigned to the partner"));
    }
    Ok(())
}

fn given_code((receiver, code): &(Receiver, String)) -> GivenCode<'_> {
    GivenCode { receiver, scene: Scene::Registration, customer: None, code }
}

async fn check_code(app: &App, wanted: &Wanted, now: OffsetDateTime) -> Result<(), ApiError> {
    let Some(receiver) = &wanted.receiver else { return Ok(()) };
    let mut connection = app.database.control().await?;
    Ok(codes::check(&mut connection, &app.vault, &given_code(receiver), now).await??)
}

/// For whom an account is created, and when.
struct Account<'a> {
    caller: &'a Caller,
    owner: DomainId,
    password_hash: Option<String>,
    now: OffsetDateTime,
}

/// Creates the account, and the customer whose association is still to be made.
async fn create(
    app: &App,
    connection: &mut PgConnection,
    request: &CreateCustomerV2Req,
    wanted: &Wanted,
    account: Account<'_>,
) -> Result<CreateSubCustomerResponse, ApiError> {
    let Account { caller, owner, password_hash, now } = account;
    let name = wanted.name.clone().unwrap_or_else(random_name);
    let new = NewAccount {
        tenant: caller.tenant,
        parent: owner,
        name: &name,
        password_hash,
        receiver: wanted.receiver.as_ref().map(|(receiver, _)| receiver),
        code: wanted.receiver.as_ref().map(given_code),
    };
    let id = opening::open(connection, (&app.vault, &app.settings.customers), new, now).await?;
    let sealed = wanted.receiver.as_ref().map(|(receiver, _)| app.vault.seal(receiver.as_str(), id));
    let (sealed_phone, sealed_email) = if wanted.international { (None, sealed) } else { (sealed, None) };
    let starts_frozen = wanted.international && wanted.kind == AssociationType::Resale;
    let new = NewCustomer {
        tenant: caller.tenant,
        id,
        association: (owner, wanted.kind),
        international: wanted.international,
        xaccount: (request.xaccount_type.as_str(), request.xaccount_id.as_str()),
        sealed_phone,
        sealed_email,
        domain_area: wanted.domain_area.as_deref(),
        takes_marketing: !request.is_close_market_ms,
        // On the international site a resale customer buys nothing until its partner has set a budget.
        frozen: if starts_frozen { Frozen::Account } else { Frozen::No },
    };
    if !membership::register(connection, &new, now).await? {
        return Err(Refusal::XaccountTaken.into());
    }
    Ok(CreateSubCustomerResponse { domain_id: id, domain_name: name })
}

/// 32 hexadecimal digits, the first of them a letter: as the vendor's, and by the rule of names.
fn random_name() -> String {
    let digits = hex::encode(secrets::random::<16>());
    let [first, ..] = secrets::random::<1>();
    format!("{}{}", char::from(b'a' + first % 6), &digits[1..])
}

async fn await_association(app: &App, caller: &Caller, created: &CreateSubCustomerResponse, answer: Answer) -> Answer {
    let associate = async {
        let mut connection = app.database.tenant(caller.tenant).await?;
        membership::complete(&mut connection, caller.tenant, created.domain_id, app.now(caller.tenant)).await
    };
    let patience = Duration::from_secs(app.settings.customers.association_wait_seconds);
    let (status, error_code, error_msg) = match tokio::time::timeout(patience, associate).await {
        Ok(Ok(())) => {
            app.notified.notify_one();
            return answer;
        }
        Ok(Err(error)) => {
            tracing::warn!(customer = %created.domain_id, %error, "an association was not made and is tried again");
            (StatusCode::BAD_REQUEST, "CBC.99000004", "An exception occurred when the customer authorized the partner.")
        }
        Err(_) => {
            tracing::warn!(customer = %created.domain_id, "an association was not made in time and is tried again");
            let message = "Timed out querying the association result; query the customer list for the final result.";
            (StatusCode::INTERNAL_SERVER_ERROR, "CBC.99000050", message)
        }
    };
    let body = NotYetAssociated { error_code, error_msg, created };
    let body = serde_json::to_string(&body).expect("texts serialise");
    Answer { status, body, mark: None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::background::associations::complete_all;
    use crate::customers::codes::receiver_hash;
    use crate::customers::store;
    use crate::testing::{TestApp, login};
    use serde_json::{Value, json};
    use sqlx::PgPool;

    const TARGET: &str = "/v2/partners/sub-customers";

    async fn app_with_codes(pool: PgPool) -> TestApp {
        TestApp::with(pool, crate::operations, |settings| {
            settings.customers.association_wait_seconds = 1;
            let high = "1000000/1".to_owned().try_into().expect("it is a rate");
            settings.quotas.overrides.insert("*".to_owned(), high);
        })
        .await
    }

    async fn code(app: &TestApp, receiver: &str) -> String {
        let by_phone = json!({"receiver_type": 1, "mobile_phone": receiver});
        let by_mail = json!({"receiver_type": 2, "mobile_phone": "", "email": receiver});
        let request = if receiver.contains('@') { by_mail } else { by_phone };
        let answer = app.client("demo-partner").post("/v2/bases/verificationcode/send", &request).await;
        assert_eq!(answer.status.as_u16(), 204, "{}", answer.body);
        let receiver = Receiver::parse(receiver).expect("the test names it well");
        let mut connection = app.app.database.control().await.expect("a connection");
        codes::readable(&mut connection, &app.app.vault, &receiver).await.expect("it is read").remove(0).code
    }

    fn with(extra: &Value) -> Value {
        let mut request = json!({"xaccount_id": "user-1", "xaccount_type": "DEMO_PARTNER"});
        for (name, value) in extra.as_object().expect("an object") {
            request[name] = value.clone();
        }
        request
    }

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn a_new_customer_can_log_in_and_becomes_the_partners(pool: PgPool) {
        let app = app_with_codes(pool.clone()).await;
        let code = code(&app, "13800000001").await;
        let request =
            with(&json!({"domain_name": "fresh-one", "mobile_phone": "13800000001", "verification_code": code,
                                  "password": "Customer-1"}));
        let created = app.client("demo-partner").post(TARGET, &request).await.ok();
        assert_eq!(created["domain_name"], "fresh-one");
        let token = app.anonymous().post("/v3/auth/tokens", &login("fresh-one", "Customer-1")).await;
        assert_eq!(token.body["token"]["user"]["domain"]["id"], created["domain_id"]);

        let state =
            "select partner_id is not null, number, sealed_phone is null from customers where xaccount_id is not null";
        let row: (bool, Option<i64>, bool) = sqlx::query_as(state).fetch_one(&pool).await.expect("it is there");
        assert_eq!(row, (false, None, false), "the association is still to be made");
        assert_eq!(complete_all(&app.app).await.expect("it is made"), 1);
        let row: (bool, Option<i64>, bool) = sqlx::query_as(state).fetch_one(&pool).await.expect("it is there");
        assert_eq!(row, (true, Some(3), false));
        let plain: i64 =
            sqlx::query_scalar("select count(*) from customers where sealed_phone = convert_to($1, 'utf8')")
                .bind("13800000001")
                .fetch_one(&pool)
                .await
                .expect("it is counted");
        assert_eq!(plain, 0, "a phone is sealed");
    }

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn each_rule_has_its_code(pool: PgPool) {
        let app = app_with_codes(pool.clone()).await;
        let partner = app.client("demo-partner");
        let waiting = json!({"include_association_result": true, "domain_name": "taken-name"});
        partner.post(TARGET, &with(&waiting)).await.ok();
        for (extra, code) in [
            (json!({"domain_name": "abcd"}), "CBC.99000031"),
            (json!({"domain_name": "12345"}), "CBC.99000031"),
            (json!({"domain_name": "op_abc"}), "CBC.99000031"),
            (json!({"domain_name": "taken-name"}), "CBC.99000038"),
            (json!({"domain_name": "another-name"}), "CBC.99000039"),
            (json!({"mobile_phone": "123", "verification_code": "000000"}), "CBC.5017"),
            (json!({"domain_name": "some-name", "password": "eman-emos"}), "CBC.99000036"),
            (json!({"password": "12345678"}), "CBC.99000036"),
            (json!({"password": ""}), "CBC.99000036"),
            (
                json!({"mobile_phone": "13800000001", "verification_code": "000000", "password": "a13800000001"}),
                "CBC.99000036",
            ),
            (json!({"mobile_phone": "13800000001", "verification_code": "000000"}), "CBC.99004010"),
            (json!({"mobile_phone": "13800000001"}), "CBC.0100"),
            (json!({"xaccount_type": "OTHER_PARTNER"}), "CBC.0100"),
            (json!({"email": "a@example.com", "verification_code": "000000"}), "CBC.0100"),
            (json!({"is_close_market_ms": "perhaps"}), "CBC.0100"),
        ] {
            let answer = partner.post(TARGET, &with(&extra)).await;
            assert_eq!((answer.refusal().0, answer.refusal().1), (400, code), "{extra}: {}", answer.body);
        }
        let distributor = app.client("demo-distributor");
        let request = with(&json!({"xaccount_type": "DEMO_DISTRIBUTOR"}));
        assert_eq!(distributor.post(TARGET, &request).await.refusal().1, "CBC.50010059");
        let mut foreign = request.clone();
        foreign["indirect_partner_id"] = json!(app.world.account("demo-customer").domain);
        assert_eq!(distributor.post(TARGET, &foreign).await.refusal().1, "CBC.99000037");
        let mut own = request;
        own["indirect_partner_id"] = json!(app.world.account("demo-reseller").domain);
        own["xaccount_id"] = json!("user-2");
        let created = distributor.post(TARGET, &own).await.ok();
        assert_eq!(created["domain_name"].as_str().map(str::len), Some(32));
    }

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn a_code_is_void_after_three_wrong_tries_or_its_time(pool: PgPool) {
        let app = app_with_codes(pool.clone()).await;
        let partner = app.client("demo-partner");
        let right = code(&app, "13800000001").await;
        let wrong = if right == "000000" { "000001" } else { "000000" };
        let attempt = async |code: &str| {
            partner.post(TARGET, &with(&json!({"mobile_phone": "13800000001", "verification_code": code}))).await
        };
        for _ in 0..3 {
            assert_eq!(attempt(wrong).await.refusal().1, "CBC.99004010");
        }
        assert_eq!(attempt(wrong).await.refusal().1, "CBC.99004009");
        assert_eq!(attempt(&right).await.refusal().1, "CBC.99004009");

        let right = code(&app, "13800000001").await;
        let expired = "update verification_codes set expires_at = expires_at - interval '10 minutes'";
        sqlx::query(expired).execute(&pool).await.expect("it is written");
        assert_eq!(attempt(&right).await.refusal().1, "CBC.99004008");
        let right = code(&app, "13800000001").await;
        attempt(&right).await.ok();
        assert_eq!(attempt(&right).await.refusal().1, "CBC.99004010", "a code is used once");
    }

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn phones_and_addresses_have_their_limits(pool: PgPool) {
        let app = app_with_codes(pool.clone()).await;
        let partner = app.client("demo-partner");
        let register = async |receiver: &str, user: usize| {
            let code = code(&app, receiver).await;
            let field = if receiver.contains('@') { "email" } else { "mobile_phone" };
            let mut request = with(&json!({field: receiver, "verification_code": code}));
            request["xaccount_id"] = json!(format!("user-{user}"));
            if receiver.contains('@') {
                request["domain_area"] = json!("SG");
            }
            partner.post(TARGET, &request).await
        };
        for user in 0..5 {
            register("13800000001", user).await.ok();
        }
        assert_eq!(register("13800000001", 5).await.refusal().1, "CBC.99000030");
        register("a@example.com", 6).await.ok();
        assert_eq!(register("A@Example.com", 7).await.refusal().1, "CBC.99000029");
        let hash = receiver_hash(&app.app.vault, &Receiver::parse("13800000002").expect("a phone"));
        let mut connection = pool.acquire().await.expect("a connection");
        store::reserve_receiver(&mut connection, &hash, true).await.expect("it is written");
        assert_eq!(register("13800000002", 8).await.refusal().1, "CBC.99000051");
    }

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn who_waits_in_vain_for_the_association_learns_the_account(pool: PgPool) {
        let app = app_with_codes(pool.clone()).await;
        let mut elsewhere = pool.begin().await.expect("a transaction");
        sqlx::query("select 1 from customer_counters for update").fetch_all(&mut *elsewhere).await.expect("locked");
        let request = with(&json!({"include_association_result": true}));
        let answer = app.client("demo-partner").post(TARGET, &request).await;
        assert_eq!((answer.refusal().0, answer.refusal().1), (500, "CBC.99000050"));
        assert!(answer.body["domain_id"].is_string() && answer.body["domain_name"].is_string());
        elsewhere.rollback().await.expect("unlocked");
        assert_eq!(complete_all(&app.app).await.expect("it is made after all"), 1);
    }

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn of_many_that_want_the_same_exactly_one_gets_it(pool: PgPool) {
        let app = app_with_codes(pool.clone()).await;
        let code = code(&app, "13800000001").await;
        let request =
            with(&json!({"domain_name": "same-name", "mobile_phone": "13800000001", "verification_code": code,
                                  "include_association_result": true}));
        let partner = app.client("demo-partner");
        let calls = (0..32).map(|_| partner.post(TARGET, &request));
        let answers = crate::testing::all(calls).await;
        let created = answers.iter().filter(|answer| answer.status.is_success()).count();
        assert_eq!(created, 1);
        for answer in answers.iter().filter(|answer| !answer.status.is_success()) {
            // The code is used up by then.
            assert_eq!((answer.refusal().0, answer.refusal().1), (400, "CBC.99004010"));
        }
        for (field, extra, code) in [
            ("name", json!({"domain_name": "other-name"}), "CBC.99000038"),
            ("xaccount", json!({"xaccount_id": "user-3"}), "CBC.99000039"),
        ] {
            let requests: Vec<Value> = (0..32)
                .map(|client| {
                    let mut request = with(&extra);
                    match field {
                        "name" => request["xaccount_id"] = json!(format!("user-name-{client}")),
                        _ => request["domain_name"] = json!(format!("name-{client:05}")),
                    }
                    request
                })
                .collect();
            let answers = crate::testing::all(requests.iter().map(|request| partner.post(TARGET, request))).await;
            assert_eq!(answers.iter().filter(|answer| answer.status.is_success()).count(), 1, "{field}");
            let refused = answers.iter().filter(|answer| !answer.status.is_success());
            assert!(refused.map(|answer| answer.refusal().1).all(|found| found == code), "{field}");
        }
        complete_all(&app.app).await.expect("they are made");
        let numbers: Vec<i64> =
            sqlx::query_scalar("select number from customers where xaccount_id is not null order by 1")
                .fetch_all(&pool)
                .await
                .expect("they are read");
        assert_eq!(numbers, [3, 4, 5], "no number is lost to who was refused");
    }
}
