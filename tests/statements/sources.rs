//! Where the SQL stands: the queries that are checked at compile time, the migrations' functions, and the texts in the code.

use super::sql;
use crate::files::{File, files};
use std::collections::{BTreeMap, BTreeSet};

/// The queries that are checked at compile time: the first digits of their sums, and their texts.
pub fn checked_queries() -> BTreeMap<String, String> {
    let query = |file: File| {
        let content: serde_json::Value = serde_json::from_str(&file.text).expect("it is JSON");
        let sum = content["hash"].as_str().expect("it has a sum");
        (sum[..16].to_owned(), content["query"].as_str().expect("it has a text").to_owned())
    };
    files(".sqlx", ".json").into_iter().map(query).collect()
}

/// A function of the database.
pub struct Function {
    /// What it does.
    pub body: String,
    /// Whether its plans are kept on a cluster too.
    pub keeps_plans: bool,
}

/// What the migrations leave behind.
#[derive(Default)]
pub struct Schema {
    /// The tables that are distributed by tenant, and the views of them.
    pub tenant_tables: BTreeSet<String>,
    /// The functions that none replaced or dropped, by name.
    pub functions: BTreeMap<String, Function>,
    /// DDL on placed tables that does not stand in a `DO` block: its file, and its first words.
    pub bare: Vec<(String, String)>,
    placed: BTreeSet<String>,
    indexes: BTreeMap<String, String>,
}

impl Schema {
    /// Follows the files of migrations, which come in their order.
    pub fn of(files: &[File]) -> Self {
        let mut schema = Self::default();
        for file in files {
            for statement in sql::statements(&file.text) {
                schema.follow(&file.path, &statement);
            }
        }
        schema
    }

    fn follow(&mut self, path: &str, statement: &[String]) {
        let words: Vec<&str> = statement.iter().map(String::as_str).collect();
        match words.as_slice() {
            ["select", place, "(", table, ..] if place.starts_with("place_") => {
                let table = table.trim_matches('\'').to_owned();
                if *place == "place_by_tenant" {
                    self.tenant_tables.insert(table.clone());
                }
                self.placed.insert(table);
            }
            ["select", "keep_plans", "(", name, ..] => {
                if let Some(function) = self.functions.get_mut(name.trim_matches('\'')) {
                    function.keeps_plans = false;
                }
            }
            ["create", "view", name, ..] | ["create", "or", "replace", "view", name, ..] => {
                let parts = sql::parts(statement);
                if parts.iter().any(|part| !sql::uses(part, &self.tenant_tables).is_empty()) {
                    self.tenant_tables.insert((*name).to_owned());
                }
            }
            ["create", "function", name, ..] | ["create", "or", "replace", "function", name, ..] => {
                let body =
                    words.iter().find(|word| word.starts_with("$$")).expect("a function's body stands between $$");
                let keeps_plans = words.windows(3).any(|words| {
                    matches!(words, ["plan_cache_mode", "=" | "to", mode] if mode.trim_matches('\'') == "force_generic_plan")
                });
                let function = Function { body: body.trim_matches('$').to_owned(), keeps_plans };
                self.functions.insert((*name).to_owned(), function);
            }
            ["drop", "function", "if", "exists", name, ..] | ["drop", "function", name, ..] => {
                self.functions.remove(*name);
            }
            ["do", block, ..] => {
                for statement in sql::statements(block.trim_matches('$')) {
                    let begin = statement.iter().position(|word| word == "begin").map_or(0, |place| place + 1);
                    self.changed(&statement[begin..]);
                }
            }
            _ => {
                if self.changed(statement) {
                    self.bare.push((path.to_owned(), words[..words.len().min(8)].join(" ")));
                }
            }
        }
    }

    /// Whether a statement is DDL on a placed table. Keeps in mind which index is whose.
    fn changed(&mut self, statement: &[String]) -> bool {
        let noise = ["if", "not", "exists", "only", "unique", "concurrently"];
        let words: Vec<&str> = statement.iter().map(String::as_str).filter(|word| !noise.contains(word)).collect();
        let table = match words.as_slice() {
            ["alter" | "drop", "table", table, ..] | ["create", "trigger", _, _, _, "on", table, ..] => table,
            ["create", "index", index, "on", table, ..] => {
                self.indexes.insert((*index).to_owned(), (*table).to_owned());
                table
            }
            // One that is not known belongs to a constraint.
            ["alter" | "drop", "index", index, ..] => match self.indexes.get(*index) {
                Some(table) => table.as_str(),
                None => return true,
            },
            _ => return false,
        };
        self.placed.contains(table)
    }
}

/// The texts in quotes of a file of code, without those of its tests.
pub fn texts(code: &str) -> Vec<String> {
    let code = code.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    let mut texts = Vec::new();
    let mut rest = code;
    while let Some(place) = rest.find(['"', '/', '\'']) {
        let (before, from) = rest.split_at(place);
        if from.starts_with("//") {
            rest = &from[from.find('\n').unwrap_or(from.len())..];
        } else if let Some(after) = from.strip_prefix("'\"'") {
            rest = after;
        } else if from.starts_with('"') {
            let hashes = before.len() - before.trim_end_matches('#').len();
            let is_raw = before[..place - hashes].ends_with('r');
            let end = if is_raw { raw_end(from, hashes) } else { plain_end(from) };
            texts.push(from[1..end].to_owned());
            rest = &from[(end + 1).min(from.len())..];
        } else {
            rest = &from[1..];
        }
    }
    texts
}

fn raw_end(from: &str, hashes: usize) -> usize {
    let delimiter = format!("\"{}", "#".repeat(hashes));
    from[1..].find(&delimiter).map_or(from.len(), |end| end + 1)
}

fn plain_end(from: &str) -> usize {
    let mut escaped = false;
    for (place, letter) in from.char_indices().skip(1) {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return place,
            _ => {}
        }
    }
    from.len()
}
