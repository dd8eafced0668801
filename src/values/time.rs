//! Instants and days as the vendor writes them: UTC to the second, and days of UTC+8.

use serde::de::IntoDeserializer;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;
use time::format_description::BorrowedFormatItem;
use time::macros::{datetime, format_description, offset};
use time::{Date, Duration, OffsetDateTime, PrimitiveDateTime, Time, UtcOffset};
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, SchemaFormat, SchemaType, Type};
use utoipa::openapi::{RefOr, Schema};

const INSTANT: &[BorrowedFormatItem<'_>] = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");
const DAY: &[BorrowedFormatItem<'_>] = format_description!("[year]-[month]-[day]");
/// Where the vendor's days and bill cycles begin and end.
pub const CHINA: UtcOffset = offset!(+8);

/// The vendor's form of an instant. Digit by digit, as every row of every list has one and a description of the form is
/// interpreted each time.
pub fn write_instant(instant: OffsetDateTime) -> String {
    fn write(digits: &mut [u8], mut number: u32) {
        for digit in digits.iter_mut().rev() {
            *digit = b'0' + u8::try_from(number % 10).expect("it is a digit");
            number /= 10;
        }
    }
    let instant = instant.to_offset(UtcOffset::UTC);
    let mut text = *b"0000-00-00T00:00:00Z";
    write(&mut text[..4], instant.year().unsigned_abs());
    let parts = [u8::from(instant.month()), instant.day(), instant.hour(), instant.minute(), instant.second()];
    for (place, part) in parts.into_iter().enumerate() {
        write(&mut text[5 + 3 * place..7 + 3 * place], part.into());
    }
    String::from_utf8(text.to_vec()).expect("it is ASCII")
}

/// Reads an instant in UTC, to the second; no other offset is taken, nor the year 0, which the database does not read.
pub fn parse_instant(text: &str) -> Option<OffsetDateTime> {
    let instant = PrimitiveDateTime::parse(text, INSTANT).ok().filter(|at| text.len() == 20 && at.year() > 0);
    instant.map(PrimitiveDateTime::assume_utc)
}

/// An instant, `yyyy-MM-dd'T'HH:mm:ss'Z'`, whole seconds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, sqlx::Type)]
#[sqlx(transparent)]
pub struct Instant(pub OffsetDateTime);

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&write_instant(self.0))
    }
}

impl Serialize for Instant {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&write_instant(self.0))
    }
}

impl<'de> Deserialize<'de> for Instant {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        parse_instant(&text)
            .map(Self)
            .ok_or_else(|| de::Error::custom("must be an instant in UTC of the form yyyy-MM-dd'T'HH:mm:ss'Z'"))
    }
}

impl utoipa::PartialSchema for Instant {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(SchemaType::Type(Type::String))
            .max_length(Some(20))
            .pattern(Some(
                "^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z$",
            ))
            .examples(["2026-03-28T14:45:38Z"])
            .into()
    }
}

impl utoipa::ToSchema for Instant {}

/// A day of UTC+8, `yyyy-MM-dd`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Day(pub Date);

impl Day {
    /// The day in which an instant lies.
    pub fn of(instant: OffsetDateTime) -> Self {
        Self(instant.to_offset(CHINA).date())
    }

    /// Its first instant.
    pub fn start(self) -> OffsetDateTime {
        self.0.with_time(Time::MIDNIGHT).assume_offset(CHINA)
    }

    /// The first instant after it.
    pub fn end(self) -> OffsetDateTime {
        self.start() + Duration::DAY
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(date) = self;
        write!(f, "{:04}-{:02}-{:02}", date.year(), u8::from(date.month()), date.day())
    }
}

impl Serialize for Day {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        // The last day there is has no end.
        let day = Date::parse(&text, DAY).ok().filter(|day| text.len() == 10 && *day < Date::MAX);
        day.map(Self).ok_or_else(|| de::Error::custom("must be a day of the form yyyy-MM-dd"))
    }
}

impl utoipa::PartialSchema for Day {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(SchemaType::Type(Type::String))
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Date)))
            .max_length(Some(10))
            .examples(["2026-03-28"])
            .into()
    }
}

impl utoipa::ToSchema for Day {}

/// A month of UTC+8, `yyyy-MM`: what is billed together.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Month(Date);

impl Month {
    /// The month in which an instant lies.
    pub fn of(instant: OffsetDateTime) -> Self {
        Self::of_day(Day::of(instant))
    }

    /// The month of a day.
    pub fn of_day(day: Day) -> Self {
        Self(day.0.replace_day(1).expect("each month has a first day"))
    }

    /// Its first day, which also stands for it in the database.
    pub fn first_day(self) -> Date {
        self.0
    }

