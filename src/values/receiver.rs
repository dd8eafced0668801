//! Phones and e-mail addresses: who a message goes to.

use serde::Deserialize;
use std::fmt;

/// A mobile phone of mainland China, eleven digits without the country's code: the only ones the vendor sends to.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Phone(String);

impl Phone {
    /// The country's code of every phone.
    pub const COUNTRY_CODE: &str = "0086";

    /// From eleven digits that begin with 1 and, as all mobile numbers do, go on with 3 to 9.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.as_bytes();
        let is_mobile = digits.len() == 11
            && digits.iter().all(u8::is_ascii_digit)
            && digits[0] == b'1'
            && (b'3'..=b'9').contains(&digits[1]);
        is_mobile.then(|| Self(text.to_owned()))
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Phone {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text).ok_or_else(|| "must be a mobile phone of mainland China, eleven digits".to_owned())
    }
}

/// An e-mail address, in lower case.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Email(String);

/// Longest address.
const EMAIL_MAX: usize = 64;

impl Email {
    /// From a text with a name, an `@` and a host.
    pub fn parse(text: &str) -> Option<Self> {
        let (name, host) = text.split_once('@')?;
        let is_plain = |part: &str| {
            !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._%+-".contains(&byte))
        };
        let is_address = text.len() <= EMAIL_MAX
            && is_plain(name)
            && is_plain(host)
            && !host.starts_with(['.', '-'])
            && !host.ends_with(['.', '-'])
            && !text.contains("..");
        is_address.then(|| Self(text.to_ascii_lowercase()))
    }

    /// The address.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Email {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text).ok_or_else(|| format!("must be an e-mail address of at most {EMAIL_MAX} characters"))
    }
}

/// A phone or an e-mail address.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Receiver {
    /// A phone.
    Phone(Phone),
    /// An e-mail address.
    Email(Email),
}

impl Receiver {
    /// Whichever the text is.
    pub fn parse(text: &str) -> Option<Self> {
        Phone::parse(text).map(Self::Phone).or_else(|| Email::parse(text).map(Self::Email))
    }

    /// The digits or the address.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Phone(phone) => phone.as_str(),
            Self::Email(email) => email.as_str(),
        }
    }

    /// What keeps the hashes of phones and of addresses apart.
    pub fn sort(&self) -> &'static str {
        match self {
            Self::Phone(_) => "phone",
            Self::Email(_) => "email",
        }
    }
}

impl TryFrom<String> for Receiver {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text).ok_or_else(|| "must be a mobile phone of mainland China or an e-mail address".to_owned())
    }
}

/// The text with `mask` in place of whatever in it reads like a phone or an e-mail address, if anything does.
pub fn without_receivers(text: &str, mask: &str) -> Option<String> {
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || "._%+-@".contains(letter);
    let (mut masked, mut is_changed, mut rest) = (String::with_capacity(text.len()), false, text);
    while !rest.is_empty() {
        let (word, after) = rest.split_at(rest.find(|letter| !is_part(letter)).unwrap_or(rest.len()));
        // A `%` at the beginning may belong to an encoded `+`.
        let core = word.trim_matches(|letter| ".-_".contains(letter)).trim_end_matches('%');
        match word.split_once(core).filter(|_| is_receiver(core)) {
            Some((before, behind)) => {
                is_changed = true;
                masked.extend([before, mask, behind]);
            }
            None => masked.push_str(word),
        }
        let (gap, next) = after.split_at(after.find(is_part).unwrap_or(after.len()));
        masked.push_str(gap);
        rest = next;
    }
    is_changed.then_some(masked)
}

/// Whether a word is an e-mail address or a phone, with a country's code or without, however its digits are divided.
fn is_receiver(word: &str) -> bool {
    // As it stands in a path or a query.
    let word = word.replace("%40", "@").replace("%2B", "+").replace("%2b", "+");
    if word.contains('@') {
        return word.split_once('@').is_some_and(|(name, host)| !name.is_empty() && !host.is_empty());
    }
    if !word.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-' || byte == b'+') {
        return false;
    }
    let digits: String = word.chars().filter(char::is_ascii_digit).collect();
    ["", "86", Phone::COUNTRY_CODE]
        .iter()
        .filter_map(|code| digits.strip_prefix(code))
        .any(|digits| Phone::parse(digits).is_some())
}

/// Only the ends: this may stand in a log.
impl fmt::Debug for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&crate::values::text::masked(self.as_str()))
    }
}

/// Only the ends.
impl fmt::Debug for Phone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&crate::values::text::masked(self.as_str()))
    }
}

/// Only the ends.
impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&crate::values::text::masked(self.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phones_are_the_mobile_numbers_of_mainland_china() {
        assert!(Phone::parse("13800000001").is_some());
        for wrong in
            ["", "12800000001", "1380000000", "138000000011", "+8613800000001", "1380000000a", "１３８００００００００"]
        {
            assert!(Phone::parse(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn an_address_has_a_name_and_a_host() {
        assert_eq!(Email::parse("Someone@Example.com").map(|email| email.0).as_deref(), Some("someone@example.com"));
        for wrong in [
            "",
            "@",
            "a@",
            "@b.c",
            "a b@c.d",
            "a@b@c.d",
            "a@b..c",
            "a@.b",
            "a@b\r\nc",
            &format!("{}@b.c", "a".repeat(64)),
        ] {
            assert!(Email::parse(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn a_log_shows_the_ends_only() {
        let receiver = Receiver::parse("13812345678").expect("a phone");
        assert_eq!(format!("{receiver:?}"), "13***78");
    }

    #[test]
    fn what_reads_like_a_phone_or_an_address_is_found_in_any_text() {
        for (text, shown) in [
            ("13812345678", "***"),
            ("no account 13812345678.", "no account ***."),
            ("tel:+86-138-1234-5678, 008613812345678", "tel:***, ***"),
            ("/users/li.lei@example.com/keys?a=li.lei%40b&b=%2B8613812345678", "/users/***/keys?a=***&b=***"),
            ("Li <a@b> 京a@b.cd京", "Li <***> 京***京"),
        ] {
            assert_eq!(without_receivers(text, "***").as_deref(), Some(shown));
        }
        for plain in
            ["", "1381234567", "138123456789", "a13812345678", "0197813812345678aa", "13812345678.00", "@", "a@"]
        {
            assert_eq!(without_receivers(plain, "***"), None, "{plain}");
        }
    }
}
