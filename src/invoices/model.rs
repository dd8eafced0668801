//! What an invoice is.

use super::refusal::Refusal;
use super::state::Status;
use crate::charges::invoiceable::Payer;
use crate::values::amount::Amount;
use crate::values::coded::coded;
use crate::values::id::{DomainId, InvoiceId};
use crate::values::money::Currency;
use crate::values::text::texts;
use crate::values::time::Month;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::ToSchema;

coded! {
    /// To whom an invoice is made out: 0 a person, 1 a company.
    TitleKind {
        /// A person.
        Person = 0,
        /// A company.
        Company = 1,
    }

    /// What an invoice is: 0 a special VAT invoice, 1 an ordinary VAT invoice.
    InvoiceKind {
        /// A special VAT invoice: for companies alone.
        Special = 0,
        /// An ordinary one.
        Ordinary = 1,
    }

    /// What an invoice is made by: 0 a month, 2 orders.
    InvoiceMethod {
        /// A month.
        Month = 0,
        /// Orders.
        Orders = 2,
    }
}

texts! {
    /// To whom an invoice is made out.
    TitleName, 1..=100, "Example Trading Ltd.";
    /// The registered address of a company.
    RegisteredAddress, 1..=200, "1 Long Street, Guiyang";
    /// The registered phone of a company.
    RegisteredPhone, 1..=40, "0851-12345678";
    /// A bank.
    BankName, 1..=100, "Bank of Guiyang";
    /// A bank account.
    BankAccount, 1..=60, "6222020000000000";
    /// An address that mail is sent to.
    PostAddress, 1..=255, "1 Long Street, Guiyang";
    /// Who receives mail.
    Recipient, 1..=64, "Li Lei";
    /// A postal code.
    PostalCode, 1..=16, "550000";
    /// The phone of who receives mail.
    PostPhone, 1..=32, "13800000000";
    /// An e-mail address.
    InvoiceEmail, 3..=128, "invoices@example.com";
    /// The number of an invoice, as the tax authority counts it.
    InvoiceNumber, 1..=64, "26312000000012345678";
    /// The number of a parcel.
    ParcelNumber, 1..=64, "SF1234567890123";
    /// Why an invoice is refused or returned.
    InvoiceReason, 1..=256, "The tax number is not that of the company.";
    /// A tax rate.
    TaxRate, 1..=16, "6%";
}

/// A taxpayer's number: 15 to 20 digits and capital letters.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct TaxNumber(String);

impl TaxNumber {
    /// The number.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for TaxNumber {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let is_sane = |byte: u8| byte.is_ascii_digit() || byte.is_ascii_uppercase();
        if (15..=20).contains(&text.len()) && text.bytes().all(is_sane) {
            Ok(Self(text))
        } else {
            Err("must have 15 to 20 digits and capital letters")
        }
    }
}

impl utoipa::PartialSchema for TaxNumber {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
        use utoipa::openapi::schema::{ObjectBuilder, SchemaType, Type};
        ObjectBuilder::new()
            .schema_type(SchemaType::Type(Type::String))
            .max_length(Some(20))
            .pattern(Some("^[0-9A-Z]{15,20}$"))
            .examples(["91520900MA6J6CBN9Q"])
            .into()
    }
}

impl ToSchema for TaxNumber {}

/// To whom invoices are made out.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Title {
    /// 0 a person, 1 a company.
    pub title_type: TitleKind,
    /// The name.
    pub invoice_title: TitleName,
    /// The company's taxpayer number; a person has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tax_number: Option<TaxNumber>,
    /// The company's registered address; with what follows it stands on special VAT invoices.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reg_address: Option<RegisteredAddress>,
    /// The company's registered phone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reg_phone: Option<RegisteredPhone>,
    /// The company's bank.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bank: Option<BankName>,
    /// The company's account there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bank_account: Option<BankAccount>,
}

impl Title {
    /// Whether it is whole: a company has a tax number, and a person nothing but a name.
    pub fn check(&self) -> Result<(), Refusal> {
        match self.title_type {
            TitleKind::Company if self.tax_number.is_none() => {
                Err(Refusal::Parameter("tax_number", "must be given of a company"))
            }
            TitleKind::Person if self.tax_number.is_some() || self.has_details() => Err(Refusal::Parameter(
                "title_type",
                "must be 1 where a tax number, an address, a phone or a bank is given",
            )),
            _ => Ok(()),
        }
    }

    fn has_details(&self) -> bool {
        self.reg_address.is_some() || self.reg_phone.is_some() || self.bank.is_some() || self.bank_account.is_some()
    }

    /// Whether an invoice of this kind can be made out to it.
    pub fn admits(&self, kind: InvoiceKind) -> Result<(), Refusal> {
        if kind == InvoiceKind::Ordinary {
            return Ok(());
        }
        let is_whole = self.reg_address.is_some()
            && self.reg_phone.is_some()
            && self.bank.is_some()
            && self.bank_account.is_some();
        match self.title_type {
            TitleKind::Person => Err(Refusal::Parameter("invoice_type", "must be 1 of a person")),
            TitleKind::Company if !is_whole => Err(Refusal::Parameter(
                "title_id",
                "must have an address, a phone and a bank for a special VAT invoice",
            )),
            TitleKind::Company => Ok(()),
        }
    }
}

/// On what an invoice is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema, sqlx::Type)]
#[serde(rename_all = "lowercase")]
#[sqlx(type_name = "text", rename_all = "lowercase")]
pub enum Medium {
    /// On paper: it is sent by mail.
    Paper,
    /// A file: it is sent to an e-mail address.
    Digital,
}

