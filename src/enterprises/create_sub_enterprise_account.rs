//! `POST /v2/enterprises/multi-accounts/sub-customers`

use super::members::{self, Joining};
use super::model::{FinancialCustody, MemberAssociation, MemberStatus, PartyId, Permission, permissions};
use super::refusal::Refusal;
use super::store::{self, NewMember};
use crate::api::caller::{CallerKind, Master};
use crate::api::error::ApiError;
use crate::api::extract::Json;
use crate::api::policy::Policy;
use crate::api::write::{Answer, Outcome, Write};
use crate::app::App;
use crate::customers::codes::{self, GivenCode, Scene};
use crate::customers::kin::sealed_phone;
use crate::customers::model::{self as customers, NotDone, ShortText, is_domain_name};
use crate::customers::opening::{self, NewAccount, PasswordText};
use crate::customers::store::lock;
use crate::values::id::DomainId;
use crate::values::list::List;
use crate::values::receiver::{Phone, Receiver};
use crate::values::site::Site;
use crate::values::text::texts;
use axum::extract::State;
use serde::Deserialize;
use sqlx::PgConnection;
use time::OffsetDateTime;
use utoipa::ToSchema;

texts! {
    /// A member's name in its organisation.
    DisplayName, 0..=64, "Sales, north";
}

/// The member to be created.
#[derive(Deserialize, ToSchema)]
pub struct CreateSubCustomerReqV2 {
    /// The unit it will belong to.
    party_id: PartyId,
    /// Its name in the organisation. Absent: empty.
    display_name: Option<DisplayName>,
    /// How it hangs together with the enterprise: 1, both are of one legal entity.
    sub_customer_association_type: MemberAssociation,
    /// What the enterprise may do with it. Absent or empty: nothing. Ignored with `financial_custody` 1, which gives
    /// `READ_FINANCE_INFO`, `READ_CONSUME_BILL` and `SHARE-BIZ-DISCOUNT-TO-SUB`.
    #[schema(value_type = Option<Vec<Permission>>, max_items = 20, example = json!(["READ_FINANCE_INFO"]))]
    permission_ids: Option<List<Permission, 20>>,
    /// Its account.
    new_sub_customer: NewCustomerV2,
    /// Who keeps its finances: 0, the default, itself; 1 the enterprise. Its orders and its use are paid by itself
    /// all the same: paying for members is not built yet.
    #[schema(example = 1)]
    financial_custody: Option<FinancialCustody>,
}

/// A member's account.
#[derive(Deserialize, ToSchema)]
pub struct NewCustomerV2 {
    /// Its name, by which it logs in: 5 to 32 letters, digits, `_` and `-`, not beginning with a digit, `op_` or `shadow_`.
    #[schema(value_type = String, example = "new-member")]
    customer_name: ShortText,
    /// Its mobile phone, 11 digits. Needed unless `use_pri_mobile_phone` is Y, which makes it ignored.
    #[schema(example = "13800000001")]
    mobile_phone: Option<ShortText>,
    /// Whether it has the enterprise's own phone: Y, or N, the default.
    #[schema(example = "Y")]
    use_pri_mobile_phone: Option<UsesMastersPhone>,
    /// Its password: 8 characters at least, of two kinds, without the name or the phone.
    #[schema(value_type = String, example = "Sub-account-1")]
    password: PasswordText,
    /// The code that was sent to `mobile_phone`. Needed with it.
    #[schema(example = "123456")]
    verification_code: Option<ShortText>,
}

/// Whether a member has its enterprise's phone.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, ToSchema)]
pub enum UsesMastersPhone {
    /// It does.
    Y,
    /// It has its own.
    N,
}

/// What a request asks for, by the rules.
#[derive(Debug)]
struct Wanted {
    unit: PartyId,
    display_name: String,
    permissions: Vec<Permission>,
    custody: FinancialCustody,
    association: MemberAssociation,
    name: String,
    /// Its own phone with the code that was sent there; none: the master's.
    phone: Option<(Receiver, String)>,
}

/// Creates a member account of the enterprise.
///
/// It can be used at once. Where the enterprise is a verified company, so is the member, by the same name; where it is a partner's
/// referral customer, so is the member, unless it is in custody. A partner's resale customer has members in custody only. An
/// enterprise has 32 members at most: 500 `CBC.7004` with the check `MAX_SUB_CUSTOMER_NUM` in `fail_check_items`.
#[utoipa::path(
    post, path = "/v2/enterprises/multi-accounts/sub-customers",
    responses((status = 204, description = "The account is there.")),
    extensions(("x-policy" = json!(Policy::callers(&[CallerKind::Master]).on(Site::Cn).writes()))),
)]
pub async fn create_sub_enterprise_account(
    State(app): State<App>,
    caller: Master,
    write: Write,
    Json(request): Json<CreateSubCustomerReqV2>,
) -> Result<Answer, ApiError> {
    let wanted = decide(&request)?;
    let now = app.now(caller.tenant);
    let phone = match &wanted.phone {
        Some((phone, _)) => phone.clone(),
        None => masters_phone(&app, &caller).await?,
    };
    let password = request.new_sub_customer.password.as_str();
    opening::check_password(password, Some(&wanted.name), Some(&phone))?;
    if !write.is_repeat().await? {
        check_code(&app, &caller, &wanted, now).await?;
    }
    let password_hash = opening::hash(password.to_owned()).await?;
    let answer = write
        .once(async |connection| {
            let id = create(&app, connection, &caller, (&wanted, &phone, password_hash), now).await?;
            Ok(Outcome::empty(&id))
        })
        .await?;
    // Its partner is told, where it has one.
    app.notified.notify_one();
    Ok(answer)
}

