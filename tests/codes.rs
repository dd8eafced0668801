//! The vendor's codes in the source. A refusal is a variant of its domain's, which alone holds the code and the words: who
//! has to tell refusals apart matches on variants, and a code that several domains answer cannot come to differ.

use crate::files::{File, files};
use std::collections::BTreeMap;

/// They say what is wrong with a request or with the server in general, for many reasons that have no code of their own.
const GENERAL: [&str; 3] = ["CBC.0100", "CBC.0150", "CBC.0999"];

/// The codes that a line of source holds as whole texts. Examples in the document refuse nobody.
fn codes(line: &str) -> impl Iterator<Item = &str> {
    let texts = line.split('"').skip(1).step_by(2).filter(|_| !line.contains("example ="));
    texts
        .filter(|text| text.strip_prefix("CBC.").is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit())))
}

#[test]
fn each_code_of_a_refusal_stands_once() {
    let mut places: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let is_of_tests = |path: &str| path.contains("/tests/") || path.ends_with("/tests.rs");
    for File { path, text } in files("src", ".rs").into_iter().filter(|file| !is_of_tests(&file.path)) {
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        for (number, line) in code.lines().enumerate() {
            for code in codes(line) {
                places.entry(code.to_owned()).or_default().push(format!("{path}:{}", number + 1));
            }
        }
    }
    assert!(places.len() > 50, "the codes are found");
    places.retain(|code, places| places.len() > 1 && !GENERAL.contains(&code.as_str()));
    assert!(places.is_empty(), "codes that stand more than once: {places:#?}");
}
