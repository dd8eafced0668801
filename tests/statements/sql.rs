//! As much of SQL's grammar as it takes to say which tables a statement uses and which tenant it names.

use std::collections::BTreeSet;

/// The words of a text in lower case, without its comments. A name keeps its qualifiers (`a.tenant_id`); a text in quotes,
/// or between two `$$`, is one word as it stands.
pub fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let is_name = |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '.');
        let within = |delimiter: &str| {
            let length = delimiter.len();
            rest[length..].find(delimiter).map_or(rest.len(), |end| 2 * length + end)
        };
        let length = if rest.starts_with("--") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("$$") {
            within("$$")
        } else if matches!(first, '\'' | '"') {
            within(&first.to_string())
        } else if is_name(first) || first == '$' {
            rest.find(|letter| letter != first && !is_name(letter)).unwrap_or(rest.len())
        } else {
            first.len_utf8()
        };
        let word = &rest[..length];
        if !word.starts_with("--") {
            words.push(if is_name(first) { word.to_lowercase() } else { word.to_owned() });
        }
        rest = rest[length..].trim_start();
    }
    words
}

/// The statements of a file or of a function's body.
pub fn statements(text: &str) -> Vec<Vec<String>> {
    let words = words(text);
    let ends = |word: &String| matches!(word.as_str(), ";" | "loop");
    words.split(ends).filter(|statement| !statement.is_empty()).map(<[String]>::to_vec).collect()
}

/// A statement's parts that name their tables each for itself: itself, its sub-selects, both sides of a union.
pub fn parts(statement: &[String]) -> Vec<Vec<String>> {
    let mut parts = Vec::new();
    // Of each bracket that is open: the part outside of it, if it begins one.
    let mut open: Vec<Option<Vec<String>>> = Vec::new();
    let mut part: Vec<String> = Vec::new();
    for (place, word) in statement.iter().enumerate() {
        let next = statement.get(place + 1).map_or("", String::as_str);
        match word.as_str() {
            "(" if matches!(next, "select" | "with" | "insert" | "update" | "delete") => {
                part.push("()".to_owned());
                open.push(Some(std::mem::take(&mut part)));
            }
            "(" => {
                part.push(word.clone());
                open.push(None);
            }
            ")" => match open.pop().flatten() {
                Some(outside) => parts.push(std::mem::replace(&mut part, outside)),
                None => part.push(word.clone()),
            },
            "union" | "intersect" | "except" => parts.push(std::mem::take(&mut part)),
            _ => part.push(word.clone()),
        }
    }
    parts.push(part);
    parts
}

/// A table that a part of a statement uses, and the name it has there.
#[derive(Debug, PartialEq, Eq)]
pub struct Use {
    /// The table.
    pub table: String,
    /// The name.
    pub alias: String,
    /// Whether rows are inserted into it.
    pub is_inserted: bool,
}

const NO_ALIAS: [&str; 26] = [
    "where",
    "on",
    "join",
    "left",
    "right",
    "inner",
    "cross",
    "full",
    "set",
    "order",
    "group",
    "limit",
    "using",
    "values",
    "select",
    "returning",
    "for",
    "offset",
    "having",
    "natural",
    "lateral",
    "then",
    "loop",
    "window",
    "default",
    "end",
];

/// The tables that a part uses, of those that are asked for.
pub fn uses(part: &[String], tables: &BTreeSet<String>) -> Vec<Use> {
    let word = |place: usize| part.get(place).map_or("", String::as_str);
    let mut uses = Vec::new();
    let (mut depth, mut listed_at) = (0, None);
    for (place, it) in part.iter().enumerate() {
        let before = if place == 0 { "" } else { word(place - 1) };
        let names_a_table = match it.as_str() {
            "(" => {
                depth += 1;
                false
            }
            ")" => {
                depth -= 1;
                false
            }
            "from" if before != "distinct" => {
                listed_at = Some(depth);
                true
            }
            "where" | "group" | "order" | "set" | "limit" | "returning" | "select" | "having" | "values" => {
                listed_at = None;
                false
            }
            "," => listed_at == Some(depth),
            "update" => !matches!(before, "for" | "key" | "do"),
            "into" => before == "insert",
            "join" => true,
            _ => false,
        };
        let at = place + 1 + usize::from(matches!(word(place + 1), "only" | "lateral"));
        if !names_a_table || !tables.contains(word(at).trim_start_matches("public.")) {
            continue;
        }
        let table = word(at).trim_start_matches("public.").to_owned();
        let named = at + 1 + usize::from(word(at + 1) == "as");
        let is_alias =
            word(named).starts_with(|letter: char| letter.is_alphabetic()) && !NO_ALIAS.contains(&word(named));
        let alias = if is_alias { word(named).to_owned() } else { table.clone() };
        uses.push(Use { table, alias, is_inserted: it == "into" });
    }
    uses
}

/// The tables that a statement uses without naming one tenant for each: by `tenant_id = $n`, and where a function is asked about
/// also by `tenant_id = argument`.
pub fn without_tenant(statement: &[String], tables: &BTreeSet<String>, in_function: bool) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for part in parts(statement) {
        let is_value = |word: &String| {
            let is_name = |word: &str| in_function && !word.contains('.') && word.starts_with(char::is_alphabetic);
            word.starts_with(['$', '\'']) || is_name(word)
        };
        let named: BTreeSet<&str> = part
            .windows(3)
            .filter(|words| words[1] == "=" && is_value(&words[2]))
            .filter_map(|words| words[0].strip_suffix("tenant_id"))
            .map(|alias| alias.trim_end_matches('.'))
            .collect();
        let inserts_one = inserted_tenant(&part).is_some_and(|word| is_value(&word));
        for used in uses(&part, tables) {
            let is_named = named.contains(used.alias.as_str()) || named.contains("");
            if !(is_named || used.is_inserted && (inserts_one || !named.is_empty())) {
                found.insert(used.table);
            }
        }
    }
    found
}

/// What an `INSERT … VALUES` gives `tenant_id`.
fn inserted_tenant(part: &[String]) -> Option<String> {
    let columns = part.iter().position(|word| word == "(")? + 1;
    let values = part.iter().position(|word| word == "values")? + 2;
    let place = part[columns..].iter().take_while(|word| *word != ")").position(|word| word == "tenant_id")?;
    // Between the columns are commas, and the tenant comes before any value that has commas of its own.
    part.get(values + place).cloned()
}

/// The columns that an `UPDATE` sets to nothing but an element of an array.
pub fn set_to_elements(statement: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    for part in parts(statement) {
        let Some(update) = part.iter().position(|word| word == "update") else { continue };
        let Some(set) = part[update..].iter().position(|word| word == "set") else { continue };
        let mut depth = 0;
        let mut item: Vec<&str> = Vec::new();
        for word in part[update + set + 1..].iter().map(String::as_str).chain(["where"]) {
            depth += i32::from(matches!(word, "(" | "[")) - i32::from(matches!(word, ")" | "]"));
            let ends_all = matches!(word, "where" | "from" | "returning") && depth == 0;
            if !ends_all && (word != "," || depth > 0) {
                item.push(word);
                continue;
            }
            if let [column, "=", _, "[", index @ .., "]"] = item.as_slice()
                && !index.contains(&"[")
            {
                found.push((*column).to_owned());
            }
            item.clear();
            if ends_all {
                break;
            }
        }
    }
    found
}
