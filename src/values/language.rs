//! `X-Language`: in which language names are answered.

use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, SchemaType, Type};

/// The language of names. As a handler's argument it reads `X-Language`; as `params(Language)` it documents it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Language {
    /// Chinese, the default.
    #[default]
    ZhCn,
    /// English.
    EnUs,
}

impl Language {
    /// Older operations write `zh_CN`, newer ones `zh_cn`, and users `zh-CN`: neither case nor hyphen say anything.
    pub fn parse(value: &str) -> Option<Self> {
        match value.to_ascii_lowercase().replace('-', "_").as_str() {
            "" | "zh_cn" => Some(Self::ZhCn),
            "en_us" => Some(Self::EnUs),
            _ => None,
        }
    }

    /// How it is written.
    pub fn code(self) -> &'static str {
        match self {
            Self::ZhCn => "zh_CN",
            Self::EnUs => "en_US",
        }
    }

    /// The text of this language.
    pub fn of(self, name: &Names) -> &str {
        match self {
            Self::ZhCn => &name.zh,
            Self::EnUs => &name.en,
        }
    }
}

/// A name in both languages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    /// Chinese.
    pub zh: String,
    /// English.
    pub en: String,
}

impl IntoParams for Language {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let schema = ObjectBuilder::new()
            .schema_type(SchemaType::Type(Type::String))
            .enum_values(Some(["zh_CN", "en_US"]))
            .default(Some("zh_CN".into()))
            .examples(["en_US"]);
        let parameter = ParameterBuilder::new()
            .name("X-Language")
            .parameter_in(ParameterIn::Header)
            .required(utoipa::openapi::Required::False)
            .description(Some(
                "Language of the names in the answer, read without regard to case, with `_` or `-`. Default: `zh_CN`.",
            ))
            .schema(Some(schema));
        vec![parameter.build()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_spellings_are_read_and_nothing_else() {
        assert_eq!(Language::parse("en_us"), Some(Language::EnUs));
        assert_eq!(Language::parse("ZH_CN"), Some(Language::ZhCn));
        assert_eq!(Language::parse(""), Some(Language::ZhCn));
        assert_eq!(Language::parse("fr_FR"), None);
        assert_eq!(Language::parse("en-US"), Some(Language::EnUs));
        for language in [Language::ZhCn, Language::EnUs] {
            assert_eq!(Language::parse(language.code()), Some(language));
        }
    }
}
