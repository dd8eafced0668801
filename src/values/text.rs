//! Texts with a length: one macro gives the rule, the reader and the schema.
//!
//! No text holds a control character: PostgreSQL refuses NUL, and none of the others means anything in a code or a name.

/// What stands in place of what is hidden.
pub const MASK: &str = "***";

/// Declares text types: `/// doc  Name, 1..=64, "example";`. The range counts characters.
macro_rules! texts {
    ($($(#[$doc:meta])+ $name:ident, $min:literal..=$max:literal, $example:literal;)+) => {$(
        $(#[$doc])+
        #[derive(Clone, PartialEq, Eq, Hash, Debug, serde::Serialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = String;

            fn try_from(text: String) -> Result<Self, String> {
                $crate::values::text::check(&text, $min..=$max)?;
                Ok(Self(text))
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                Self::try_from(text).map_err(serde::de::Error::custom)
            }
        }

        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
                utoipa::openapi::schema::ObjectBuilder::new()
                    .schema_type(utoipa::openapi::schema::SchemaType::Type(utoipa::openapi::schema::Type::String))
                    .min_length(($min > 0).then_some($min))
                    .max_length(Some($max))
                    .pattern(Some("^[^\\u0000-\\u001F\\u007F-\\u009F]*$"))
                    .examples([$example])
                    .into()
            }
        }

        impl utoipa::ToSchema for $name {}
    )+};
}
pub(crate) use texts;

/// The rule of every text type.
pub fn check(text: &str, length: std::ops::RangeInclusive<usize>) -> Result<(), String> {
    // The byte length bounds the character count from above, so long texts are not walked.
    let too_long = text.len() > length.end() * 4 || text.chars().count() > *length.end();
    if too_long || text.chars().count() < *length.start() {
        return Err(format!("must have {} to {} characters", length.start(), length.end()));
    }
    if text.chars().any(char::is_control) {
        return Err("must not contain control characters".to_owned());
    }
    Ok(())
}

/// What may be shown of a value in a log or to an operator: its ends.
pub fn masked(value: &str) -> String {
    let letters: Vec<char> = value.chars().collect();
    let shown = if letters.len() > 6 { 2 } else { 0 };
    let (begin, end) = (&letters[..shown], &letters[letters.len() - shown..]);
    format!("{}***{}", begin.iter().collect::<String>(), end.iter().collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn the_length_counts_characters_not_bytes() {
        assert!(check("北京市", 1..=3).is_ok());
        assert!(check("北京市区", 1..=3).is_err());
        assert!(check("", 1..=3).is_err());
        assert!(check("", 0..=3).is_ok());
    }

    #[test]
    fn control_characters_are_refused() {
        assert!(check("a\0b", 1..=10).is_err());
        assert!(check("a\u{7f}", 1..=10).is_err());
    }
}
