//! `PUT /v2/customers/realname-auths/enterprise`

use super::application;
use super::company::Company;
use super::create_enterprise_realname_authentication::CompanyIdentifyType;
use super::model::{AttachmentUrl, CertificateType, CorpName, DocumentNumber, EnterprisePersonNew, LongText};
use crate::api::caller::{CallerKind, Partner};
use crate::api::error::ApiError;
use crate::api::extract::Json;
use crate::api::policy::Policy;
use crate::api::write::{Answer, Write};
use crate::app::App;
use crate::customers::model::AccountIdText;
use crate::customers::model::{ShortText, XaccountType};
use crate::values::coded::coded;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

coded! {
    /// What an application changes.
    CompanyChangeType {
        /// A person becomes a company.
        PersonToCompany = 1,
    }
}

/// A company's documents.
#[derive(Deserialize, ToSchema)]
pub struct ChangeEnterpriseRealnameAuthsReq {
    /// The customer.
    customer_id: AccountIdText,
    /// 1, by a document.
    #[serde(rename = "identify_type")]
    _identify_type: CompanyIdentifyType,
    /// Which document; a business licence unless given.
    certificate_type: Option<CertificateType>,
    /// Pictures of the document, then of the legal person's identity card, in order.
    #[schema(example = json!(["a/1.jpg"]))]
    verified_file_url: Vec<AttachmentUrl>,
    /// The company's name.
    corp_name: CorpName,
    /// The document's number.
    verified_number: DocumentNumber,
    /// Where it is registered: a country's two letters.
    #[schema(example = "CN")]
    reg_country: Option<ShortText>,
    /// Its address.
    reg_address: Option<LongText>,
    /// 1: a person becomes a company.
    #[serde(rename = "change_type")]
    _change_type: CompanyChangeType,
    /// The partner's platform.
    xaccount_type: XaccountType,
    /// Its legal person.
    enterprise_person: Option<EnterprisePersonNew>,
}

/// Whether a person has to look at it.
#[derive(Serialize, ToSchema)]
pub struct ChangeEnterpriseRealnameAuthenticationResponse {
    /// 1 if so; 0 if the result is there.
    #[schema(example = 1)]
    is_review: i16,
}

/// Applies for the change of a verified person into a company.
///
/// Until it has passed, the customer stays a verified person. Anybody else is refused: 400 `CBC.99007004`.
#[utoipa::path(
    put, path = "/v2/customers/realname-auths/enterprise",
    responses((
        status = 200, description = "Whether it is under review.", body = ChangeEnterpriseRealnameAuthenticationResponse
    )),
    extensions(("x-policy" = json!(
        Policy::callers(&CallerKind::PARTNERS).needs("BPC_ITEM_SUBCUSTSERV_010119").writes()
    ))),
)]
pub async fn change_enterprise_realname_authentication(
    State(app): State<App>,
    partner: Partner,
    write: Write,
    Json(request): Json<ChangeEnterpriseRealnameAuthsReq>,
) -> Result<Answer, ApiError> {
    let company = Company {
        certificate: request.certificate_type,
        name: &request.corp_name,
        number: &request.verified_number,
        country: request.reg_country.as_ref(),
        address: request.reg_address.as_ref(),
        person: request.enterprise_person.as_ref(),
        attachments: &request.verified_file_url,
    };
    company.check(app.settings.api.site)?;
    let customer = app.customers.in_tree(&partner, &request.customer_id).await?;
    application::may_send(&app, &partner, request.xaccount_type.as_str()).await?;
    let answer = |is_review| ChangeEnterpriseRealnameAuthenticationResponse { is_review };
    application::apply(&app, write, company.application(customer, true), None, answer).await
}
