//! Links in the documents for people lead somewhere.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

#[test]
fn relative_links_lead_to_files_and_headings_that_are_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let broken: Vec<String> = documents(root).iter().flat_map(|document| broken_links(document)).collect();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn the_readme_links_every_document() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let linked = linked_from(&read(&root.join("README.md")));
    for document in documents(root) {
        let path = document.strip_prefix(root).expect("it lies below").to_string_lossy().into_owned();
        assert!(path == "README.md" || linked.contains(&path), "README.md does not link {path}");
    }
}

#[test]
fn links_are_found_outside_of_code_only() {
    let text = "See [a](b.md), [c](d.md#e).\n\n    indented [no](code.md)\n\n```\n[no](fence.md)\n```\n- `[no](span.md)` [f](g.md)\n";
    assert_eq!(linked_from(text), ["b.md", "d.md#e", "g.md"]);
}

#[test]
fn a_heading_is_named_as_the_hosts_of_repositories_do() {
    let headings = headings("# The code\n## Real-name, *authentication*\n\n```\n# no heading\n```\n");
    assert_eq!(headings, HashSet::from(["the-code".to_owned(), "real-name-authentication".to_owned()]));
}

/// README.md, CHANGELOG.md and what lies in docs/.
fn documents(root: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(root.join("docs")).expect("docs/ is there");
    let mut documents: Vec<PathBuf> = entries.map(|entry| entry.expect("it can be listed").path()).collect();
    documents.retain(|path| path.extension().is_some_and(|extension| extension == "md"));
    assert!(!documents.is_empty(), "docs/ is empty");
    documents.extend(["README.md", "CHANGELOG.md"].map(|name| root.join(name)));
    documents.sort();
    documents
}

fn broken_links(document: &Path) -> Vec<String> {
    let text = read(document);
    let is_whole = |link: &&String| link.contains("://") || link.starts_with("mailto:");
    let relative = linked_from(&text).into_iter().filter(|link| !is_whole(&link));
    relative
        .filter(|link| {
            let (path, heading) = link.split_once('#').unwrap_or((link, ""));
            let folder = document.parent().expect("a file lies in a folder");
            let target = if path.is_empty() { document.to_owned() } else { folder.join(path) };
            !target.exists() || !(heading.is_empty() || headings(&read(&target)).contains(heading))
        })
        .map(|link| format!("{}: no {link}", document.display()))
        .collect()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The targets of the links, in order.
fn linked_from(text: &str) -> Vec<String> {
    let prose = prose(text).filter(|line| !line.starts_with("    ")).collect::<Vec<_>>().join("\n");
    // What stands between two backquotes is code.
    let prose: String = prose.split('`').step_by(2).collect();
    let behind = prose.split("](").skip(1);
    behind.filter_map(|rest| rest.split_once(')')).map(|(target, _)| target.to_owned()).collect()
}

/// The fragments by which a document's headings are linked.
fn headings(text: &str) -> HashSet<String> {
    let titles = prose(text).filter(|line| line.starts_with('#')).map(|line| line.trim_start_matches('#').trim());
    let kept = |letter: &char| letter.is_alphanumeric() || matches!(letter, ' ' | '-' | '_');
    titles.map(|title| title.to_lowercase().chars().filter(kept).collect::<String>().replace(' ', "-")).collect()
}

/// The lines outside of fenced code.
fn prose(text: &str) -> impl Iterator<Item = &str> {
    let mut is_code = false;
    text.lines().filter(move |line| {
        let is_fence = line.starts_with("```");
        is_code ^= is_fence;
        !is_code && !is_fence
    })
}
