//! The files that the tests of the code read.

use std::fs;
use std::path::{Path, PathBuf};

/// A file below the package's folder, and its text.
pub struct File {
    /// Its path from there.
    pub path: String,
    /// Its text.
    pub text: String,
}

/// The files of a folder and its folders that end so, by path.
pub fn files(folder: &str, ending: &str) -> Vec<File> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders = vec![root.join(folder)];
    let mut paths: Vec<PathBuf> = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("the folder is there") {
            let path = entry.expect("it is readable").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.to_string_lossy().ends_with(ending) {
                paths.push(path);
            }
        }
    }
    paths.sort();
    let file = |path: PathBuf| File {
        text: fs::read_to_string(&path).expect("it is text"),
        path: path.strip_prefix(root).expect("it is below").to_string_lossy().into_owned(),
    };
    paths.into_iter().map(file).collect()
}
