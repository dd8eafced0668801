//! `POST /v2/customers/realname-auths/individual`

use super::application::{self, Application};
use super::model::{AttachmentUrl, DocumentNumber, PersonName, Refusal, VerifiedType, check_attachments};
use crate::api::caller::{CallerKind, Partner};
use crate::api::error::ApiError;
use crate::api::extract::Json;
use crate::api::policy::Policy;
use crate::api::write::{Answer, Write};
use crate::app::App;
use crate::customers::codes::{self, GivenCode, Scene};
use crate::customers::model::AccountIdText;
use crate::customers::model::{CustomerType, ShortText, XaccountType};
use crate::values::coded::coded;
use crate::values::id::DomainId;
use crate::values::receiver::{Phone, Receiver};
use crate::values::site::Site;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

coded! {
    /// How a person is identified.
    IdentifyType {
        /// By a document.
        Document = 0,
        /// By a bank card: the Chinese site.
        BankCard = 4,
    }
    /// What an application changes.
    PersonChangeType {
        /// Nothing: it is the first.
        First = -1,
    }
}

/// A person's documents.
#[derive(Deserialize, ToSchema)]
pub struct ApplyIndividualRealnameAuthsReq {
    /// The customer.
    customer_id: AccountIdText,
    /// 0 by a document, 4 by a bank card.
    identify_type: IdentifyType,
    /// Which document: 3 passport, 5 and 6 travel permits, 9 and 10 residence permits. Needed with `identify_type` 0,
    /// otherwise ignored.
    verified_type: Option<VerifiedType>,
    /// Pictures of the document, in order, below `download/` of the partner's bucket; of a bank card's holder one of the
    /// face.
    #[schema(example = json!(["a/1.jpg", "a/2.jpg", "a/3.jpg"]))]
    verified_file_url: Vec<AttachmentUrl>,
    /// The person's name.
    name: PersonName,
    /// The document's number.
    verified_number: DocumentNumber,
    /// -1: it is the first authentication.
    #[serde(rename = "change_type")]
    _change_type: Option<PersonChangeType>,
    /// The partner's platform.
    xaccount_type: XaccountType,
    /// The bank card. Needed with `identify_type` 4.
    bank_card_info: Option<BankCardInfoV2>,
}

/// A bank card.
#[derive(Deserialize, ToSchema)]
pub struct BankCardInfoV2 {
    /// Its number: digits, letters and `-`.
    #[schema(example = "6222-0000-0000-0000")]
    bank_account: ShortText,
    /// The phone's country.
    #[schema(example = "0086")]
    areacode: ShortText,
    /// The phone that the bank knows.
    #[schema(example = "13800000001")]
    mobile: ShortText,
    /// The code that was sent to it, scene 18.
    #[schema(example = "123456")]
    verification_code: ShortText,
}

/// Whether a person has to look at it.
#[derive(Serialize, ToSchema)]
pub struct CreatePersonalRealnameAuthResponse {
    /// 1 if so; 0 if the result is there.
    #[schema(example = 1)]
    is_review: i16,
}

/// Applies for the real-name authentication of a person.
///
/// A customer that is verified or under review is refused: 400 `CBC.99007188`.
#[utoipa::path(
    post, path = "/v2/customers/realname-auths/individual",
    responses((status = 200, description = "Whether it is under review.", body = CreatePersonalRealnameAuthResponse)),
    extensions(("x-policy" = json!(
        Policy::callers(&CallerKind::PARTNERS).needs("BPC_ITEM_SUBCUSTSERV_010119").writes()
    ))),
)]
pub async fn create_personal_realname_auth(
    State(app): State<App>,
    partner: Partner,
    write: Write,
    Json(request): Json<ApplyIndividualRealnameAuthsReq>,
) -> Result<Answer, ApiError> {
    let decided = decide(&request, app.settings.api.site)?;
    let customer = app.customers.in_tree(&partner, &request.customer_id).await?;
    application::may_send(&app, &partner, request.xaccount_type.as_str()).await?;
    let code = decided.card.as_ref().map(|card| card.code(customer.id));
    if let Some(code) = &code
        && !write.is_repeat().await?
    {
        let mut connection = app.database.control().await?;
        let checked = codes::check(&mut connection, &app.vault, code, app.now(partner.tenant)).await?;
        checked.map_err(|refusal| match refusal {
            // This operation has a code of its own for it.
            crate::customers::model::Refusal::CodeExpired => Refusal::CodeExpired.into(),
            refusal => ApiError::from(refusal),
        })?;
    }
    let judged_number = decided.card.as_ref().map_or(request.verified_number.as_str(), |card| card.account);
    let application = Application {
        customer,
        customer_type: CustomerType::Person,
        is_change: false,
        document_type: decided.document_type,
        name: request.name.as_str().to_owned(),
        number: request.verified_number.as_str().to_owned(),
        judged_number: judged_number.to_owned(),
        details: decided.details,
        attachments: request.verified_file_url.clone(),
    };
    let answer = |is_review| CreatePersonalRealnameAuthResponse { is_review };
    application::apply(&app, write, application, code, answer).await
}

