//! Sheets: the files that prices and the catalogue are imported from and exported to, as CSV or as JSON.
//!
//! In CSV the first line names the columns and lines that begin with `#` are comments; in JSON each row is an object of the
//! same names. A sheet is checked as a whole, then written as a whole or not at all: every problem is told with its row and
//! its column, and nothing is written while there is one.

use crate::values::words;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::HashMap;
use std::hash::Hash;
use std::ops::RangeInclusive;
use utoipa::ToSchema;

/// How many rows of a [`Difference`] are shown.
const ROWS_SHOWN_MAX: usize = 200;

/// What is wrong with a sheet, and where.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("row {row}, {column}: {rule}")]
pub struct Problem {
    /// Which row: the line of a CSV file, the position (from 1) in a JSON list.
    pub row: u64,
    /// Which column.
    pub column: &'static str,
    /// What it breaks.
    pub rule: String,
}

/// Why nothing was imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The sheet is wrong in these places.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Problems(Vec<Problem>),
    /// The database failed.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
}

/// A row as it stands in the file.
#[derive(Debug)]
pub struct Row {
    place: u64,
    cells: HashMap<String, String>,
}

impl Row {
    /// Where it stands.
    pub fn place(&self) -> u64 {
        self.place
    }

    /// A cell; empty if it is not there.
    pub fn text(&self, column: &str) -> &str {
        self.cells.get(column).map_or("", |text| text.trim())
    }

    /// A cell of so many characters.
    pub fn bounded(&self, column: &'static str, length: RangeInclusive<usize>) -> Result<String, Problem> {
        let text = self.text(column);
        crate::values::text::check(text, length).map_err(|rule| self.problem(column, rule))?;
        Ok(text.to_owned())
    }

    /// A whole number, if there is one.
    pub fn number<T: std::str::FromStr>(&self, column: &'static str) -> Result<Option<T>, Problem> {
        let text = self.text(column);
        let number =
            (!text.is_empty()).then(|| text.parse().map_err(|_| self.problem(column, "must be a whole number")));
        number.transpose()
    }

    /// One of several words, if there is one.
    pub fn word<T: DeserializeOwned>(&self, column: &'static str) -> Result<Option<T>, Problem> {
        let text = self.text(column);
        let word =
            serde_json::from_value(text.into()).map_err(|error| self.problem(column, words::rule(&error.to_string())));
        if text.is_empty() { Ok(None) } else { word.map(Some) }
    }

    /// That this row breaks a rule.
    pub fn problem(&self, column: &'static str, rule: impl Into<String>) -> Problem {
        Problem { row: self.place, column, rule: rule.into() }
    }
}

/// Rows as they were read, each with the place it stands at.
pub type Placed<T> = Vec<(u64, T)>;

/// Reads a sheet, CSV unless it begins like a JSON list; `read` makes of a row what it stands for. All problems are told,
/// not only the first.
pub fn read<T>(
    text: &str,
    columns: &str,
    read: impl Fn(&Row) -> Result<Vec<T>, Problem>,
) -> Result<Placed<T>, Vec<Problem>> {
    // Spreadsheets write a byte order mark.
    let text = text.trim_start_matches('\u{feff}');
    let is_json = text.trim_start().starts_with('[');
    let rows = if is_json { json_rows(text, columns) } else { csv_rows(text, columns) };
    let (mut placed, mut problems) = (Vec::new(), Vec::new());
    for row in rows.map_err(|problem| vec![problem])? {
        match read(&row) {
            Ok(read) => placed.extend(read.into_iter().map(|read| (row.place, read))),
            Err(problem) => problems.push(problem),
        }
    }
    if problems.is_empty() { Ok(placed) } else { Err(problems) }
}

fn csv_rows(text: &str, columns: &str) -> Result<Vec<Row>, Problem> {
    let mut reader = csv::ReaderBuilder::new().comment(Some(b'#')).from_reader(text.as_bytes());
    let problem = |error: &csv::Error| {
        let row = error.position().map_or(1, csv::Position::line);
        Problem { row, column: "row", rule: error.to_string() }
    };
    let header = reader.headers().map_err(|error| problem(&error))?.clone();
    check_columns(1, columns, header.iter())?;
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| problem(&error))?;
        let place = record.position().map_or(0, csv::Position::line);
        let cells = header.iter().map(str::to_owned).zip(record.iter().map(str::to_owned)).collect();
        rows.push(Row { place, cells });
    }
    Ok(rows)
}

