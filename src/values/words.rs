//! What is wrong with a value, in words for who sent it.

/// How our own rules begin, which say nothing of the value. Other words may hold it.
const RULES: [&str; 3] = ["must ", "is ", "entry "];

/// What is allowed, in words for callers: the parser's own name the value, Rust's types and a place in the text. Of the value
/// nothing is left, whatever it holds: it may be a password in the wrong field.
pub fn rule(text: &str) -> String {
    let text = without_place(text);
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
    // The value stands before what is expected, and may read like that.
    let expected = text.rsplit_once(", expected ").map(|(_, expected)| expected);
    if let Some(variants) = expected.filter(|_| text.starts_with("unknown variant")) {
        return format!("must be {}", variants.replace('`', ""));
    }
    let Some(expected) = expected.filter(|_| text.starts_with("invalid ")) else {
        let is_ours = RULES.iter().any(|begin| text.starts_with(begin));
        return if is_ours { text.to_owned() } else { "is malformed".to_owned() };
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

/// The words without the place in the text that the parser puts behind them.
pub fn without_place(text: &str) -> &str {
    let is_place = |place: &str| place.split(" column ").all(|number| number.bytes().all(|byte| byte.is_ascii_digit()));
    match text.rsplit_once(" at line ") {
        Some((words, place)) if is_place(place) => words,
        _ => text,
    }
}

/// A field's name as somebody gave it, with its place: `list[1].key`. What is none, because it holds digits for instance, may
/// be a secret or a phone that stands where a name should, and is not shown.
pub fn field(name: &str) -> &str {
    // A question mark is what stands for a key that is no text.
    let is_place =
        |part: &str| part == "?" || (1..=4).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
    let is_name = |part: &str| {
        // One digit ends some of ours: `value1`.
        let numbered = part.strip_suffix(|end: char| end.is_ascii_digit());
        part.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'_')
            || numbered.is_some_and(|name| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'))
    };
    let mut parts = name.split(['.', '[', ']']);
    if name.len() <= FIELD_MAX && parts.all(|part| is_place(part) || is_name(part)) { name } else { "a field" }
}

/// The longest name of a field, with its place, that is shown.
const FIELD_MAX: usize = 100;

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
            ("invalid type: string \"a, expected Secret\", expected a map at line 1 column 4", "must be an object"),
            ("invalid type: string \"Secret at line 1\", expected a map at line 1 column 4", "must be an object"),
            ("invalid type: string \"Secret at line 1\", expected a map", "must be an object"),
            ("unknown variant `x, expected one of Secret`, expected one of `a`, `b`", "must be one of a, b"),
            ("invalid character: found `S` at 0", "is malformed"),
            ("Secret is wrong", "is malformed"),
        ] {
            assert_eq!(rule(parser), words);
        }
    }
    #[test]
    fn only_what_reads_like_a_name_is_shown_as_one() {
        for name in ["list[1].key", "list.0.kez", "limti", "a_b", "extend_param1"] {
            assert_eq!(field(name), name);
        }
        for other in ["13812345678", "Secret-1", "list[0].Secret1", "a@b.cd", "a b", &"a".repeat(FIELD_MAX + 1)] {
            assert_eq!(field(other), "a field");
        }
    }
}