struct Decided<'a> {
    document_type: i16,
    details: Value,
    card: Option<Card<'a>>,
}

struct Card<'a> {
    account: &'a str,
    phone: Receiver,
    code: &'a str,
}

impl Card<'_> {
    fn code(&self, customer: DomainId) -> GivenCode<'_> {
        GivenCode { receiver: &self.phone, scene: Scene::BankCard, customer: Some(customer), code: self.code }
    }
}

fn decide(request: &ApplyIndividualRealnameAuthsReq, site: Site) -> Result<Decided<'_>, ApiError> {
    match request.identify_type {
        IdentifyType::Document => {
            let document = request.verified_type;
            let document =
                document.ok_or_else(|| ApiError::parameter("verified_type", "is required with identify_type 0"))?;
            // Of a passport the international site wants no page with the entry's stamp.
            let counts: &[usize] = match (document, site) {
                (VerifiedType::Passport, Site::Intl) => &[2],
                (VerifiedType::Passport, Site::Both) => &[2, 3],
                _ => &[3],
            };
            check_attachments(&request.verified_file_url, counts)?;
            Ok(Decided { document_type: document as i16, details: json!({}), card: None })
        }
        IdentifyType::BankCard if !site.serves(Site::Cn) => {
            Err(ApiError::parameter("identify_type", "must be 0 on the international site"))
        }
        IdentifyType::BankCard => {
            let info = request.bank_card_info.as_ref();
            let info = info.ok_or_else(|| ApiError::parameter("bank_card_info", "is required with identify_type 4"))?;
            check_attachments(&request.verified_file_url, &[1])?;
            let account = info.bank_account.as_str();
            let is_account = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
            if account.is_empty() || !account.bytes().all(is_account) {
                let rule = "must have digits, letters and - only";
                return Err(ApiError::parameter("bank_card_info.bank_account", rule));
            }
            if info.areacode.as_str() != Phone::COUNTRY_CODE {
                return Err(ApiError::parameter("bank_card_info.areacode", "must be 0086"));
            }
            let phone = Phone::parse(info.mobile.as_str());
            let phone = phone.ok_or_else(|| ApiError::parameter("bank_card_info.mobile", "must be a mobile phone"))?;
            let details = json!({ "bank_account": account, "mobile": phone.as_str() });
            let card = Card { account, phone: Receiver::Phone(phone), code: info.verification_code.as_str() };
            Ok(Decided { document_type: 0, details, card: Some(card) })
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::config::Review;
    use crate::testing::{Client, TestApp};
    use serde_json::{Value, json};
    use sqlx::PgPool;

    const TARGET: &str = "/v2/customers/realname-auths/individual";

    async fn automatic(pool: PgPool) -> TestApp {
        TestApp::with(pool, crate::operations, |settings| {
            settings.real_name.review = Review::Automatic;
            settings.real_name.attempts_max = 2;
            let high = "1000000/1".to_owned().try_into().expect("it is a rate");
            settings.quotas.overrides.insert("*".to_owned(), high);
        })
        .await
    }

    fn request(app: &TestApp, account: &str, number: &str) -> Value {
        json!({"customer_id": app.world.account(account).domain, "identify_type": 0, "verified_type": 5, "name": "张三",
               "verified_file_url": ["1.jpg", "2.jpg", "3.jpg"], "verified_number": number,
               "xaccount_type": "DEMO_PARTNER"})
    }

    async fn result(client: &Client<'_>, app: &TestApp, account: &str) -> Value {
        let id = app.world.account(account).domain;
        client.get(&format!("/v2/customers/realname-auths/result?customer_id={id}")).await.ok()
    }

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn the_last_digits_decide_in_the_sandbox(pool: PgPool) {
        let app = automatic(pool.clone()).await;
        let partner = app.client("demo-partner");
        assert_eq!(result(&partner, &app, "demo-customer").await, json!({}));
        for (number, code) in [
            ("X7193", "CBC.99007193"),
            ("X7202", "CBC.99007202"),
            ("X7219", "CBC.99007219"),
            ("X7255", "CBC.99007255"),
            ("X7258", "CBC.99007258"),
            ("X7260", "CBC.99007260"),
            ("X7261", "CBC.99007261"),
            ("X7262", "CBC.99007262"),
            ("X0026", "CBC.70600026"),
            ("X0032", "CBC.70600032"),
        ] {
            let answer = partner.post(TARGET, &request(&app, "demo-customer", number)).await;
            assert_eq!((answer.refusal().0, answer.refusal().1), (400, code), "{number}");
        }
        let asks = partner.post(TARGET, &request(&app, "demo-customer", "X0001")).await.ok();
        assert_eq!(asks, json!({"is_review": 1}));
        assert_eq!(result(&partner, &app, "demo-customer").await, json!({"review_result": 0}));
        let again = partner.post(TARGET, &request(&app, "demo-customer", "X1")).await;
        assert_eq!(again.refusal().1, "CBC.99007188");

        for _ in 0..2 {
            let refused = partner.post(TARGET, &request(&app, "referral-customer", "X0002")).await.ok();
            assert_eq!(refused, json!({"is_review": 0}));
        }
        let told = result(&partner, &app, "referral-customer").await;
        assert_eq!(told["review_result"], 1);
        assert!(told["opinion"].as_str().is_some_and(|opinion| !opinion.is_empty()));
        let exhausted = partner.post(TARGET, &request(&app, "referral-customer", "X1")).await;
        assert_eq!(exhausted.refusal().1, "CBC.99007191");
    }

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn a_verified_person_is_shown_by_name_and_becomes_a_company(pool: PgPool) {
        let app = automatic(pool.clone()).await;
        let partner = app.client("demo-partner");
        let passed = partner.post(TARGET, &request(&app, "demo-customer", "E12345")).await.ok();
        assert_eq!(passed, json!({"is_review": 0}));
        let list = partner.post("/v2/partners/sub-customers/query", &json!({"customer": "张"})).await.ok();
        let row = &list["customer_infos"][0];
        assert_eq!(
            (&row["customer"], &row["verified_status"], &row["customer_type"]),
            (&json!("张三"), &json!("2"), &json!(0))
        );
        let customer = app.client("demo-customer");
        let status = customer.get("/v2/customers/real-name-auth-status").await.ok();
        assert_eq!(status, json!({"verified_status": 2, "verified_type": 0}));
        let before = app.client("referral-customer").get("/v2/customers/real-name-auth-status").await.ok();
        assert_eq!(before, json!({"verified_status": -1, "verified_type": null}));

        let company = |account: &str| {
            json!({"customer_id": app.world.account(account).domain, "identify_type": 1, "certificate_type": 0,
                   "verified_file_url": ["1.jpg"], "corp_name": "Demo Ltd", "verified_number": "C1", "change_type": 1,
                   "xaccount_type": "DEMO_PARTNER"})
        };
        let target = "/v2/customers/realname-auths/enterprise";
        let put = async |account: &str| {
            partner.call(axum::http::Method::PUT, target, &[], &company(account).to_string()).await
        };
        assert_eq!(put("demo-customer").await.ok(), json!({"is_review": 0}));
        let status = customer.get("/v2/customers/real-name-auth-status").await.ok();
        assert_eq!(status, json!({"verified_status": 2, "verified_type": 1}));
        assert_eq!(put("demo-customer").await.refusal().1, "CBC.99007004");
        assert_eq!(put("referral-customer").await.refusal().1, "CBC.99007004");
        assert_eq!(partner.post(target, &company("referral-customer")).await.ok(), json!({"is_review": 0}));
        assert_eq!(partner.post(target, &company("referral-customer")).await.refusal().1, "CBC.99007188");
        let tags = "/v2/partners/sub-customers/new-customers-tags/batch-query";
        let tags = partner.post(tags, &json!({})).await.ok();
        assert_eq!(tags["new_customer_tags"][0]["new_customer_tag"], "UNDETERMINED");
    }

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn what_is_wrong_is_refused_by_its_code(pool: PgPool) {
        let app = automatic(pool.clone()).await;
        let partner = app.client("demo-partner");
        let change = |field: &str, value: Value| {
            let mut changed = request(&app, "demo-customer", "X1");
            changed[field] = value;
            changed
        };
        for (request, code) in [
            (change("verified_file_url", json!(["1.jpg", "2.jpg", "3.exe"])), "CBC.99000100"),
            (change("verified_file_url", json!(["1.jpg"])), "CBC.0100"),
            (change("verified_type", Value::Null), "CBC.0100"),
            (change("verified_type", json!(4)), "CBC.0100"),
            (change("change_type", json!(1)), "CBC.0100"),
            (change("xaccount_type", json!("OTHER_PARTNER")), "CBC.0100"),
            (change("identify_type", json!(4)), "CBC.0100"),
            (change("customer_id", json!(app.world.account("reseller-customer").domain)), "CBC.99000035"),
        ] {
            let answer = partner.post(TARGET, &request).await;
            assert_eq!((answer.refusal().0, answer.refusal().1), (400, code), "{request}: {}", answer.body);
        }
        let demo = app.world.demo();
        let profile = crate::customers::partners::Profile::default();
        let mut connection = pool.acquire().await.expect("a connection");
        crate::customers::partners::set_profile(&mut connection, demo.tenant, demo.domain, &profile)
            .await
            .expect("it is written");
        assert_eq!(partner.post(TARGET, &request(&app, "demo-customer", "X1")).await.refusal().1, "CBC.99005030");
    }

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn a_document_serves_so_many_customers_and_a_bank_card_needs_its_code(pool: PgPool) {
        let app = automatic(pool.clone()).await;
        let partner = app.client("demo-partner");
        let hash = app.app.vault.hash("document", "X1");
        sqlx::query("insert into certificates (number_hash, customers, banned) values ($1, 5, false)")
            .bind(&hash)
            .execute(&pool)
            .await
            .expect("it is written");
        assert_eq!(partner.post(TARGET, &request(&app, "demo-customer", "x1")).await.refusal().1, "CBC.99007189");
        sqlx::query("update certificates set banned = true").execute(&pool).await.expect("it is written");
        assert_eq!(partner.post(TARGET, &request(&app, "demo-customer", "X1")).await.refusal().1, "CBC.99007193");

        let customer = app.world.account("demo-customer").domain;
        let send = json!({"receiver_type": 1, "mobile_phone": "13800000001", "scene": 18, "customer_id": customer});
        let target = "/v2/bases/verificationcode/send";
        let readable = async || -> String {
            assert_eq!(partner.post(target, &send).await.status.as_u16(), 204);
            let code = sqlx::query_scalar("select readable from verification_codes where scene = 18");
            code.fetch_one(&pool).await.expect("it is there")
        };
        let with_card = |code: &str| {
            let mut request = request(&app, "demo-customer", "X2");
            request["identify_type"] = json!(4);
            request["verified_file_url"] = json!(["face.png"]);
            request["bank_card_info"] = json!({"bank_account": "6222-0000", "areacode": "0086",
                                               "mobile": "13800000001", "verification_code": code});
            request
        };
        let right = readable().await;
        let wrong = if right == "000000" { "000001" } else { "000000" };
        assert_eq!(partner.post(TARGET, &with_card(wrong)).await.refusal().1, "CBC.99004010");
        sqlx::query("update verification_codes set expires_at = expires_at - interval '1 hour'")
            .execute(&pool)
            .await
            .expect("it is written");
        assert_eq!(partner.post(TARGET, &with_card(&right)).await.refusal().1, "CBC.99000027");
        let right = readable().await;
        assert_eq!(partner.post(TARGET, &with_card(&right)).await.ok(), json!({"is_review": 0}));
    }
}
