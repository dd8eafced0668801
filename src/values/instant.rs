//! Instants as the vendor writes them: `2026-01-31T16:00:00Z`, always UTC, to the second.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;

/// The vendor's form of an instant.
pub fn write_instant(instant: OffsetDateTime) -> String {
    let form = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");
    instant.to_offset(time::UtcOffset::UTC).format(&form).expect("an instant has all parts of the form")
}

/// Reads an instant in UTC; no other offset is taken.
pub fn parse_instant(text: &str) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(text, &Rfc3339).ok().filter(|_| text.len() == 20 && text.ends_with('Z'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_reads_back_and_only_utc_to_the_second_is_read() {
        let text = "2026-01-31T16:00:00Z";
        assert_eq!(write_instant(parse_instant(text).expect("it is an instant")), text);
        for other in ["2026-01-31", "2026-01-31T16:00:00.5Z", "2026-01-31T16:00:00+08:00", "2026-02-30T00:00:00Z"] {
            assert_eq!(parse_instant(other), None, "{other}");
        }
    }
}
