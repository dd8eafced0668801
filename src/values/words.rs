//! What is wrong with a value, in words for who sent it.

/// What is allowed, in words for callers: the parser's own name the value, Rust's types and a place in the text.
pub fn rule(text: &str) -> String {
    let text = text.split(" at line ").next().unwrap_or(text);
    let is_syntax = [
        "EOF ",
        "expected ",
        "trailing ",
        "invalid escape",
        "invalid number",
        "key must be",
        "control character",
        "invalid unicode",
        "lone leading",
        "unexpected end",
        "recursion limit",
        "number out of range",
    ];
    if is_syntax.iter().any(|begin| text.starts_with(begin)) {
        return "is no well-formed JSON".to_owned();
    }
    if let Some((_, variants)) = text.split_once("expected one of ").filter(|_| text.starts_with("unknown variant")) {
        return format!("must be one of {}", variants.replace('`', ""));
    }
    if let Some((_, variant)) = text.split_once(", expected ").filter(|_| text.starts_with("unknown variant")) {
        return format!("must be {}", variant.replace('`', ""));
    }
    let Some((_, expected)) = text.split_once(", expected ").filter(|_| text.starts_with("invalid ")) else {
        return text.to_owned();
    };
    let kind = match expected {
        "a string" | "str" | "a borrowed string" | "string" => "a text",
        "a boolean" | "bool" => "true or false",
        "a sequence" | "a list" => "a list",
        "i8" | "i16" | "i32" | "i64" | "u8" | "u16" | "u32" | "u64" | "usize" => "an integer",
        "f32" | "f64" => "a number",
        other if other.starts_with("struct ") || other == "a map" || other == "map" => "an object",
        other => other,
    };
    format!("must be {kind}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_tell_what_is_allowed() {
        for (parser, words) in [
            ("invalid type: integer `7`, expected a string at line 1 column 4", "must be a text"),
            ("invalid value: integer `300`, expected u8", "must be an integer"),
            ("unknown variant `x`, expected one of `a`, `b`, `c`", "must be one of a, b, c"),
            ("unknown variant `x`, expected `a` or `b`", "must be a or b"),
            ("EOF while parsing a value at line 1 column 0", "is no well-formed JSON"),
            ("must have 1 to 3 characters at line 1 column 9", "must have 1 to 3 characters"),
        ] {
            assert_eq!(rule(parser), words);
        }
    }
}
