//! The layers of `src/`: no file imports one of a higher layer, and no files import each other in a circle.
//!
//! `tests/facts/layers.txt` says which file belongs to which layer, `layers_exceptions.txt` what is wrong today and why.
//! Test modules and the test harness are left out. The application's state is known by the layers from `app` on, by the files
//! that declare an operation, and by the `mod.rs` that lists them.

use crate::files::{File, files};
use proc_macro2::{TokenStream, TokenTree};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::io::Write;
use std::path::Path;
use syn::visit::{self, Visit};
use syn::{Attribute, Item, ItemUse, UseTree, VisRestricted};

const APP: &str = "app.rs";

/// A file's name below `src`, with the files it imports.
type Imports = BTreeMap<String, BTreeSet<String>>;

struct Layer {
    name: String,
    prefixes: Vec<String>,
}

fn facts(name: &str) -> Vec<String> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/facts").join(name);
    let text = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    text.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty()).map(str::to_owned).collect()
}

fn layers() -> Vec<Layer> {
    let layer = |line: String| {
        let mut words = line.split_whitespace().map(str::to_owned);
        Layer { name: words.next().expect("the line is not empty"), prefixes: words.collect() }
    };
    facts("layers.txt").into_iter().map(layer).collect()
}

/// The layer of a file, by its place in the list.
fn rank(layers: &[Layer], file: &str) -> usize {
    let prefixes = layers.iter().enumerate().flat_map(|(rank, layer)| layer.prefixes.iter().map(move |p| (p, rank)));
    let longest =
        prefixes.filter(|(prefix, _)| file.starts_with(prefix.as_str())).max_by_key(|(prefix, _)| prefix.len());
    longest.unwrap_or_else(|| panic!("{file} belongs to no layer: name it in tests/facts/layers.txt")).1
}

/// The module that a file is: `api/mod.rs` is `api`, `api/page.rs` is `api::page`.
fn module_of(file: &str) -> Vec<String> {
    let mut parts: Vec<String> = file.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
    if parts.last().is_some_and(|last| ["mod", "lib", "main"].contains(&last.as_str())) {
        parts.pop();
    }
    parts
}

/// Whether an item is there in tests only.
fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().filter(|attribute| attribute.path().is_ident("cfg")).any(|attribute| {
        let condition = attribute.meta.require_list().expect("cfg has a condition").tokens.to_string();
        condition == "test" || condition.starts_with("any (test") || condition.starts_with("any(test")
    })
}

/// Collects the paths that a file names.
#[derive(Default)]
struct Paths {
    named: Vec<Vec<String>>,
    /// Modules that are compiled in tests only.
    test_modules: Vec<String>,
}

impl Paths {
    fn tree(&mut self, before: &[String], tree: &UseTree) {
        match tree {
            UseTree::Path(path) => {
                let here: Vec<String> = before.iter().cloned().chain([path.ident.to_string()]).collect();
                self.tree(&here, &path.tree);
            }
            UseTree::Name(name) => self.named.push(before.iter().cloned().chain([name.ident.to_string()]).collect()),
            UseTree::Rename(name) => self.named.push(before.iter().cloned().chain([name.ident.to_string()]).collect()),
            UseTree::Glob(_) => self.named.push(before.to_vec()),
            UseTree::Group(group) => {
                for item in &group.items {
                    self.tree(before, item);
                }
            }
        }
    }

    /// What a macro's arguments name: `crate::a::b` there is a path as anywhere else.
    fn tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        for token in tokens {
            match token {
                TokenTree::Ident(ident) => path.push(ident.to_string()),
                TokenTree::Punct(punct) if punct.as_char() == ':' => {}
                other => {
                    self.named.push(std::mem::take(&mut path));
                    if let TokenTree::Group(group) = other {
                        self.tokens(group.stream());
                    }
                }
            }
        }
        self.named.push(path);
    }
}

impl<'ast> Visit<'ast> for Paths {
    fn visit_item(&mut self, item: &'ast Item) {
        let attributes = match item {
            Item::Mod(module) => {
                if is_for_tests(&module.attrs) {
                    self.test_modules.push(module.ident.to_string());
                }
                &module.attrs
            }
            Item::Fn(function) => &function.attrs,
            Item::Impl(block) => &block.attrs,
            Item::Use(import) => &import.attrs,
            _ => return visit::visit_item(self, item),
        };
        if !is_for_tests(attributes) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_use(&mut self, import: &'ast ItemUse) {
        self.tree(&[], &import.tree);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.named.push(path.segments.iter().map(|segment| segment.ident.to_string()).collect());
        visit::visit_path(self, path);
    }

    /// `pub(super)` says who may see an item; it imports nothing.
    fn visit_vis_restricted(&mut self, _: &'ast VisRestricted) {}

    fn visit_macro(&mut self, called: &'ast syn::Macro) {
        visit::visit_macro(self, called);
        self.tokens(called.tokens.clone());
    }
}

/// The file that a path leads to; none if it leads out of the crate.
fn target<'f>(files: &'f BTreeMap<Vec<String>, String>, from: &[String], path: &[String]) -> Option<&'f String> {
    let mut at = from.to_vec();
    let mut rest = path;
    match path.first()?.as_str() {
        "crate" => (at, rest) = (Vec::new(), &path[1..]),
        "self" => rest = &path[1..],
        "super" => {
            while let Some(("super", below)) = rest.split_first().map(|(first, below)| (first.as_str(), below)) {
                at.pop();
                rest = below;
            }
        }
        first => {
            let child: Vec<String> = from.iter().cloned().chain([first.to_owned()]).collect();
            files.get(&child)?;
        }
    }
    let mut found = files.get(&at);
    for segment in rest {
        at.push(segment.clone());
        match files.get(&at) {
            Some(file) => found = Some(file),
            None => break,
        }
    }
    found
}

