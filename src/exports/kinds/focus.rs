//! Charges of customers in the columns of FOCUS 1.2, the open specification of cost and usage that cost tools read.
//!
//! What it asks for and our bills do not have is decided here. A charge is one unit of what it is for, so that its unit prices are its
//! costs: tiers and packages leave no price that times a quantity would give the charge to the cent. What is given back is minus one
//! unit, an adjustment and a correction. Who bills is the vendor: a partner for its resale customers, and other customers themselves.

use super::bills::{self, Key as ChargeKey};
use crate::bills::walk::Charged;
use crate::charges::model::{BillType, SumType};
use crate::costs::walk::{Spread, SpreadWalk};
use crate::exports::source::{Of, Source, With, table};
use crate::exports::table::{Cell, Column};
use crate::pricing::model::description;
use crate::values::id::DomainId;
use crate::values::language::Language;
use crate::values::time::{Day, Month};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

/// Charges, then what counts in each month of what was paid for periods.
pub struct Focus;

/// Who provides, publishes and bills.
const VENDOR: &str = "Huawei Cloud";

/// What a row is made of.
pub enum Row {
    /// A charge.
    Charge(Box<Charged>),
    /// What of a line of an order counts in a month.
    Spread(Month, Box<Spread>),
}

/// Behind which row: first all charges, then the lines of orders month by month.
#[derive(Serialize, Deserialize)]
pub enum Key {
    /// A charge.
    Charge(ChargeKey),
    /// A line of a customer's order, in a month.
    Spread(Month, Uuid, String),
}

/// A row in the words of the specification.
pub struct Shown {
    payer: DomainId,
    customer: DomainId,
    billed: Month,
    category: &'static str,
    class: Option<&'static str>,
    what: String,
    frequency: &'static str,
    period: (OffsetDateTime, OffsetDateTime),
    consumed: Option<(Decimal, String)>,
    costs: Costs,
    currency: &'static str,
    service: String,
    resource_type: String,
    region: String,
    resource: (String, String),
    product: String,
    meter: Option<String>,
}

/// The costs of a row.
#[derive(Clone, Copy, Default)]
pub struct Costs {
    billed: Decimal,
    contracted: Decimal,
    effective: Decimal,
    list: Decimal,
}

impl Costs {
    /// One unit, or minus one where something is given back.
    fn units(self) -> Decimal {
        if self.list.is_sign_negative() && !self.list.is_zero() || self.contracted < Decimal::ZERO {
            Decimal::NEGATIVE_ONE
        } else {
            Decimal::ONE
        }
    }
}

impl Row {
    fn shown(self, with: &With<'_>) -> Shown {
        match self {
            Self::Charge(charged) => of_charge(*charged, with),
            Self::Spread(month, spread) => of_spread(*spread, month, with),
        }
    }
}

/// What a charge is to the specification.
fn category(bill_type: BillType, is_use: bool) -> &'static str {
    match (bill_type, bill_type.sum_type()) {
        // Purchases have no effective cost of their own, and what is given back has.
        (BillType::MakeUp, _) | (_, SumType::Adjustment | SumType::Refund) => "Adjustment",
        _ if is_use => "Usage",
        _ => "Purchase",
    }
}

fn of_charge(charged: Charged, with: &With<'_>) -> Shown {
    let Charged { row, currency, is_spread } = charged;
    let category = category(row.bill_type, row.order_id.is_none());
    let used_at = row.consumed_at.unwrap_or(row.charged_at);
    let amounts = &row.amounts;
    let day = Day::of(used_at);
    let used_until = row.used_until.filter(|until| *until > used_at && row.order_id.is_none());
    let unit = row.usage_measure_id.and_then(|measure| with.unit(measure)).unwrap_or("Units").to_owned();
    Shown {
        payer: payer(row.association_type, row.partner_id, row.domain_id),
        customer: row.domain_id,
        billed: Month::of_day(Day(row.cycle)),
        category,
        class: (row.bill_type.sum_type() == SumType::Refund).then_some("Correction"),
        what: what(with, &row.resource_type_code, &description(&row.resource_spec, row.resource_size)),
        frequency: if category == "Usage" { "Usage-Based" } else { "One-Time" },
        // What is bought is bought on a day.
        period: used_until.map_or((day.start(), day.end()), |until| (used_at, until)),
        consumed: (category == "Usage").then(|| (row.usage_amount.unwrap_or(Decimal::ONE), unit)),
        costs: Costs {
            billed: amounts.consume_amount,
            contracted: amounts.official_amount - amounts.discount_amount,
            effective: if is_spread { Decimal::ZERO } else { amounts.consume_amount },
            list: amounts.official_amount,
        },
        currency: currency.code(),
        service: row.service_type_code,
        resource_type: row.resource_type_code,
        region: row.region_code,
        resource: (row.resource_id, row.resource_name),
        product: row.product_id,
        meter: Some(row.usage_type_code).filter(|meter| !meter.is_empty()),
    }
}

