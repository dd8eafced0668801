//! How rows become pieces of a file.

use super::columnar;
use super::model::ExportFormat;
use super::table::{Cell, Column};
use crate::values::decimal::plain;
use crate::values::time::write_instant;
use parquet::errors::ParquetError;
use std::io::Write;

/// Says to spreadsheets that a file is in UTF-8.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// Which piece of a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Piece {
    /// Whether it is the first.
    pub is_first: bool,
    /// Whether a byte order mark stands first.
    pub has_bom: bool,
}

/// A piece as it is written.
#[derive(Debug, Default)]
pub struct Written {
    /// Its bytes.
    pub content: Vec<u8>,
    /// What the end of the file has to say of it, where its format has one.
    pub footer: Option<Vec<u8>>,
}

/// Writes rows as a piece of a file.
pub fn piece(
    format: ExportFormat,
    columns: &[Column],
    rows: Vec<Vec<Cell>>,
    piece: Piece,
) -> Result<Written, ParquetError> {
    let mut content = Vec::new();
    match format {
        ExportFormat::Csv => {
            if piece.is_first && piece.has_bom {
                content.extend_from_slice(BYTE_ORDER_MARK);
            }
            csv(&mut content, columns, rows, piece.is_first);
        }
        ExportFormat::Jsonl => jsonl(&mut content, columns, rows),
        ExportFormat::Parquet if rows.is_empty() => {}
        ExportFormat::Parquet => {
            let group = columnar::group(columns, &rows, piece.is_first)?;
            return Ok(Written { content: group.content, footer: Some(group.footer) });
        }
    }
    Ok(Written { content, footer: None })
}

fn csv(bytes: &mut Vec<u8>, columns: &[Column], rows: Vec<Vec<Cell>>, is_first: bool) {
    let mut writer = csv::WriterBuilder::new().from_writer(bytes);
    let header = is_first.then(|| writer.write_record(columns.iter().map(|column| column.name)));
    let written = rows.into_iter().try_for_each(|row| writer.write_record(row.into_iter().map(text)));
    let flushed = writer.flush();
    header.transpose().and(written).and(flushed.map_err(Into::into)).expect("a vector takes everything");
}

/// A cell as a text; empty for nothing.
fn text(cell: Cell) -> String {
    match cell {
        Cell::Empty => String::new(),
        Cell::Text(text) => text,
        Cell::Number(number) => plain(number),
        Cell::Whole(number) => number.to_string(),
        Cell::Time(instant) => write_instant(instant),
    }
}

fn jsonl(bytes: &mut Vec<u8>, columns: &[Column], rows: Vec<Vec<Cell>>) {
    for row in rows {
        for (place, (column, cell)) in columns.iter().zip(row).enumerate() {
            bytes.push(if place == 0 { b'{' } else { b',' });
            write!(bytes, "\"{}\":", column.name).expect("a vector takes everything");
            let written = match cell {
                Cell::Empty => bytes.write_all(b"null"),
                Cell::Number(_) | Cell::Whole(_) => bytes.write_all(text(cell).as_bytes()),
                Cell::Text(_) | Cell::Time(_) => serde_json::to_writer(&mut *bytes, &text(cell)).map_err(Into::into),
            };
            written.expect("a vector takes everything");
        }
        bytes.extend_from_slice(b"}\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exports::table::ColumnKind;
    use rust_decimal::Decimal;
    use time::macros::datetime;

    const COLUMNS: [Column; 4] = [
        Column { name: "name", kind: ColumnKind::Text },
        Column { name: "amount", kind: ColumnKind::Number },
        Column { name: "count", kind: ColumnKind::Whole },
        Column { name: "time", kind: ColumnKind::Time },
    ];

    fn rows() -> Vec<Vec<Cell>> {
        let at = datetime!(2026-03-28 22:45:38.9 +8);
        vec![
            vec!["a \"b\", c\nd".into(), Decimal::new(-12_345_678_900, 8).into(), 3_i32.into(), at.into()],
            vec![Cell::Empty, Cell::Empty, Cell::Empty, Cell::Empty],
        ]
    }

    fn written(format: ExportFormat, is_first: bool, has_bom: bool) -> String {
        let written = piece(format, &COLUMNS, rows(), Piece { is_first, has_bom }).expect("a text");
        String::from_utf8(written.content).expect("UTF-8")
    }

    #[test]
    fn the_first_piece_of_a_csv_file_names_the_columns_and_no_other_does() {
        let rows = "\"a \"\"b\"\", c\nd\",-123.456789,3,2026-03-28T14:45:38Z\n,,,\n";
        assert_eq!(written(ExportFormat::Csv, true, false), format!("name,amount,count,time\n{rows}"));
        assert_eq!(written(ExportFormat::Csv, true, true), format!("\u{feff}name,amount,count,time\n{rows}"));
        assert_eq!(written(ExportFormat::Csv, false, true), rows);
    }

    #[test]
    fn a_line_of_json_has_exact_numbers_and_null_for_nothing() {
        let lines = written(ExportFormat::Jsonl, true, false);
        let expected = [
            r#"{"name":"a \"b\", c\nd","amount":-123.456789,"count":3,"time":"2026-03-28T14:45:38Z"}"#,
            r#"{"name":null,"amount":null,"count":null,"time":null}"#,
        ];
        assert_eq!(lines.lines().collect::<Vec<_>>(), expected);
        assert_eq!(written(ExportFormat::Jsonl, false, false), lines);
    }
}