fn json_rows(text: &str, columns: &str) -> Result<Vec<Row>, Problem> {
    let problem = |row, rule| Problem { row, column: "row", rule };
    let rows: Vec<HashMap<String, Value>> =
        serde_json::from_str(text).map_err(|error| problem(error.line() as u64, error.to_string()))?;
    let placed = (1..).zip(rows).map(|(place, row)| {
        check_columns(place, columns, row.keys().map(String::as_str))?;
        // Numbers only as texts: a JSON number might have been a binary fraction once.
        let cell = |(name, value): (String, Value)| match value {
            Value::String(text) => Ok((name, text)),
            other => Err(problem(place, format!("{name} must be a text, not {other}"))),
        };
        Ok(Row { place, cells: row.into_iter().map(cell).collect::<Result<_, Problem>>()? })
    });
    placed.collect()
}

fn check_columns<'a>(row: u64, columns: &str, mut names: impl Iterator<Item = &'a str>) -> Result<(), Problem> {
    match names.find(|name| !columns.split(',').any(|known| known == *name)) {
        Some(name) => Err(Problem { row, column: "row", rule: format!("there is no column {name}") }),
        None => Ok(()),
    }
}

/// How a sheet is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize, ToSchema, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
#[schema(as = SheetFormat)]
pub enum Format {
    /// A line for each row, the first names the columns.
    #[default]
    Csv,
    /// A list of objects, without the cells that are empty.
    Json,
}

/// Writes a sheet: of each row its cells in the order of the columns.
pub fn write(format: Format, columns: &str, rows: impl Iterator<Item = Vec<String>>) -> String {
    match format {
        Format::Csv => {
            let mut writer = csv::WriterBuilder::new().from_writer(Vec::new());
            let header = writer.write_record(columns.split(','));
            let mut rows = rows;
            let written = rows.try_fold((), |(), cells| writer.write_record(cells));
            header.and(written).expect("a vector takes everything");
            let bytes = writer.into_inner().expect("a vector takes everything");
            String::from_utf8(bytes).expect("it is made of texts")
        }
        Format::Json => {
            let object = |cells: Vec<String>| {
                let cells = columns.split(',').map(str::to_owned).zip(cells).filter(|(_, cell)| !cell.is_empty());
                Value::Object(cells.map(|(name, cell)| (name, Value::String(cell))).collect::<Map<_, _>>())
            };
            format!("{:#}\n", rows.map(object).collect::<Value>())
        }
    }
}

/// What an import changes, or would change.
#[derive(Debug)]
pub struct Difference<T> {
    /// Rows that were not there.
    pub added: Vec<T>,
    /// Rows that were there and said something else: before and after.
    pub changed: Vec<(T, T)>,
    /// How many rows are as they were.
    pub unchanged: usize,
}

impl<T: PartialEq + Clone> Difference<T> {
    /// What `rows`, which name no key twice, change in `current`.
    pub fn of<K: Eq + Hash>(rows: Placed<T>, current: Vec<T>, key: impl Fn(&T) -> K) -> Self {
        let mut known: HashMap<K, T> = current.into_iter().map(|row| (key(&row), row)).collect();
        let mut difference = Self { added: Vec::new(), changed: Vec::new(), unchanged: 0 };
        for (_, row) in rows {
            match known.remove(&key(&row)) {
                None => difference.added.push(row),
                Some(before) if before == row => difference.unchanged += 1,
                Some(before) => difference.changed.push((before, row)),
            }
        }
        difference
    }

    /// The rows that have to be written.
    pub fn new_rows(&self) -> Vec<T> {
        self.changed.iter().map(|(_, after)| after).chain(&self.added).cloned().collect()
    }

    /// What is told of it. `write` writes rows as a CSV sheet.
    pub fn told(&self, write: impl Fn(&[T]) -> String) -> SheetImported {
        let (before, after): (Vec<T>, Vec<T>) = self.changed.iter().cloned().unzip();
        let signed = [("+", write(&self.added)), ("-", write(&before)), ("+", write(&after))];
        let lines =
            signed.iter().flat_map(|(sign, sheet)| sheet.lines().skip(1).map(move |line| format!("{sign} {line}")));
        SheetImported {
            added: self.added.len(),
            changed: self.changed.len(),
            unchanged: self.unchanged,
            rows: lines.take(ROWS_SHOWN_MAX).collect(),
        }
    }
}

