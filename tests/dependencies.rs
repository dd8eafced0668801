//! What is depended on: each dependency is used, each licence is one that a distribution of the binary may carry, and no version
//! has a known fault.

use crate::files::files;
use semver::{Version, VersionReq};
use serde_json::Value;
use std::collections::BTreeMap;
use std::process::Command;

/// Licences that ask for no more than to be named. An expression must offer one of them, or join only such.
const ALLOWED: [&str; 13] = [
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CDLA-Permissive-2.0",
    "CC0-1.0",
    "ISC",
    "MIT",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];
/// Used without being named in the code.
const UNNAMED: [&str; 1] = ["mimalloc"];

fn metadata() -> Value {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args([
            "metadata",
            "--format-version",
            "1",
            "--locked",
            "--offline",
            "--filter-platform",
            "x86_64-unknown-linux-gnu",
        ])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs the tests");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("metadata is JSON")
}

/// Whether each part that an expression joins offers an allowed licence.
fn is_allowed(expression: &str) -> bool {
    let plain = expression.replace(['(', ')'], "").replace('/', " OR ");
    plain.split(" AND ").all(|part| part.split(" OR ").any(|licence| ALLOWED.contains(&licence.trim())))
}

#[test]
fn every_licence_is_one_that_may_be_carried() {
    let metadata = metadata();
    let mut wrong = BTreeMap::new();
    for package in metadata["packages"].as_array().expect("a list") {
        let licence = package["license"].as_str().unwrap_or("none");
        if !is_allowed(licence) {
            wrong.insert(package["name"].as_str().expect("a name").to_owned(), licence.to_owned());
        }
    }
    assert_eq!(wrong, BTreeMap::new(), "licences that are not in the list");
    assert!(is_allowed("(MIT OR Apache-2.0) AND Unicode-3.0") && !is_allowed("none"));
    assert!(!is_allowed("GPL-3.0-only") && !is_allowed("(MIT OR Apache-2.0) AND GPL-3.0-only"));
}

#[test]
fn every_dependency_is_used() {
    let code = ["src", "tests"].into_iter().flat_map(|folder| files(folder, ".rs"));
    let text: String = code.map(|file| file.text).collect();
    let metadata = metadata();
    let own = metadata["packages"].as_array().expect("a list").iter().find(|package| package["name"] == "bss-gateway");
    let dependencies = own.expect("the project is there")["dependencies"].as_array().expect("a list");
    let names = dependencies.iter().filter_map(|dependency| dependency["name"].as_str());
    let is_unused = |name: &&str| !UNNAMED.contains(name) && !text.contains(&format!("{}::", name.replace('-', "_")));
    assert_eq!(names.filter(is_unused).collect::<Vec<_>>(), Vec::<&str>::new());
}

/// `.ci/advisories` writes what is known.
#[test]
fn no_version_has_a_known_fault() {
    let known = include_str!("facts/advisories.csv");
    let mut known = csv::Reader::from_reader(known.as_bytes());
    let known: Vec<(String, String, String)> = known.deserialize().collect::<Result<_, _>>().expect("three columns");
    assert!(known.len() > 50);
    let metadata = metadata();
    let mut faulty = Vec::new();
    for package in metadata["packages"].as_array().expect("a list") {
        let (name, version) = (&package["name"], package["version"].as_str().expect("a version"));
        for (_, advisory, safe) in known.iter().filter(|(package, ..)| name == package.as_str()) {
            if !is_safe(version, safe) {
                faulty.push(format!("{name} {version}: {advisory}"));
            }
        }
    }
    assert_eq!(faulty, Vec::<String>::new());
    assert!(is_safe("0.9.5", ">= 0.10.1;< 0.10.0, >= 0.9.3") && !is_safe("0.10.0", ">= 0.10.1;< 0.10.0, >= 0.9.3"));
}

/// Whether a version lies in one of the ranges.
fn is_safe(version: &str, ranges: &str) -> bool {
    let version = Version::parse(version).expect("a version");
    ranges
        .split(';')
        .filter(|range| !range.is_empty())
        .any(|range| VersionReq::parse(range).expect("a range").matches(&version))
}