/// Where paper goes.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Address {
    /// The address.
    pub address: PostAddress,
    /// Who receives it.
    pub recipients: Recipient,
    /// The postal code.
    pub zip_code: PostalCode,
    /// The phone of who receives it.
    pub mobile_phone: PostPhone,
}

/// To whom an invoice is made out, and where it goes: sealed for who asked for it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Details {
    /// To whom.
    pub title: Title,
    /// Where paper goes.
    pub address: Option<Address>,
    /// Where files go.
    pub email: Option<InvoiceEmail>,
}

/// A tax on an invoice, as staff say when they issue it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Tax {
    /// The tax: VAT, ISS, WHT or GST.
    pub tax_class: TaxClass,
    /// Its rate.
    pub tax_rate: TaxRate,
    /// How much it is.
    pub tax_amount: TaxAmount,
}

/// How much a tax is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TaxAmount(pub Decimal);

impl Serialize for TaxAmount {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Amount::from(self.0).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for TaxAmount {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let crate::values::decimal::WireDecimal(amount) =
            crate::values::decimal::WireDecimal::deserialize(deserializer)?;
        if amount < Decimal::ZERO { Err(serde::de::Error::custom("must not be below 0")) } else { Ok(Self(amount)) }
    }
}

impl utoipa::PartialSchema for TaxAmount {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
        Amount::schema()
    }
}

impl ToSchema for TaxAmount {}

/// A tax.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum TaxClass {
    /// Value-added tax.
    Vat,
    /// A tax on services.
    Iss,
    /// A tax that is withheld.
    Wht,
    /// A tax on goods and services.
    Gst,
}

/// An invoice, or a request for one.
#[derive(Clone, Debug)]
pub struct Invoice {
    /// Its id.
    pub id: InvoiceId,
    /// Who asked for it, in which currency.
    pub payer: Payer,
    /// Of one customer's month: whose.
    pub customer: Option<DomainId>,
    /// The month; of orders none.
    pub cycle: Option<Month>,
    /// How much it is.
    pub amount: Decimal,
    /// What it is.
    pub kind: InvoiceKind,
    /// On what.
    pub medium: Medium,
    /// Made out to a person or to a company.
    pub title_kind: TitleKind,
    /// To whom, and where it goes.
    pub details: Vec<u8>,
    /// How it stands.
    pub status: Status,
    /// Who asked.
    pub user_name: String,
    /// When.
    pub requested_at: OffsetDateTime,
    /// When it came to stand so.
    pub updated_at: OffsetDateTime,
    /// Its number, once it is issued.
    pub number: Option<String>,
    /// The parcel's number, once it is sent.
    pub parcel: Option<String>,
    /// Why it was refused or returned.
    pub reason: Option<String>,
    /// The taxes on it.
    pub taxes: Vec<Tax>,
}

impl Invoice {
    /// What it is made by.
    pub fn method(&self) -> InvoiceMethod {
        if self.cycle.is_some() { InvoiceMethod::Month } else { InvoiceMethod::Orders }
    }

    /// In which currency it is.
    pub fn currency(&self) -> Currency {
        self.payer.currency
    }
}

/// What may still be invoiced, and what is owed because more was given back than may be invoiced: of which one is always zero.
pub fn balance(open: Decimal) -> (Decimal, Decimal) {
    (open.max(Decimal::ZERO), (-open).max(Decimal::ZERO))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn title(fields: &Value) -> Result<Title, String> {
        let title: Title = serde_json::from_value(fields.clone()).map_err(|error| error.to_string())?;
        title.check().map_err(|refusal| refusal.to_string()).map(|()| title)
    }

    fn company() -> Value {
        json!({"title_type": 1, "invoice_title": "Example", "tax_number": "91520900MA6J6CBN9Q"})
    }

    #[test]
    fn a_company_has_a_tax_number_and_a_person_has_none() {
        assert!(title(&company()).is_ok());
        assert!(
            title(&json!({"title_type": 1, "invoice_title": "Example"})).expect_err("no number").contains("tax_number")
        );
        assert!(title(&json!({"title_type": 0, "invoice_title": "Li Lei"})).is_ok());
        let person = json!({"title_type": 0, "invoice_title": "Li Lei", "bank": "Bank"});
        assert!(title(&person).expect_err("a bank").contains("title_type"));
        for number in ["9152090", "91520900MA6J6CBN9q", "91520900MA6J6CBN9QQQQQ"] {
            let mut company = company();
            company["tax_number"] = json!(number);
            assert!(title(&company).is_err(), "{number}");
        }
    }

    #[test]
    fn special_invoices_are_made_out_to_companies_with_all_details() {
        let person = title(&json!({"title_type": 0, "invoice_title": "Li Lei"})).expect("a person");
        assert!(person.admits(InvoiceKind::Ordinary).is_ok());
        assert!(person.admits(InvoiceKind::Special).is_err());
        let mut fields = company();
        assert!(title(&fields).expect("a company").admits(InvoiceKind::Special).is_err());
        for (name, value) in [("reg_address", "Street"), ("reg_phone", "1"), ("bank", "Bank"), ("bank_account", "1")] {
            fields[name] = json!(value);
        }
        assert!(title(&fields).expect("a company").admits(InvoiceKind::Special).is_ok());
    }

    #[test]
    fn what_is_owed_is_open_to_nobody() {
        let cents = |cents| Decimal::new(cents, 2);
        assert_eq!(balance(cents(23_000)), (cents(23_000), Decimal::ZERO));
        assert_eq!(balance(cents(-10_000)), (Decimal::ZERO, cents(10_000)));
    }
}
