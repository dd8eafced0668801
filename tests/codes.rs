//! The vendor's codes in the source. A refusal is a variant of its domain's, which alone holds the code and the words: who
//! has to tell refusals apart matches on variants, and a code that several domains answer cannot come to differ.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// They say what is wrong with a request or with the server in general, for many reasons that have no code of their own.
const GENERAL: [&str; 3] = ["CBC.0100", "CBC.0150", "CBC.0999"];

/// The Rust files below a folder, without those of tests.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let is_of_tests = path.file_stem().is_some_and(|name| name == "tests");
        if path.is_dir() && !is_of_tests {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") && !is_of_tests {
            found.push(path);
        }
    }
}

/// The codes that a line of source holds as whole texts. Examples in the document refuse nobody.
fn codes(line: &str) -> impl Iterator<Item = &str> {
    let texts = line.split('"').skip(1).step_by(2).filter(|_| !line.contains("example ="));
    texts
        .filter(|text| text.strip_prefix("CBC.").is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit())))
}

#[test]
fn each_code_of_a_refusal_stands_once() {
    let mut files = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut files);
    let mut places: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for path in &files {
        let text = fs::read_to_string(path).expect("a text");
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        for (number, line) in code.lines().enumerate() {
            for code in codes(line) {
                places.entry(code.to_owned()).or_default().push(format!("{}:{}", path.display(), number + 1));
            }
        }
    }
    assert!(places.len() > 50, "the codes are found");
    places.retain(|code, places| places.len() > 1 && !GENERAL.contains(&code.as_str()));
    assert!(places.is_empty(), "codes that stand more than once: {places:#?}");
}
