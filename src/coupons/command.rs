//! `bss-gateway admin coupons …`

use super::administration::{self as coupons, Grant, Issuing, OwnCoupon};
use super::limits::{Limits, SubscribeType};
use super::model::{CouponKind, ProductIdText, QuotaKind, QuotaStatus, Terms, Validity};
use super::store::partners;
use super::store::quotas::{self, QuotaFilter};
use crate::arguments::given;
use crate::clock::{self, Clock};
use crate::identity::administration::find_account;
use crate::values::amount::{Amount, PositiveAmount};
use crate::values::id::{DomainId, QuotaId, TenantId};
use crate::values::money::Currency;
use crate::values::time::Instant;
use anyhow::{Context, bail};
use clap::{Args, Subcommand, ValueEnum};
use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::{Value, json};
use sqlx::PgConnection;
use time::{Duration, OffsetDateTime};
use utoipa::ToSchema;

/// `admin coupons …`
#[derive(Debug, Subcommand)]
pub enum CouponsCommand {
    /// Grant a partner or a distributor a quota that it can issue coupons from
    Grant(GrantArguments),
    /// Take back what is left of a quota; it can be used no more
    Withdraw {
        /// The partner's account
        account: String,
        /// The quota's id
        quota: String,
        /// A remark
        #[arg(long, default_value = "")]
        memo: String,
    },
    /// Set how a quota stands
    SetStatus {
        /// The account that issues coupons from it
        account: String,
        /// The quota's id
        quota: String,
        /// How it stands
        status: Status,
    },
    /// Show the quotas of an account
    Quotas {
        /// The account
        account: String,
    },
    /// Issue a coupon of the vendor's own to a customer or a partner
    Issue(IssueArguments),
    /// Let a partner use coupons itself from now on: it can issue none any more
    Convert {
        /// The partner's account
        account: String,
        /// Undo it
        #[arg(long)]
        undo: bool,
    },
    /// Set how long before a coupon expires its issuer is told
    Notice {
        /// The issuer's account
        account: String,
        /// How many days
        #[arg(value_parser = clap::value_parser!(i16).range(0..=365))]
        days: i16,
    },
    /// Add a product that coupons can be limited to
    Product {
        /// Its id
        #[arg(value_parser = given::<ProductIdText>)]
        id: ProductIdText,
        /// How it can be ordered
        #[arg(long, value_enum, value_delimiter = ',', default_values_t = SubscribeType::ALL)]
        ways: Vec<SubscribeType>,
    },
}

/// What a quota or a coupon of the vendor's own is worth, when, and for what.
#[derive(Debug, Args)]
pub struct Common {
    /// In how many days it takes effect
    #[arg(long, default_value_t = 0)]
    starts_in_days: u16,
    /// How many days it is valid then
    #[arg(long, default_value_t = 365)]
    days: u16,
    /// In dollars instead of yuan
    #[arg(long)]
    usd: bool,
    /// What coupons may be used for, as often as needed: cloudServiceType=…, productId=…, excludedProductId=…,
    /// subscribeType=new,renew,change, firstOrderInService=1, cycleType=0…6, usageTimes=1, minOrderAmount=…,
    /// maxDeductionRatio=0.5, minConsumeDiscount=0.9, simultaneousUseWithEmpowerDiscount=0,
    /// simultaneousUseWithContractDiscount=0, simultaneousUseWithPromotionDiscount=0
    #[arg(long = "limit", value_name = "KEY=VALUES")]
    limits: Vec<String>,
    /// A remark
    #[arg(long, default_value = "")]
    memo: String,
}

/// `admin coupons grant`
#[derive(Debug, Args)]
pub struct GrantArguments {
    /// The partner's account
    account: String,
    /// What it is worth
    #[arg(value_parser = amount)]
    value: PositiveAmount,
    /// For flexi-purchase coupons instead of cash coupons
    #[arg(long)]
    flexi: bool,
    /// The smallest face value of a coupon
    #[arg(long, value_parser = amount)]
    face_min: Option<PositiveAmount>,
    /// The largest face value of a coupon
    #[arg(long, value_parser = amount)]
    face_max: Option<PositiveAmount>,
    /// How many coupons one customer can get
    #[arg(long, value_parser = clap::value_parser!(i32).range(1..))]
    customer_coupons: Option<i32>,
    /// Up to which sum of face values one customer can get coupons
    #[arg(long, value_parser = amount)]
    customer_value: Option<PositiveAmount>,
    /// Only for this customer, by its account's name; as often as needed
    #[arg(long = "customer")]
    customers: Vec<String>,
    /// Only for customers that were never associated with another partner
    #[arg(long)]
    first_association: bool,
    #[command(flatten)]
    common: Common,
}