fn of_spread(spread: Spread, month: Month, with: &With<'_>) -> Shown {
    let first = Day(spread.first_day.min(spread.ends_on).max(month.first_day()));
    let last = Day(spread.ends_on.min(month.last_day()));
    let days = (last.0 - first.0).whole_days() + 1;
    Shown {
        payer: payer(None, Some(spread.partner_id), spread.domain_id),
        customer: spread.domain_id,
        billed: month,
        category: "Usage",
        class: None,
        what: what(with, &spread.resource_type_code, &description(&spread.resource_spec, spread.resource_size)),
        frequency: "Recurring",
        period: (first.start(), last.end()),
        consumed: Some((Decimal::from(days), "Days".to_owned())),
        costs: Costs { effective: spread.current, ..Costs::default() },
        currency: spread.currency.code(),
        service: spread.service_type_code,
        resource_type: spread.resource_type_code,
        region: spread.region_code,
        resource: (spread.resource_id, spread.resource_name),
        product: spread.product_id,
        meter: None,
    }
}

/// Whom the vendor bills: of a referral customer itself.
fn payer(association: Option<i16>, partner: Option<DomainId>, customer: DomainId) -> DomainId {
    partner.filter(|_| association != Some(1)).unwrap_or(customer)
}

fn what(with: &With<'_>, resource_type: &str, specification: &str) -> String {
    format!("{} {specification}", with.resource_type(resource_type)).trim().to_owned()
}

fn given(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}

table! {
    shown: Shown, with;
    "BilledCost": Number = shown.costs.billed;
    "BillingAccountId": Text = shown.payer;
    "BillingAccountName": Text = Cell::Empty;
    "BillingCurrency": Text = shown.currency;
    "BillingPeriodEnd": Time = shown.billed.next().start();
    "BillingPeriodStart": Time = shown.billed.start();
    "ChargeCategory": Text = shown.category;
    "ChargeClass": Text = shown.class;
    "ChargeDescription": Text = shown.what.as_str();
    "ChargeFrequency": Text = shown.frequency;
    "ChargePeriodEnd": Time = shown.period.1;
    "ChargePeriodStart": Time = shown.period.0;
    "ConsumedQuantity": Number = shown.consumed.as_ref().map(|consumed| consumed.0);
    "ConsumedUnit": Text = shown.consumed.as_ref().map(|consumed| consumed.1.as_str());
    "ContractedCost": Number = shown.costs.contracted;
    "ContractedUnitPrice": Number = shown.costs.contracted * shown.costs.units();
    "EffectiveCost": Number = shown.costs.effective;
    "InvoiceIssuerName": Text = VENDOR;
    "ListCost": Number = shown.costs.list;
    "ListUnitPrice": Number = shown.costs.list * shown.costs.units();
    "PricingCategory": Text = "Standard";
    "PricingQuantity": Number = shown.costs.units();
    "PricingUnit": Text = "Units";
    "ProviderName": Text = VENDOR;
    "PublisherName": Text = VENDOR;
    "RegionId": Text = given(&shown.region);
    "RegionName": Text = given(&with.region(&shown.region));
    "ResourceId": Text = given(&shown.resource.0);
    "ResourceName": Text = given(&shown.resource.0).and(given(&shown.resource.1));
    "ResourceType": Text = given(&shown.resource.0).map(|_| with.resource_type(&shown.resource_type));
    "ServiceCategory": Text = service_category(&shown.service);
    "ServiceName": Text = with.service(&shown.service);
    "ServiceSubcategory": Text = format!("Other ({})", service_category(&shown.service));
    "SkuId": Text = given(&shown.product);
    "SkuMeter": Text = shown.meter.as_deref();
    "SkuPriceId": Text = given(&shown.product);
    "SubAccountId": Text = shown.customer;
    "SubAccountName": Text = Cell::Empty;
    "Tags": Text = "{}";
}