/// What the request says, if it says it by the rules.
fn decide(request: &CreateSubCustomerReqV2) -> Result<Wanted, ApiError> {
    let account = &request.new_sub_customer;
    let name = account.customer_name.as_str().to_owned();
    if !is_domain_name(&name) {
        return Err(customers::Refusal::Name.into());
    }
    let text = |text: &Option<ShortText>| text.as_ref().map(|text| text.as_str().to_owned()).unwrap_or_default();
    let phone = match account.use_pri_mobile_phone {
        Some(UsesMastersPhone::Y) => None,
        Some(UsesMastersPhone::N) | None => {
            let phone = Phone::parse(&text(&account.mobile_phone)).ok_or_else(|| {
                let rule = "must be a mobile phone of 11 digits unless use_pri_mobile_phone is Y";
                ApiError::parameter("new_sub_customer.mobile_phone", rule)
            })?;
            let code = text(&account.verification_code);
            if code.is_empty() {
                let rule = "is required with mobile_phone";
                return Err(ApiError::parameter("new_sub_customer.verification_code", rule));
            }
            Some((Receiver::Phone(phone), code))
        }
    };
    let custody = request.financial_custody.unwrap_or(FinancialCustody::Independent);
    let asked = request.permission_ids.as_ref().map(List::as_slice).unwrap_or_default();
    Ok(Wanted {
        unit: request.party_id,
        display_name: request.display_name.as_ref().map(|name| name.as_str().to_owned()).unwrap_or_default(),
        permissions: permissions(custody, asked),
        custody,
        association: request.sub_customer_association_type,
        name,
        phone,
    })
}

async fn masters_phone(app: &App, caller: &Master) -> Result<Receiver, ApiError> {
    let sealed = sealed_phone(&mut *app.database.tenant(caller.tenant).await?, caller.tenant, caller.domain).await?;
    let opened = sealed.and_then(|sealed| app.vault.open(&sealed, caller.domain));
    let phone = opened.and_then(|phone| Phone::parse(&phone)).map(Receiver::Phone);
    phone.ok_or_else(|| {
        let rule = "must be N: the master account has no mobile phone";
        ApiError::parameter("new_sub_customer.use_pri_mobile_phone", rule)
    })
}

/// The code as it was given: one that was sent for another enterprise is of no use.
fn given_code<'a>(wanted: &'a Wanted, caller: &Master) -> Option<GivenCode<'a>> {
    let given = |(receiver, code): &'a (Receiver, String)| GivenCode {
        receiver,
        scene: Scene::Membership,
        customer: Some(caller.domain),
        code,
    };
    wanted.phone.as_ref().map(given)
}

async fn check_code(app: &App, caller: &Master, wanted: &Wanted, now: OffsetDateTime) -> Result<(), ApiError> {
    let Some(code) = given_code(wanted, caller) else { return Ok(()) };
    let mut connection = app.database.control().await?;
    let checked = codes::check(&mut connection, &app.vault, &code, now).await?;
    checked.map_err(|refusal| Refusal::from(refusal).into())
}

/// Opens the account and makes it a member. The master is locked first: it has so many members at most.
async fn create(
    app: &App,
    connection: &mut PgConnection,
    caller: &Master,
    (wanted, phone, password_hash): (&Wanted, &Receiver, String),
    now: OffsetDateTime,
) -> Result<DomainId, ApiError> {
    let master = store::Master::of(caller);
    let state = lock(connection, master.tenant, master.id).await?;
    let state = state.ok_or_else(|| ApiError::internal("a master account without a customer"))?;
    if store::unit(connection, master, wanted.unit).await?.is_none() {
        return Err(ApiError::parameter("party_id", "must be a unit of the enterprise's organisation"));
    }
    let association = members::admit(connection, master, &state, wanted.custody).await?;
    let new = NewAccount {
        tenant: master.tenant,
        parent: master.id,
        name: &wanted.name,
        password_hash: Some(password_hash),
        receiver: Some(phone),
        code: given_code(wanted, caller),
    };
    let opened = opening::open(connection, (&app.vault, &app.settings.customers), new, now).await;
    let id = opened.map_err(|not_done| match not_done {
        NotDone::Refused(refusal) => Refusal::from(refusal).into(),
        NotDone::Database(error) => ApiError::from(error),
    })?;
    let new = NewMember {
        id,
        unit: wanted.unit,
        status: MemberStatus::Normal,
        association: wanted.association,
        display_name: &wanted.display_name,
        permissions: &wanted.permissions,
    };
    let joining = Joining { new, phone, custody: wanted.custody, association };
    members::settle(connection, &app.vault, master, &joining, now).await?;
    Ok(id)
}