/// `admin coupons issue`
#[derive(Debug, Args)]
pub struct IssueArguments {
    /// The customer's or partner's account
    account: String,
    /// What it is worth; of a discount coupon the share that is still to be paid: 0.85 is 15 % off
    #[arg(value_parser = amount)]
    value: PositiveAmount,
    /// What it is
    #[arg(long, value_enum, default_value_t = Kind::Cash)]
    kind: Kind,
    /// Of which group it is: 0 for cloud services, 1 of KooGallery, 2 dedicated, 3 for hardware
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(i16).range(0..=3))]
    group: i16,
    /// Its name
    #[arg(long, default_value = "")]
    name: String,
    #[command(flatten)]
    common: Common,
}

/// How operators let a quota stand.
#[derive(Clone, Copy, Debug, ValueEnum, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = QuotaStanding)]
pub enum Status {
    /// Coupons can be issued
    Normal,
    /// It is invalid
    Invalid,
    /// It is being adjusted: shown, not used
    Adjusting,
    /// It is frozen
    Frozen,
}

/// What a coupon is, as operators say it.
#[derive(Clone, Copy, Debug, ValueEnum, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = CouponKind)]
pub enum Kind {
    /// Pays up to its balance
    Cash,
    /// Lowers the price by a share, once
    Discount,
    /// Pays for certain products, once
    Product,
    /// Pays up to its balance, as money does
    Flexi,
}

fn amount(text: &str) -> Result<PositiveAmount, String> {
    PositiveAmount::try_from(text)
}

/// Does it.
pub async fn run(connection: &mut PgConnection, command: CouponsCommand) -> anyhow::Result<Value> {
    match command {
        CouponsCommand::Grant(arguments) => grant(connection, arguments).await,
        CouponsCommand::Issue(arguments) => issue(connection, arguments).await,
        CouponsCommand::Withdraw { account, quota, memo } => {
            let (tenant, id, now) = own_quota(connection, &account, &quota).await?;
            let amount = coupons::withdraw(connection, (tenant, id), &memo, now).await?;
            Ok(json!({ "quota_id": id, "withdrawn": Amount::from(amount).to_string() }))
        }
        CouponsCommand::SetStatus { account, quota, status } => {
            let (tenant, id, now) = own_quota(connection, &account, &quota).await?;
            coupons::set_status(connection, (tenant, id), status.into(), now).await?;
            show(connection, &account).await
        }
        CouponsCommand::Quotas { account } => show(connection, &account).await,
        CouponsCommand::Convert { account, undo } => {
            let (tenant, partner, now) = account_and_time(connection, &account).await?;
            let issuing = Issuing { issues_coupons: Some(undo), notice_days: None };
            coupons::set_issuing(connection, (tenant, partner), issuing, now).await?;
            Ok(json!({ "account": account, "issues_coupons": undo }))
        }
        CouponsCommand::Notice { account, days } => {
            let (tenant, partner, now) = account_and_time(connection, &account).await?;
            let issuing = Issuing { issues_coupons: None, notice_days: Some(days) };
            coupons::set_issuing(connection, (tenant, partner), issuing, now).await?;
            Ok(json!({ "account": account, "notice_days": days }))
        }
        CouponsCommand::Product { id, ways } => {
            partners::set_product(connection, id.as_str(), &ways).await?;
            Ok(json!({ "product_id": id }))
        }
    }
}

async fn account_and_time(
    connection: &mut PgConnection,
    name: &str,
) -> anyhow::Result<(TenantId, DomainId, OffsetDateTime)> {
    let (tenant, account) = find_account(connection, name).await?;
    Ok((tenant, account, clock::business_time(connection, tenant, &Clock::default()).await?))
}

/// A quota from which this account issues coupons.
async fn own_quota(
    connection: &mut PgConnection,
    account: &str,
    quota: &str,
) -> anyhow::Result<(TenantId, QuotaId, OffsetDateTime)> {
    let (tenant, owner, now) = account_and_time(connection, account).await?;
    let id = QuotaId(quota.parse().with_context(|| format!("{quota} is no id"))?);
    coupons::check_owner(connection, (tenant, owner), id, now).await?;
    Ok((tenant, id, now))
}