/// The category of a service: by what it is for, as the specification names it. What is not known is other.
fn service_category(service: &str) -> &'static str {
    match service.strip_prefix("hws.service.type.").unwrap_or(service) {
        "ec2" | "baremetal" | "cce" | "cci" | "dec" | "functionstage" | "hcss" | "iec" | "image" | "ims" | "swr" => {
            "Compute"
        }
        "cbr" | "csbs" | "dess" | "dss" | "ebs" | "obs" | "sfs" | "vbs" => "Storage",
        "bandwidth" | "cdn" | "dcaas" | "dns" | "domains" | "eip" | "elb" | "er" | "ga" | "natgateway" | "vpc"
        | "vpn" => "Networking",
        "dcs" | "ddm" | "dds" | "gaussdb" | "ges" | "rds" | "redis" | "taurus" => "Databases",
        "bigdata" | "cs" | "css" | "dis" | "dws" | "olap" | "streaming" | "uquery" => "Analytics",
        "dls" | "mls" | "modelarts" | "visual" => "AI and Machine Learning",
        "cad" | "cbh" | "ccm" | "cfw" | "dbss" | "hss" | "kms" | "sa" | "sdg" | "waf" | "webscan" => "Security",
        "apig" | "cse" | "dms" | "rtcsms" | "smn" => "Integration",
        "cdm" | "des" | "drs" => "Migration",
        "aom" | "aos" | "apm" | "ces" | "costmanager" | "lts" | "rms" => "Management and Governance",
        "appstage" | "cpts" | "devcloud" | "servicestage" => "Developer Tools",
        "ief" | "iotedge" => "Internet of Things",
        "saas" | "vdi" | "workspace" => "Business Applications",
        _ => "Other",
    }
}

impl Source for Focus {
    const COLUMNS: &'static [Column] = COLUMNS;
    type Row = Row;
    type Key = Key;

    async fn count(connection: &mut PgConnection, of: &Of) -> sqlx::Result<i64> {
        let mut count = bills::walk(of).count(&mut *connection).await?;
        for month in months(of) {
            count += spreads(of, month).count(&mut *connection).await?;
        }
        Ok(count)
    }

    async fn behind(connection: &mut PgConnection, of: &Of, key: Option<Key>, limit: usize) -> sqlx::Result<Vec<Row>> {
        let mut rows = Vec::new();
        let (mut month, mut line) = match key {
            Some(Key::Spread(month, customer, source)) => (month, Some((DomainId(customer), source))),
            charge => {
                let key = charge.and_then(|key| if let Key::Charge(key) = key { Some(bills::read(key)) } else { None });
                let charges = bills::walk(of).behind(&mut *connection, key, limit).await?;
                rows.extend(charges.into_iter().map(|charged| Row::Charge(Box::new(charged))));
                (bills::walk(of).cycles.0, None)
            }
        };
        while rows.len() < limit && month <= bills::walk(of).cycles.1 {
            let left = limit - rows.len();
            let lines = spreads(of, month).behind(&mut *connection, line.take(), left).await?;
            rows.extend(lines.into_iter().map(|spread| Row::Spread(month, Box::new(spread))));
            month = month.next();
        }
        Ok(rows)
    }

    fn key(row: &Row) -> Key {
        match row {
            Row::Charge(charged) => Key::Charge(bills::key(charged)),
            Row::Spread(month, spread) => Key::Spread(*month, spread.domain_id.0, spread.source.clone()),
        }
    }

    fn cells(row: Row, with: &With<'_>) -> Vec<Cell> {
        // The specification takes no letters but those of ASCII.
        let with = With { language: Language::EnUs, ..*with };
        cells(row.shown(&with), &with)
    }
}

fn months(of: &Of) -> impl Iterator<Item = Month> {
    let (first, last) = bills::walk(of).cycles;
    std::iter::successors(Some(first), |month| Some(month.next())).take_while(move |month| *month <= last)
}

fn spreads(of: &Of, month: Month) -> SpreadWalk {
    SpreadWalk { tenant: of.tenant, partner: of.owner, customer: of.customer, month }
}
