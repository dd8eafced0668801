//! Rows as formats know them: columns of a few kinds, and cells.

use crate::values::id::{CouponId, DomainId, QuotaId};
use rust_decimal::Decimal;
use serde::Serialize;
use time::OffsetDateTime;

/// What a column holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ColumnKind {
    /// A text.
    Text,
    /// An exact decimal number.
    Number,
    /// A whole number.
    Whole,
    /// An instant.
    Time,
}

/// A column.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Column {
    /// What it is called.
    pub name: &'static str,
    /// What it holds.
    #[serde(rename = "type")]
    pub kind: ColumnKind,
}

/// What stands in a row.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Cell {
    /// Nothing.
    Empty,
    /// A text.
    Text(String),
    /// An exact decimal number.
    Number(Decimal),
    /// A whole number.
    Whole(i64),
    /// An instant.
    Time(OffsetDateTime),
}

impl Cell {
    /// What a column must hold that has it; nothing in particular for an empty one.
    pub fn kind(&self) -> Option<ColumnKind> {
        match self {
            Self::Empty => None,
            Self::Text(_) => Some(ColumnKind::Text),
            Self::Number(_) => Some(ColumnKind::Number),
            Self::Whole(_) => Some(ColumnKind::Whole),
            Self::Time(_) => Some(ColumnKind::Time),
        }
    }
}

macro_rules! cells {
    ($($from:ty => |$value:ident| $cell:expr;)+) => {$(
        impl From<$from> for Cell {
            fn from($value: $from) -> Self {
                $cell
            }
        }
    )+};
}

cells! {
    String => |text| Self::Text(text);
    &str => |text| Self::Text(text.to_owned());
    Decimal => |number| Self::Number(number);
    i64 => |number| Self::Whole(number);
    i32 => |number| Self::Whole(number.into());
    i16 => |number| Self::Whole(number.into());
    OffsetDateTime => |instant| Self::Time(instant);
    DomainId => |id| Self::Text(id.to_string());
    CouponId => |id| Self::Text(id.to_string());
    QuotaId => |id| Self::Text(id.to_string());
}

impl<T: Into<Self>> From<Option<T>> for Cell {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Empty, Into::into)
    }
}