/// Every file's imports.
fn imports() -> (Imports, BTreeSet<String>) {
    let mut parsed = BTreeMap::new();
    let (mut tests, mut operations) = (BTreeSet::new(), BTreeSet::new());
    for File { path, text } in files("src", ".rs") {
        let file = path.trim_start_matches("src/").to_owned();
        let mut named = Paths::default();
        named.visit_file(&syn::parse_file(&text).unwrap_or_else(|error| panic!("{file}: {error}")));
        let module = module_of(&file);
        tests.extend(named.test_modules.iter().map(|name| [module.clone(), vec![name.clone()]].concat()));
        if text.contains("#[utoipa::path") || file.ends_with("/mod.rs") {
            operations.insert(file.clone());
        }
        parsed.insert(file, (module, named.named));
    }
    parsed.retain(|_, (module, _)| !tests.iter().any(|test| module.starts_with(test)));
    let files =
        parsed.iter().filter(|(file, _)| *file != "main.rs").map(|(file, (module, _))| (module.clone(), file.clone()));
    let files: BTreeMap<Vec<String>, String> = files.collect();
    let imports = parsed.into_iter().map(|(file, (module, named))| {
        let targets = named.iter().filter_map(|path| target(&files, &module, path));
        let targets = targets.filter(|target| **target != file).cloned().collect();
        (file, targets)
    });
    (imports.collect(), operations)
}

/// Files that import each other, directly or over others; empty where there are none.
fn circle(imports: &Imports) -> BTreeSet<String> {
    // Whoever imports nothing that is left is in no circle, and is taken away until nobody can be.
    let mut left: Imports = imports.clone();
    loop {
        let free: Vec<String> = left
            .iter()
            .filter(|(_, targets)| !targets.iter().any(|target| left.contains_key(target)))
            .map(|(file, _)| file.clone())
            .collect();
        if free.is_empty() {
            break;
        }
        left.retain(|file, _| !free.contains(file));
    }
    // What only imports a circle, and is imported by none of it, is not in it.
    loop {
        let imported: BTreeSet<&String> = left.values().flatten().collect();
        let idle: Vec<String> = left.keys().filter(|file| !imported.contains(file)).cloned().collect();
        if idle.is_empty() {
            return left.into_keys().collect();
        }
        left.retain(|file, _| !idle.contains(file));
    }
}

#[test]
fn no_file_imports_upward_or_in_a_circle() {
    let layers = layers();
    let (imports, operations) = imports();
    let app = rank(&layers, APP);
    let mut against = BTreeSet::new();
    for (file, targets) in &imports {
        let own = rank(&layers, file);
        for target in targets.iter().filter(|target| rank(&layers, target) > own) {
            let is_operation = target == APP && own < app && operations.contains(file);
            if !is_operation {
                against.insert(format!("{file} -> {target}"));
            }
        }
    }
    let mut exceptions = BTreeMap::new();
    for line in facts("layers_exceptions.txt") {
        let (arrow, reason) = line.split_once("  ").expect("an exception has a reason, two spaces apart");
        exceptions.insert(arrow.trim().to_owned(), reason.trim().to_owned());
    }
    let mut report = String::new();
    for (number, layer) in layers.iter().enumerate() {
        let count = imports.keys().filter(|file| rank(&layers, file) == number).count();
        writeln!(report, "{count:>4} files in {}", layer.name).expect("a text takes it");
    }
    for (arrow, reason) in &exceptions {
        writeln!(report, "exception: {arrow}: {reason}").expect("a text takes it");
    }
    // Past the capture of the test runner: this is what one looks for.
    std::io::stdout().write_all(report.as_bytes()).expect("standard output is there");

    let circle = circle(&imports);
    assert!(circle.is_empty(), "these files import each other in a circle: {circle:?}");
    let known: BTreeSet<String> = exceptions.into_keys().collect();
    let new: Vec<_> = against.difference(&known).collect();
    assert!(new.is_empty(), "these imports go upward (see tests/facts/layers.txt): {new:#?}");
    let gone: Vec<_> = known.difference(&against).collect();
    assert!(gone.is_empty(), "these exceptions are needed no more, take them out: {gone:#?}");
}

#[test]
fn a_circle_is_found_and_its_neighbours_are_not() {
    let of = |pairs: &[(&str, &[&str])]| -> Imports {
        pairs.iter().map(|(file, to)| ((*file).to_owned(), to.iter().map(|to| (*to).to_owned()).collect())).collect()
    };
    assert!(circle(&of(&[("a", &["b"]), ("b", &["c"]), ("c", &[])])).is_empty());
    let found = circle(&of(&[("a", &["b"]), ("b", &["c"]), ("c", &["b", "d"]), ("d", &[])]));
    assert_eq!(found.into_iter().collect::<Vec<_>>(), ["b", "c"]);
}
