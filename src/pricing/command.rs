//! `bss-gateway admin prices …`, `admin discounts …` and `admin incentives …`.

use super::administration::{self as pricing, NewDiscount, Span};
use super::discounts::{DiscountKind, IncentivePolicy, Scope};
use super::import::import;
use super::list_on_demand_resource_ratings::RateOnDemandReq;
use super::list_rate_on_period_detail::RateOnPeriodReq;
use super::model::{AgreementCode, ChargingMode, Currency, DiscountName, IncentiveCode};
use super::quote::{Quoting, default_currency, terms_of};
use super::rating::Trace;
use super::store::{self, StoredDiscount};
use super::{sheet, store as prices};
use crate::api::error::ApiError;
use crate::api::extract::parse_json;
use crate::arguments::{contents, currency, given, instant};
use crate::catalogue::memory::Catalogue;
use crate::clock::{self, Clock};
use crate::config::Settings;
use crate::identity::administration::find_account;
use crate::sheet::{Format, printed};
use crate::values::decimal::{parse_decimal, plain};
use crate::values::id::{DomainId, TenantId};
use crate::values::time::write_instant;
use anyhow::anyhow;
use clap::{Subcommand, ValueEnum};
use rust_decimal::Decimal;
use serde_json::{Value, json};
use sqlx::PgConnection;
use std::path::PathBuf;
use time::OffsetDateTime;
use uuid::Uuid;

/// `admin prices …`
#[derive(Debug, Subcommand)]
pub enum PricesCommand {
    /// Import a price sheet, CSV or JSON: all of it, or nothing if anything in it is wrong
    Import {
        /// The file, or - for standard input
        file: PathBuf,
        /// Say what would change, and change nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Write all prices to standard output, as a sheet
    Export {
        /// As CSV or as JSON
        #[arg(long, default_value = "csv")]
        format: Format,
    },
    /// Rate a request as an account and show each step, as JSON
    Explain {
        /// The account
        account: String,
        /// The request's body: a JSON file, or - for standard input
        file: PathBuf,
        /// What it asks for
        #[arg(long)]
        kind: QuoteKind,
        /// At which instant, for instance 2026-01-31T16:00:00Z; by default now
        #[arg(long, value_parser = instant)]
        at: Option<OffsetDateTime>,
    },
    /// Set in which currency an account is quoted and billed
    Currency {
        /// The account
        account: String,
        /// CNY or USD
        #[arg(value_parser = currency)]
        currency: Currency,
    },
}

/// What a request asks for.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum QuoteKind {
    /// Usage: the body of `ListOnDemandResourceRatings`
    OnDemand,
    /// A purchase: the body of `ListRateOnPeriodDetail`
    Period,
}

/// `admin discounts …`
#[derive(Debug, Subcommand)]
pub enum DiscountsCommand {
    /// Record a framework agreement, which commercial discounts belong to
    Agreement {
        /// The account
        account: String,
        /// Its code, unique in the account
        #[arg(value_parser = given::<AgreementCode>)]
        code: AgreementCode,
        /// From when, for instance 2026-01-01T00:00:00Z
        #[arg(long, value_parser = instant)]
        from: OffsetDateTime,
        /// Until when
        #[arg(long, value_parser = instant)]
        until: OffsetDateTime,
    },
    /// Grant a discount
    Add(AddDiscount),
    /// List an account's discounts, those that have ended too
    List {
        /// The account
        account: String,
    },
    /// End a discount that is in force
    End {
        /// The account
        account: String,
        /// Its id
        discount: Uuid,
    },
}

/// `admin incentives …`
#[derive(Debug, Subcommand)]
pub enum IncentivesCommand {
    /// List the policies of a service, or of all
    List {
        /// The cloud service type
        service: Option<String>,
    },
    /// Set a service's policy from an instant on
    Set {
        /// The cloud service type
        service: String,
        /// From when on, for instance 2026-01-31T16:00:00Z
        #[arg(long, value_parser = instant)]
        from: OffsetDateTime,
        /// 0 not a specific product, 1 specific, 2 no performance and no rebate, 13 performance and no rebate
        #[arg(long, value_parser = incentive)]
        policy: IncentiveCode,
        /// No discounts of partners
        #[arg(long)]
        no_discount: bool,
    },
}

