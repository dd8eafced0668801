//! What rows come from: a list that can be read from any of its keys on.

use super::table::{Cell, Column};
use crate::bills::model::region_name;
use crate::catalogue::memory::Catalogue;
use crate::orders::view::{resource_name, service_name};
use crate::personal::Vault;
use crate::values::id::{DomainId, TenantId};
use crate::values::language::Language;
use crate::values::site::Site;
use crate::values::text::masked;
use crate::values::time::Day;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::PgConnection;
use time::OffsetDateTime;

/// Which rows.
#[derive(Clone, Debug)]
pub struct Of {
    /// The tenant.
    pub tenant: TenantId,
    /// Whose.
    pub owner: DomainId,
    /// Only those of this customer.
    pub customer: Option<DomainId>,
    /// Only those of these days of UTC+8, both included.
    pub days: Option<(Day, Day)>,
    /// When they were asked for, by the tenant's time.
    pub asked_at: OffsetDateTime,
}

/// What rows are shown with.
#[derive(Clone, Copy)]
pub struct With<'a> {
    /// For the names of services, regions and units.
    pub catalogue: &'a Catalogue,
    /// The language of these.
    pub language: Language,
    /// Which site.
    pub site: Site,
    /// Opens personal data.
    pub vault: &'a Vault,
    /// Whether names, phones and e-mail addresses are masked.
    pub is_masked: bool,
}

impl With<'_> {
    /// A service type's name.
    pub fn service(&self, code: &str) -> String {
        service_name(&self.catalogue.products, code, self.language)
    }

    /// A resource type's name.
    pub fn resource_type(&self, code: &str) -> String {
        resource_name(&self.catalogue.products, code, self.language)
    }

    /// A region's name.
    pub fn region(&self, code: &str) -> String {
        region_name(&self.catalogue.products, code, self.language)
    }

    /// A unit's name, if there is such a unit.
    pub fn unit(&self, measure: i32) -> Option<&str> {
        let unit = self.catalogue.reference.units.iter().find(|unit| unit.measure_id == measure);
        unit.map(|unit| self.language.of(&unit.names))
    }

    /// A name, a phone or an e-mail address.
    pub fn personal(&self, text: &str) -> String {
        if self.is_masked && !text.is_empty() { masked(text) } else { text.to_owned() }
    }

    /// The same, sealed for an account. What cannot be opened is empty, as in the lists.
    pub fn sealed(&self, sealed: Option<&[u8]>, account: DomainId) -> String {
        let opened = sealed.and_then(|sealed| self.vault.open(sealed, account));
        self.personal(&opened.unwrap_or_default())
    }
}

/// A list whose rows are told apart by a key that its order follows.
pub trait Source {
    /// The columns.
    const COLUMNS: &'static [Column];
    /// A row as it is read.
    type Row: Send;
    /// Its key.
    type Key: Serialize + DeserializeOwned + Send;

    /// How many rows there are, for who wants to know how far an export is.
    fn count(connection: &mut PgConnection, of: &Of) -> impl Future<Output = sqlx::Result<i64>> + Send;

    /// The next rows behind a key, or the first ones.
    fn behind(
        connection: &mut PgConnection,
        of: &Of,
        key: Option<Self::Key>,
        limit: usize,
    ) -> impl Future<Output = sqlx::Result<Vec<Self::Row>>> + Send;

    /// A row's key.
    fn key(row: &Self::Row) -> Self::Key;

    /// A row's cells, in the order of the columns.
    fn cells(row: Self::Row, with: &With<'_>) -> Vec<Cell>;
}

/// An instant as a part of a key: exactly as the database keeps it.
pub fn micros(instant: OffsetDateTime) -> i64 {
    i64::try_from(instant.unix_timestamp_nanos() / 1000).unwrap_or(i64::MAX)
}

/// That instant.
pub fn instant(micros: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(micros) * 1000).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

/// Declares a table: of a row, and of what its names are looked up by, each column's name, kind and value.
macro_rules! table {
    ($row:ident: $type:ty, $with:ident; $($name:literal: $kind:ident = $value:expr;)+) => {
        /// The columns.
        pub const COLUMNS: &[$crate::exports::table::Column] = &[$($crate::exports::table::Column {
            name: $name,
            kind: $crate::exports::table::ColumnKind::$kind,
        }),+];

        /// A row's cells, in the order of the columns.
        pub fn cells($row: $type, $with: &$crate::exports::source::With<'_>) -> Vec<$crate::exports::table::Cell> {
            vec![$($crate::exports::table::Cell::from($value)),+]
        }
    };
}
pub(crate) use table;
