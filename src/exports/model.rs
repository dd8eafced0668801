//! What an export is.

use super::source::Of;
use super::state::State;
use crate::values::id::{DomainId, ExportId, TenantId};
use crate::values::language::Language;
use crate::values::time::Day;
use serde::{Deserialize, Serialize};
use std::ops::RangeInclusive;
use time::{Duration, OffsetDateTime};
use utoipa::ToSchema;
use uuid::Uuid;

/// How many exports of an account can be under way.
pub const RUNNING_MAX: i16 = 3;
/// The places of these.
pub const SLOTS: RangeInclusive<i16> = 1..=RUNNING_MAX;
/// The one place beside them in which the files are made that the account has subscribed to, one after the other.
pub const SLOT_OF_SUBSCRIPTIONS: i16 = RUNNING_MAX + 1;
/// How long a file is kept.
pub const KEPT: Duration = Duration::days(7);
/// How long it is said what became of an export.
pub const LISTED: Duration = Duration::days(90);
/// How many rows of a page: what memory has to hold, and what is lost when a replica dies.
pub const PAGE: usize = 2000;
/// How many of a row group, which is read as a whole.
pub const ROW_GROUP: usize = 10_000;
/// How many rows a file can have.
pub const ROWS_MAX: i64 = 10_000_000;
/// How many bytes.
pub const BYTES_MAX: i64 = 4 * 1024 * 1024 * 1024;
/// How often an export is taken up without a piece being written, until it is given up.
pub const ATTEMPTS_MAX: i16 = 10;

/// Of what an export is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema, sqlx::Type)]
#[serde(rename_all = "lowercase")]
#[sqlx(type_name = "text", rename_all = "lowercase")]
pub enum ExportKind {
    /// The customers, the latest first.
    Customers,
    /// The resellers of a distributor.
    Resellers,
    /// The customers' orders, the latest first.
    Orders,
    /// The customers' resources, yearly/monthly ones and those that are paid by use.
    Resources,
    /// The customers' fee records of months: each line of an order and each settlement of use.
    Bills,
    /// The coupons that were issued to customers, the latest first.
    Coupons,
    /// What changed the account's balance, the latest first.
    Funds,
    /// The customers' charges of months in the columns of FOCUS 1.2, which cost tools read. What was paid for a period is a
    /// purchase, whose effective cost is 0, and a row of use in each month in which a part of it counts, whose billed cost is 0. So
    /// billed costs add up to the bills, and effective costs to the amortised ones.
    Focus,
}

impl ExportKind {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Customers,
        Self::Resellers,
        Self::Orders,
        Self::Resources,
        Self::Bills,
        Self::Coupons,
        Self::Funds,
        Self::Focus,
    ];

    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Customers => "customers",
            Self::Resellers => "resellers",
            Self::Orders => "orders",
            Self::Resources => "resources",
            Self::Bills => "bills",
            Self::Coupons => "coupons",
            Self::Funds => "funds",
            Self::Focus => "focus",
        }
    }

    /// Whether it is of months, which must be said.
    pub fn is_of_months(self) -> bool {
        matches!(self, Self::Bills | Self::Focus)
    }

    /// Whether it can be of certain days.
    pub fn has_days(self) -> bool {
        matches!(self, Self::Customers | Self::Orders | Self::Coupons | Self::Funds)
    }

    /// Whether its rows are customers'.
    pub fn is_of_customers(self) -> bool {
        !matches!(self, Self::Resellers | Self::Funds)
    }
}

/// How a file is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, ToSchema, sqlx::Type)]
#[serde(rename_all = "lowercase")]
#[sqlx(type_name = "text", rename_all = "lowercase")]
pub enum ExportFormat {
    /// A line for each row, the first names the columns.
    #[default]
    Csv,
    /// A line for each row, a JSON object. Numbers are written exactly.
    Jsonl,
    /// Parquet, compressed by Snappy. Numbers are decimals of 38 digits, 10 of them behind the point; times are microseconds of UTC.
    Parquet,
}

impl ExportFormat {
    /// What its files' names end with.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Jsonl => "jsonl",
            Self::Parquet => "parquet",
        }
    }

    /// What they are sent as.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8; header=present",
            Self::Jsonl => "application/jsonl",
            Self::Parquet => "application/vnd.apache.parquet",
        }
    }

    /// How many rows a piece has.
    pub fn page(self) -> usize {
        if self == Self::Parquet { ROW_GROUP } else { PAGE }
    }
}

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Request {
    /// Who asks.
    pub account: (TenantId, DomainId),
    /// Whose rows.
    pub owner: DomainId,
    /// Of what.
    pub kind: ExportKind,
    /// How it is written.
    pub format: ExportFormat,
    /// The language of names.
    pub language: Language,
    /// Whether a byte order mark stands first.
    pub has_bom: bool,
    /// Whether names, phones and e-mail addresses are masked.
    pub is_masked: bool,
    /// Only those of this customer.
    pub customer: Option<DomainId>,
    /// Only those of these days.
    pub days: Option<(Day, Day)>,
    /// Who asks.
    pub user_name: String,
}

/// An export.
#[derive(Clone, Debug)]
pub struct Export {
    /// Its id.
    pub id: ExportId,
    /// What was asked for.
    pub request: Request,
    /// When, by the tenant's time.
    pub requested_at: OffsetDateTime,
    /// How it stands.
    pub state: State,
    /// Why it failed.
    pub cause: Option<String>,
    /// How many rows there are, as they were counted when it began.
    pub rows_in_all: Option<i64>,
    /// How many are written.
    pub rows_done: i64,
    /// How long the file is.
    pub bytes: i64,
    /// How many pieces it has.
    pub pieces: i32,
    /// The key of the last row that is written.
    pub place: Option<serde_json::Value>,
    /// When something last happened to it.
    pub updated_at: OffsetDateTime,
    /// When the file goes.
    pub expires_at: Option<OffsetDateTime>,
    /// How often it was taken up since a piece was written.
    pub attempts: i16,
}

impl Export {
    /// Which rows it is of.
    pub fn of(&self) -> Of {
        let Request { account: (tenant, _), owner, customer, days, .. } = self.request;
        Of { tenant, owner, customer, days, asked_at: self.requested_at }
    }

    /// How it stands for who asks at this moment.
    pub fn status(&self, now: OffsetDateTime) -> ExportStatus {
        match self.state {
            State::Waiting => ExportStatus::Waiting,
            State::Running => ExportStatus::Running,
            State::Failed => ExportStatus::Failed,
            State::Done if self.expires_at.is_some_and(|at| at <= now) => ExportStatus::Expired,
            State::Done => ExportStatus::Done,
        }
    }

    /// What its file is called.
    pub fn file_name(&self) -> String {
        let day = Day::of(self.requested_at).to_string().replace('-', "");
        format!("{}_{day}_{}.{}", self.request.kind.name(), self.id, self.request.format.extension())
    }
}

/// How an export stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ExportStatus {
    /// Nobody has begun.
    Waiting,
    /// It is being written.
    Running,
    /// The file can be fetched.
    Done,
    /// It was given up; the cause says why.
    Failed,
    /// The file is gone.
    Expired,
}

/// A replica that works at exports.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Holder(pub Uuid);