/// `admin discounts add …`
#[derive(Debug, clap::Args)]
pub struct AddDiscount {
    /// The account
    account: String,
    /// Its name, which customers see
    #[arg(value_parser = given::<DiscountName>)]
    name: DiscountName,
    /// Where it comes from
    #[arg(long)]
    kind: DiscountKind,
    /// What is left to pay: 0.8 is a fifth off
    #[arg(long, value_parser = ratio)]
    ratio: Decimal,
    /// The agreement of a commercial discount
    #[arg(long)]
    agreement: Option<String>,
    /// A promotion that comes on top of other discounts
    #[arg(long)]
    stacks: bool,
    /// For all customers right below the account, in place of the account itself
    #[arg(long)]
    for_customers: bool,
    /// Only for this cloud service type
    #[arg(long)]
    service: Option<String>,
    /// Only for this resource type
    #[arg(long)]
    resource: Option<String>,
    /// Only for this specification
    #[arg(long)]
    spec: Option<String>,
    /// Only in this region
    #[arg(long)]
    region: Option<String>,
    /// Only charged in this way, ONDEMAND, MONTHLY, `1_YEARLY`, …; can be repeated
    #[arg(long = "mode", value_parser = mode)]
    modes: Vec<ChargingMode>,
    /// From when; a commercial discount holds as long as its agreement
    #[arg(long, value_parser = instant, requires = "until")]
    from: Option<OffsetDateTime>,
    /// Until when
    #[arg(long, value_parser = instant, requires = "from")]
    until: Option<OffsetDateTime>,
}

fn incentive(text: &str) -> Result<IncentiveCode, String> {
    text.parse::<i64>().map_err(|_| "must be a number".to_owned()).and_then(IncentiveCode::try_from)
}

fn ratio(text: &str) -> Result<Decimal, String> {
    parse_decimal(text).ok_or_else(|| "must be a decimal number".to_owned())
}

fn mode(text: &str) -> Result<ChargingMode, String> {
    ChargingMode::parse(text).ok_or_else(|| "must be a way of charging such as ONDEMAND or MONTHLY".to_owned())
}

/// `admin prices …`
pub async fn run_prices(
    connection: &mut PgConnection,
    command: PricesCommand,
    settings: &Settings,
) -> anyhow::Result<Value> {
    match command {
        PricesCommand::Import { file, dry_run } => {
            let imported = import(connection, &contents(&file)?, dry_run).await;
            printed(imported, dry_run, sheet::write_csv)
        }
        PricesCommand::Export { format } => Ok(sheet::write(&prices::prices(connection).await?, format).into()),
        PricesCommand::Explain { account, file, kind, at } => {
            let now = at.unwrap_or_else(|| Clock::default().now());
            explain(connection, &account, contents(&file)?.as_bytes(), kind, now, settings).await
        }
        PricesCommand::Currency { account, currency } => {
            let of = find_account(connection, &account).await?;
            store::set_currency(connection, of, currency).await?;
            Ok(json!({ "account": account, "currency": currency }))
        }
    }
}

/// `admin discounts …`
pub async fn run_discounts(connection: &mut PgConnection, command: DiscountsCommand) -> anyhow::Result<Value> {
    match command {
        DiscountsCommand::Agreement { account, code, from, until } => {
            let (of, now) = account_and_time(connection, &account).await?;
            let id = pricing::add_agreement(connection, of, &code, Span { from, until }, now).await?;
            Ok(json!({ "account": account, "agreement": code, "agreement_id": id.simple().to_string() }))
        }
        DiscountsCommand::Add(add) => {
            let span = add.from.zip(add.until).map(|(from, until)| Span { from, until });
            let new = NewDiscount {
                kind: add.kind,
                name: add.name,
                agreement: add.agreement,
                ratio: add.ratio.normalize(),
                stacks: add.stacks,
                for_customers: add.for_customers,
                scope: Scope {
                    service_type: add.service,
                    resource_type: add.resource,
                    resource_spec: add.spec,
                    region: add.region,
                    charging_modes: add.modes,
                },
                span,
            };
            let (of, now) = account_and_time(connection, &add.account).await?;
            let id = pricing::add_discount(connection, of, new, now).await?;
            Ok(json!({ "account": add.account, "discount_id": id.simple().to_string() }))
        }
        DiscountsCommand::List { account } => {
            let of = find_account(connection, &account).await?;
            Ok(store::discounts(connection, of, None).await?.iter().map(row).collect())
        }
        DiscountsCommand::End { account, discount } => {
            let (of, now) = account_and_time(connection, &account).await?;
            pricing::end_discount(connection, of, discount, now).await?;
            Ok(json!({ "account": account, "discount_id": discount.simple().to_string() }))
        }
    }
}

