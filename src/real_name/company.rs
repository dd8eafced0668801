//! A company's documents: what the first application and the change from a person have in common.

use super::application::Application;
use super::model::{
    AttachmentUrl, CertificateType, CorpName, DocumentNumber, EnterprisePersonNew, LongText, check_attachments,
    is_corp_name,
};
use crate::api::error::ApiError;
use crate::customers::model::Customer;
use crate::customers::model::{CustomerType, ShortText};
use crate::values::site::Site;
use serde_json::json;
use std::sync::Arc;

/// A company as a request describes it.
pub struct Company<'a> {
    /// Which document; a business licence unless given.
    pub certificate: Option<CertificateType>,
    /// The name.
    pub name: &'a CorpName,
    /// The document's number.
    pub number: &'a DocumentNumber,
    /// Where it is registered.
    pub country: Option<&'a ShortText>,
    /// Its address.
    pub address: Option<&'a LongText>,
    /// Its legal person.
    pub person: Option<&'a EnterprisePersonNew>,
    /// The files.
    pub attachments: &'a [AttachmentUrl],
}

impl Company<'_> {
    /// Refuses what breaks a rule.
    pub fn check(&self, site: Site) -> Result<(), ApiError> {
        if !is_corp_name(self.name.as_str()) {
            return Err(ApiError::parameter("corp_name", "must have a letter"));
        }
        let country = self.country.map(ShortText::as_str).filter(|country| !country.is_empty());
        let is_country = |country: &str| country.len() == 2 && country.bytes().all(|byte| byte.is_ascii_uppercase());
        if country.is_some_and(|country| !is_country(country)) {
            return Err(ApiError::parameter("reg_country", "must be a country's two letters"));
        }
        // The Chinese site wants one picture of the document, the international one both sides; then, of the legal person,
        // both sides of the identity card.
        let pictures: &[usize] = match (site, self.person.is_some()) {
            (Site::Cn, false) => &[1],
            (Site::Cn, true) => &[3],
            (Site::Intl, false) => &[2],
            (Site::Intl, true) => &[4],
            (Site::Both, false) => &[1, 2],
            (Site::Both, true) => &[3, 4],
        };
        check_attachments(self.attachments, pictures)
    }

    /// The application for a customer.
    pub fn application(&self, customer: Arc<Customer>, is_change: bool) -> Application {
        let person = self.person.map(
            |person| json!({ "name": person.legel_name, "number": person.legel_id_number, "role": "legalPerson" }),
        );
        Application {
            customer,
            customer_type: CustomerType::Company,
            is_change,
            document_type: self.certificate.unwrap_or(CertificateType::License) as i16,
            name: self.name.as_str().to_owned(),
            number: self.number.as_str().to_owned(),
            judged_number: self.number.as_str().to_owned(),
            details: json!({ "country": self.country, "address": self.address, "person": person }),
            attachments: self.attachments.to_vec(),
        }
    }
}
