//! Numbers that people see: of orders, of their lines, and of instances.

use crate::values::id::new_uuid;
use time::{OffsetDateTime, UtcOffset};

const LETTERS: &[u8; 36] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";

/// A new order's id as the vendor's are: `CS`, the minute in UTC+8, five letters or digits. Of those there are sixty million a
/// minute, so who writes one looks whether it is taken.
pub fn order_id(now: OffsetDateTime) -> String {
    let local = now.to_offset(UtcOffset::from_hms(8, 0, 0).expect("it is one"));
    let (year, month, day) = (local.year() % 100, u8::from(local.month()), local.day());
    let suffix: String = random(now, LETTERS.len() as u128).take(5).map(|index| char::from(LETTERS[index])).collect();
    format!("CS{year:02}{month:02}{day:02}{:02}{:02}{suffix}", local.hour(), local.minute())
}

/// A line's id: its order's and its number, from 1.
pub fn line_id(order: &str, place: usize) -> String {
    format!("{order}-{:06}", place + 1)
}

/// The internal id of an instance, which the vendor shows beside the resource's.
pub fn instance_id(now: OffsetDateTime) -> String {
    let digits: String = random(now, 10).take(13).map(|index| char::from(LETTERS[index])).collect();
    format!("{}-{}-0", &digits[..5], &digits[5..])
}

/// Random numbers below `base`.
fn random(now: OffsetDateTime, base: u128) -> impl Iterator<Item = usize> {
    // 62 bits at the end of an id are random: twelve letters, or eighteen digits.
    let bits = new_uuid(now).as_u128() & ((1 << 62) - 1);
    std::iter::successors(Some(bits), move |bits| Some(bits / base))
        .map(move |bits| usize::try_from(bits % base).expect("the base is small"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn an_order_is_numbered_by_the_minute_of_utc_plus_8() {
        let now = datetime!(2019-06-20 16:09:52 UTC);
        let id = order_id(now);
        assert!(id.starts_with("CS1906210009") && id.len() == 17, "{id}");
        assert!(id.bytes().all(|byte| LETTERS.contains(&byte)), "{id}");
        assert_ne!(id, order_id(now));
        assert_eq!(line_id("CS1906210009V3LZ2", 0), "CS1906210009V3LZ2-000001");
    }

    #[test]
    fn an_instance_is_numbered_as_the_vendors_are() {
        let id = instance_id(datetime!(2026-01-01 00:00 UTC));
        let lengths: Vec<usize> = id.split('-').map(str::len).collect();
        assert_eq!(lengths, [5, 8, 1], "{id}");
    }
}