/// What an import changed, or would change.
#[derive(Serialize, ToSchema)]
pub struct SheetImported {
    /// Rows that were not there.
    #[schema(example = 12)]
    added: usize,
    /// Rows that were there and said something else.
    #[schema(example = 3)]
    changed: usize,
    /// Rows that are as they were.
    #[schema(example = 985)]
    unchanged: usize,
    /// The first 200 lines of the difference, `+` and `-` before rows as a CSV sheet has them: what was added, then what was
    /// changed, before and after.
    #[schema(example = json!(["+ hws.resource.type.vm,s6.large.2.linux,cn-north-4,CNY,…"]))]
    rows: Vec<String>,
}

/// What the command line prints of an import.
pub fn printed<T: PartialEq + Clone>(
    imported: Result<Difference<T>, ImportError>,
    dry_run: bool,
    write: impl Fn(&[T]) -> String,
) -> anyhow::Result<Value> {
    match imported {
        Ok(difference) => {
            let mut told = serde_json::to_value(difference.told(write))?;
            told["dry_run"] = dry_run.into();
            Ok(told)
        }
        Err(error @ ImportError::Problems(_)) => anyhow::bail!("nothing was imported\n{error}"),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: &str = "name,size";

    fn sizes(text: &str) -> Result<Placed<(String, i32)>, Vec<Problem>> {
        read(text, COLUMNS, |row| {
            let size = row.number("size")?.ok_or_else(|| row.problem("size", "must not be empty"))?;
            Ok(vec![(row.bounded("name", 1..=4)?, size)])
        })
    }

    #[test]
    fn csv_and_json_say_the_same() {
        let rows = vec![(2, ("disk".to_owned(), 40)), (3, ("vm".to_owned(), 1))];
        assert_eq!(sizes("\u{feff}name,size\ndisk,40\nvm,1\n").as_deref(), Ok(rows.as_slice()));
        let cells = || rows.iter().map(|(_, (name, size))| vec![name.clone(), size.to_string()]);
        assert_eq!(sizes(&write(Format::Csv, COLUMNS, cells())).as_deref(), Ok(rows.as_slice()));
        let read = sizes(&write(Format::Json, COLUMNS, cells())).expect("it reads back");
        assert_eq!(
            read.into_iter().map(|(_, row)| row).collect::<Vec<_>>(),
            rows.into_iter().map(|(_, row)| row).collect::<Vec<_>>()
        );
    }

    #[test]
    fn all_problems_are_told_with_their_places() {
        let told = |text: &str| {
            let problems = sizes(text).expect_err(text);
            problems.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(
            told("# sizes\nname,size\nserver,1\nvm,x\ndisk,4\n,4\n"),
            [
                "row 3, name: must have 1 to 4 characters",
                "row 4, size: must be a whole number",
                "row 6, name: must have 1 to 4 characters",
            ]
        );
        assert_eq!(told("name,colour\nvm,red\n"), ["row 1, row: there is no column colour"]);
        assert_eq!(told(r#"[{"name": "vm", "size": "1"}, {"size": 4}]"#), ["row 2, row: size must be a text, not 4"]);
        assert!(told("name,size\nvm\n")[0].starts_with("row 2, row: "));
    }

    #[test]
    fn a_difference_tells_what_was_added_and_what_was_changed() {
        let row = |name: &str, size| (name.to_owned(), size);
        let rows = vec![(2, row("a", 1)), (3, row("b", 2)), (4, row("c", 3))];
        let difference = Difference::of(rows, vec![row("a", 1), row("b", 9), row("d", 4)], |row| row.0.clone());
        assert_eq!(difference.new_rows(), [row("b", 2), row("c", 3)]);
        let written = |rows: &[(String, i32)]| {
            write(Format::Csv, COLUMNS, rows.iter().map(|(name, size)| vec![name.clone(), size.to_string()]))
        };
        let told = difference.told(written);
        assert_eq!((told.added, told.changed, told.unchanged), (1, 1, 1));
        assert_eq!(told.rows, ["+ c,3", "- b,9", "+ b,2"]);
    }
}
