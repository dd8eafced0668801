//! Closed sets whose wire values are numbers: one macro gives the enum, the reader, the writer and the schema.

/// Declares such sets: `/// doc  Name { /// doc  Variant = 1, … }`. In the database they are `smallint`.
macro_rules! numbered {
    ($($(#[$doc:meta])+ $name:ident { $($(#[$variant_doc:meta])+ $variant:ident = $number:literal,)+ })+) => {$(
        $(#[$doc])+
        #[derive(Clone, Copy, PartialEq, Eq, Debug, sqlx::Type)]
        #[repr(i16)]
        pub enum $name {
            $($(#[$variant_doc])+ $variant = $number,)+
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_i16(*self as i16)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                match i64::deserialize(deserializer)? {
                    $($number => Ok(Self::$variant),)+
                    _ => Err(serde::de::Error::custom(concat!("must be one of" $(, " ", $number)+))),
                }
            }
        }

        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
                utoipa::openapi::schema::ObjectBuilder::new()
                    .schema_type(utoipa::openapi::schema::SchemaType::Type(utoipa::openapi::schema::Type::Integer))
                    .enum_values(Some([$($number),+]))
                    .into()
            }
        }

        impl utoipa::ToSchema for $name {}
    )+};
}
pub(crate) use numbered;

#[cfg(test)]
mod tests {
    numbered! {
        /// For the test.
        Sample {
            /// One.
            One = 1,
            /// Minus one.
            None = -1,
        }
    }

    #[test]
    fn only_the_numbers_of_the_set_are_read() {
        assert_eq!(serde_json::from_str::<Sample>("-1").ok(), Some(Sample::None));
        assert_eq!(serde_json::to_string(&Sample::One).ok().as_deref(), Some("1"));
        let refusal = serde_json::from_str::<Sample>("2").expect_err("it is none of them").to_string();
        assert!(refusal.starts_with("must be one of 1 -1"), "{refusal}");
        assert!(serde_json::from_str::<Sample>("\"1\"").is_err());
    }
}
