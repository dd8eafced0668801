//! Closed sets that the vendor writes as small numbers: one table gives the reader, the writer, the schema and the column.

/// Declares such a set: `/// doc  Name { /// doc  Variant = 1, … }`. It is read from a number or its digits.
macro_rules! coded {
    ($($(#[$doc:meta])+ $name:ident { $($(#[$variant_doc:meta])+ $variant:ident = $code:literal,)+ })+) => {$(
        $(#[$doc])+
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, sqlx::Type)]
        #[repr(i16)]
        pub enum $name {
            $($(#[$variant_doc])+ $variant = $code,)+
        }

        impl $name {
            /// The vendor's number.
            pub fn code(self) -> i16 {
                self as i16
            }
        }

        impl TryFrom<i64> for $name {
            type Error = String;

            fn try_from(code: i64) -> Result<Self, String> {
                match code {
                    $($code => Ok(Self::$variant),)+
                    _ => Err($crate::values::coded::rule(&[$($code),+])),
                }
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_i16(self.code())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let code = match $crate::values::number::given(deserializer)? {
                    $crate::values::number::Given::Number(code) => Self::try_from(code),
                    _ => Err($crate::values::coded::rule(&[$($code),+])),
                };
                code.map_err(serde::de::Error::custom)
            }
        }

        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
                use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, SchemaFormat, SchemaType, Type};
                ObjectBuilder::new()
                    .schema_type(SchemaType::Type(Type::Integer))
                    .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int32)))
                    .enum_values(Some([$($code),+]))
                    .into()
            }
        }

        impl utoipa::ToSchema for $name {}
    )+};
}
pub(crate) use coded;

/// What is said of a number that is none of these.
pub fn rule(codes: &[i16]) -> String {
    let codes: Vec<String> = codes.iter().map(i16::to_string).collect();
    format!("must be one of {}", codes.join(", "))
}

#[cfg(test)]
mod tests {
    coded! {
        /// A light.
        Light {
            /// Stop.
            Red = 0,
            /// Go.
            Green = 2,
            /// Out of order.
            Dark = -1,
        }
    }

    #[test]
    fn a_code_is_a_number_or_its_digits_and_one_of_the_table() {
        let read = |json: &str| serde_json::from_str::<Light>(json).map_err(|error| error.to_string());
        assert_eq!((read("0"), read("\"2\""), read("2.0")), (Ok(Light::Red), Ok(Light::Green), Ok(Light::Green)));
        assert_eq!((read("-1"), read("\"-1\"")), (Ok(Light::Dark), Ok(Light::Dark)));
        for wrong in ["1", "-2", "\"\"", "null", "true", "2.5", "\"two\""] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
        assert!(read("1").expect_err("it is none").contains("must be one of 0, 2, -1"));
        assert_eq!(serde_json::to_string(&Light::Green).expect("written"), "2");
    }
}