impl Common {
    fn validity(&self, now: OffsetDateTime) -> anyhow::Result<Validity> {
        let from = now.checked_add(Duration::days(self.starts_in_days.into())).context("that is too late")?;
        let until = from.checked_add(Duration::days(self.days.into())).context("that is too long")?;
        Ok(Validity { from, until })
    }

    fn limits(&self) -> anyhow::Result<Limits> {
        let mut limits = Limits::default();
        for text in &self.limits {
            if let Err(error) = limits.add(text) {
                bail!("--limit {text}: {error}");
            }
        }
        Ok(limits)
    }

    fn currency(&self) -> Currency {
        if self.usd { Currency::Usd } else { Currency::Cny }
    }
}

async fn grant(connection: &mut PgConnection, arguments: GrantArguments) -> anyhow::Result<Value> {
    let (tenant, owner, now) = account_and_time(connection, &arguments.account).await?;
    let only_customers = coupons::customers_named(connection, tenant, &arguments.customers).await?;
    let decimal = |amount: Option<PositiveAmount>| amount.map(|amount| amount.get().decimal());
    let grant = Grant {
        id: QuotaId::new(now),
        kind: if arguments.flexi { QuotaKind::Flexi } else { QuotaKind::Cash },
        value: arguments.value,
        currency: arguments.common.currency(),
        validity: arguments.common.validity(now)?,
        limits: arguments.common.limits()?,
        terms: Terms {
            face_min: decimal(arguments.face_min),
            face_max: decimal(arguments.face_max),
            customer_coupons_max: arguments.customer_coupons,
            customer_face_max: decimal(arguments.customer_value),
            only_customers: (!only_customers.is_empty()).then_some(only_customers),
            only_first_association: arguments.first_association,
        },
        memo: arguments.common.memo,
    };
    coupons::grant(connection, (tenant, owner), &grant, now).await?;
    Ok(json!({ "account": arguments.account, "quota_id": grant.id, "value": arguments.value.get().to_string() }))
}

async fn issue(connection: &mut PgConnection, arguments: IssueArguments) -> anyhow::Result<Value> {
    let (tenant, holder, now) = account_and_time(connection, &arguments.account).await?;
    let face_value: Decimal = arguments.value.get().decimal();
    let coupon = OwnCoupon {
        kind: arguments.kind.into(),
        face_value,
        currency: arguments.common.currency(),
        validity: arguments.common.validity(now)?,
        limits: arguments.common.limits()?,
        group: arguments.group,
        name: arguments.name,
        memo: arguments.common.memo,
    };
    let id = coupons::issue_own(connection, (tenant, holder), &coupon, now).await?;
    Ok(json!({ "account": arguments.account, "coupon_id": id }))
}

async fn show(connection: &mut PgConnection, account: &str) -> anyhow::Result<Value> {
    let (tenant, owner, now) = account_and_time(connection, account).await?;
    let filter = QuotaFilter { owner: Some(owner), ..QuotaFilter::default() };
    let (rows, _) = quotas::page(connection, tenant, &filter, now, (0, usize::MAX)).await?;
    let shown = rows.into_iter().map(|row| {
        json!({
            "quota_id": row.id,
            "kind": word(row.kind),
            "value": Amount::from(row.value).to_string(),
            "balance": Amount::from(row.balance).to_string(),
            "currency": row.currency,
            "status": word(row.status),
            "from": Instant(row.effective_at),
            "until": Instant(row.expires_at),
        })
    });
    Ok(shown.collect())
}

/// What operators call one of the vendor's numbers: the variant's name.
pub fn word(value: impl std::fmt::Debug) -> String {
    format!("{value:?}").to_lowercase()
}

impl From<Status> for QuotaStatus {
    fn from(status: Status) -> Self {
        match status {
            Status::Normal => Self::Normal,
            Status::Invalid => Self::Invalid,
            Status::Adjusting => Self::Adjusting,
            Status::Frozen => Self::Frozen,
        }
    }
}

impl From<Kind> for CouponKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Cash => Self::Cash,
            Kind::Discount => Self::Discount,
            Kind::Product => Self::Product,
            Kind::Flexi => Self::Flexi,
        }
    }
}