/// The account of a name, and the tenant's time.
async fn account_and_time(
    connection: &mut PgConnection,
    name: &str,
) -> anyhow::Result<((TenantId, DomainId), OffsetDateTime)> {
    let account = find_account(connection, name).await?;
    Ok((account, clock::business_time(connection, account.0, &Clock::default()).await?))
}

/// `admin incentives …`
pub async fn run_incentives(connection: &mut PgConnection, command: IncentivesCommand) -> anyhow::Result<Value> {
    match command {
        IncentivesCommand::List { service } => {
            let first = ("", OffsetDateTime::UNIX_EPOCH);
            let policies = store::incentives_behind(connection, service.as_deref(), first, usize::MAX).await?;
            let row = |(service, policy): (String, IncentivePolicy)| {
                let IncentivePolicy { effective_at, incentive_policy, allow_discount } = policy;
                json!({ "service": service, "from": write_instant(effective_at), "policy": incentive_policy,
                        "allow_discount": allow_discount })
            };
            Ok(policies.into_iter().map(row).collect())
        }
        IncentivesCommand::Set { service, from, policy, no_discount } => {
            let incentive_policy = policy.code();
            let policy = IncentivePolicy { effective_at: from, incentive_policy, allow_discount: !no_discount };
            pricing::set_incentive(connection, &service, policy).await?;
            Ok(json!({ "service": service, "from": write_instant(from), "policy": incentive_policy }))
        }
    }
}

fn row(stored: &StoredDiscount) -> Value {
    let store::StoredDiscount { discount, for_customers, effective_at, expires_at } = stored;
    let scope = &discount.scope;
    json!({
        "discount_id": discount.id.simple().to_string(), "kind": discount.kind, "name": discount.name,
        "ratio": plain(discount.ratio), "stacks": discount.stacks, "for_customers": for_customers,
        "service": scope.service_type, "resource": scope.resource_type, "spec": scope.resource_spec,
        "region": scope.region, "modes": scope.charging_modes,
        "from": write_instant(*effective_at), "until": write_instant(*expires_at),
    })
}

async fn explain(
    connection: &mut PgConnection,
    name: &str,
    body: &[u8],
    kind: QuoteKind,
    now: OffsetDateTime,
    settings: &Settings,
) -> anyhow::Result<Value> {
    let account = find_account(connection, name).await?;
    let customer = terms_of(connection, account, default_currency(settings.api.site), now).await?;
    let catalogue = Catalogue::load(connection).await?;
    let quoting = Quoting { pricing: &catalogue.pricing, customer: &customer, now };
    let refused = |error: ApiError| anyhow!("{} {}", error.code, error.message);
    let mut trace = Trace::kept();
    let amounts = match kind {
        QuoteKind::OnDemand => {
            let request: RateOnDemandReq = parse_json(body).map_err(refused)?;
            let rated = request.rate(&quoting, &mut trace).map_err(refused)?;
            let amount = |rated: &super::quote::RatedUsage<'_>| json!({ "official_website_amount": plain(rated.official), "amount": plain(rated.amount) });
            rated.iter().map(amount).collect::<Vec<Value>>()
        }
        QuoteKind::Period => {
            let request: RateOnPeriodReq = parse_json(body).map_err(refused)?;
            let purchase = request.rate(&quoting, &catalogue.products, &mut trace).map_err(refused)?;
            let official = purchase.items.iter().map(|item| json!({ "official_website_amount": plain(item.amount) }));
            let offered = purchase.offered.iter().map(|offered| {
                json!({ "discount": offered.discount.name, "amount": plain(offered.amount), "best": offered.best })
            });
            official.chain(offered).collect()
        }
    };
    let steps = serde_json::to_value(trace.take())?;
    Ok(
        json!({ "account": name, "currency": customer.currency, "at": write_instant(now), "amounts": amounts, "steps": steps }),
    )
}