    /// Its first instant.
    pub fn start(self) -> OffsetDateTime {
        Day(self.0).start()
    }

    /// Its last day.
    pub fn last_day(self) -> Date {
        self.0.replace_day(self.days()).expect("each month has a last day")
    }

    /// The month that is so many months before it; the first one that can be written if there is none.
    #[must_use]
    pub fn before(self, months: u8) -> Self {
        let earlier = (0..months).fold(self.0, |first, _| {
            let day = first.previous_day().unwrap_or(first);
            day.replace_day(1).unwrap_or(day)
        });
        Self(earlier)
    }

    /// The month after it.
    #[must_use]
    pub fn next(self) -> Self {
        Self::of_day(Day(self.0 + Duration::days(31)))
    }

    /// How many days it has.
    pub fn days(self) -> u8 {
        self.0.month().length(self.0.year())
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.0.year(), u8::from(self.0.month()))
    }
}

impl Serialize for Month {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Month {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let first = Date::parse(&format!("{text}-01"), DAY).ok();
        // The last month there is has none after it.
        let month = first.filter(|day| text.len() == 7 && (1..9999).contains(&day.year()));
        month.map(Self).ok_or_else(|| de::Error::custom("must be a month of the form yyyy-MM"))
    }
}

impl utoipa::PartialSchema for Month {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(SchemaType::Type(Type::String))
            .pattern(Some("^[0-9]{4}-(0[1-9]|1[0-2])$"))
            .max_length(Some(7))
            .examples(["2026-03"])
            .into()
    }
}

impl utoipa::ToSchema for Month {}

/// Later than anything that happens.
pub const FAR_FUTURE: OffsetDateTime = datetime!(9999-12-31 00:00 UTC);

/// An instant; absent or empty it is none.
pub fn optional_instant<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Instant>, D::Error> {
    optional(deserializer)
}

/// A day; absent or empty it is none.
pub fn optional_day<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Day>, D::Error> {
    optional(deserializer)
}

fn optional<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?.filter(|text| !text.is_empty());
    text.map(|text| T::deserialize(text.into_deserializer())).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::date;

    #[test]
    fn instants_are_whole_seconds_of_utc() {
        let read = |text: &str| serde_json::from_value::<Instant>(text.into()).ok().map(|instant| instant.0);
        assert_eq!(read("2026-03-28T14:45:38Z"), Some(datetime!(2026-03-28 14:45:38 UTC)));
        for wrong in [
            "2026-03-28T14:45:38",
            "2026-03-28 14:45:38Z",
            "2026-02-30T00:00:00Z",
            "2026-3-28T14:45:38Z",
            "0000-01-01T00:00:00Z",
            "",
        ] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
        let written = serde_json::to_string(&Instant(datetime!(2026-03-28 22:45:38.9 +8))).expect("written");
        assert_eq!(written, "\"2026-03-28T14:45:38Z\"");
        for instant in [FAR_FUTURE, datetime!(0001-02-03 04:05:06 UTC), datetime!(2024-02-29 23:59:59.999 UTC)] {
            assert_eq!(write_instant(instant), instant.format(INSTANT).expect("it has all parts"));
        }
    }

    #[test]
    fn a_day_is_one_of_utc_plus_8() {
        let day = Day::of(datetime!(2026-03-28 16:00:00 UTC));
        assert_eq!(serde_json::to_string(&day).expect("written"), "\"2026-03-29\"");
        assert_eq!(day.start(), datetime!(2026-03-28 16:00:00 UTC));
        assert_eq!(day.end(), datetime!(2026-03-29 16:00:00 UTC));
        assert!(serde_json::from_value::<Day>("2026-02-30".into()).is_err());
        assert!(serde_json::from_value::<Day>("9999-12-31".into()).is_err());
    }

    #[test]
    fn a_month_is_one_of_utc_plus_8() {
        let month = Month::of(datetime!(2026-01-31 16:30:00 UTC));
        assert_eq!((month.to_string().as_str(), month.days()), ("2026-02", 28));
        assert_eq!((month.last_day(), month.before(14).to_string().as_str()), (date!(2026 - 02 - 28), "2024-12"));
        assert_eq!(month.start(), datetime!(2026-01-31 16:00:00 UTC));
        assert_eq!(Month::of(datetime!(2026-01-31 15:59:59 UTC)).next(), month);
        assert_eq!(Month::of(datetime!(2025-12-15 0:00 UTC)).next().to_string(), "2026-01");
        assert_eq!(serde_json::from_value::<Month>("2026-02".into()).ok(), Some(month));
        for wrong in ["2026-13", "2026-2", "0000-01", "2026-02-01", "", "202602"] {
            assert!(serde_json::from_value::<Month>(wrong.into()).is_err(), "{wrong}");
        }
    }
}
