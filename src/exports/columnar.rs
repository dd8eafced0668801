//! Parquet files, written in pieces that nobody has to hold at once: each piece is a row group, and the last one is the footer.
//!
//! A row group is written as a file of its own, of which the piece keeps the data alone. What its footer says of it is kept beside
//! the piece, and the whole file's footer is made of these at the end, with the places moved to where the pieces lie. So an export in
//! this format is continued by another replica like any other.

use super::source::micros;
use super::table::{Cell, Column, ColumnKind};
use parquet::basic::{Compression, LogicalType, Repetition, TimeUnit, Type as Physical};
use parquet::data_type::{ByteArray, ByteArrayType, FixedLenByteArray, FixedLenByteArrayType, Int64Type};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{
    ColumnChunkMetaData, FileMetaData, ParquetMetaData, ParquetMetaDataBuilder, ParquetMetaDataReader,
    ParquetMetaDataWriter, RowGroupMetaData,
};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::types::{Type, TypePtr};
use rust_decimal::Decimal;
use std::sync::Arc;

/// What a file begins with, and ends with.
const MAGIC: &[u8] = b"PAR1";
/// So many bytes stand before the first row group.
const BEGINS_BEHIND: i64 = 4;
/// Numbers are decimals of so many digits, of which so many stand behind the point: as unit prices have.
const PRECISION: i32 = 38;
const SCALE: u32 = 10;
/// In so many bytes.
const WIDTH: i32 = 16;
/// Length of the metadata, and the magic, behind it.
const TAIL: usize = 8;

/// A row group.
#[derive(Debug)]
pub struct Group {
    /// Its data.
    pub content: Vec<u8>,
    /// What is said of it, as if it were the only one of a file.
    pub footer: Vec<u8>,
}

/// A row group as it lies in a file.
#[derive(Debug)]
pub struct Placed {
    /// How long its piece is.
    pub bytes: i64,
    /// What is said of it.
    pub footer: Vec<u8>,
}

/// Writes rows as a row group. The first piece also has what a file begins with.
pub fn group(columns: &[Column], rows: &[Vec<Cell>], is_first: bool) -> Result<Group> {
    let properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_statistics_enabled(EnabledStatistics::None)
        .set_offset_index_disabled(true)
        .build();
    let mut file = SerializedFileWriter::new(Vec::new(), schema(columns)?, Arc::new(properties))?;
    let mut group = file.next_row_group()?;
    let mut place = 0;
    while let Some(column) = group.next_column()? {
        write(column, columns[place].kind, rows.iter().map(|row| &row[place]))?;
        place += 1;
    }
    group.close()?;
    let mut content = file.into_inner()?;
    let (rest, tail) = content.split_last_chunk::<TAIL>().ok_or_else(cut_off)?;
    let length = u32::from_le_bytes(*tail.first_chunk().expect("it has eight bytes"));
    let data = rest.len().checked_sub(length as usize).ok_or_else(cut_off)?;
    let footer = rest[data..].to_vec();
    content.truncate(data);
    if !is_first {
        content.drain(..MAGIC.len());
    }
    Ok(Group { content, footer })
}

fn cut_off() -> ParquetError {
    ParquetError::General("a row group was cut off".to_owned())
}

/// The piece that ends a file of these row groups. A file without a row is its beginning and its end.
pub fn footer(columns: &[Column], groups: impl IntoIterator<Item = Placed>) -> Result<Vec<u8>> {
    let (mut moved, mut begins, mut rows) = (Vec::new(), 0, 0);
    for (ordinal, Placed { bytes, footer }) in (0..).zip(groups) {
        // Written as the first of its file, it began behind the magic.
        let by = if ordinal == 0 { 0 } else { begins - BEGINS_BEHIND };
        for group in ParquetMetaDataReader::decode_metadata(&footer)?.row_groups() {
            rows += group.num_rows();
            moved.push(move_group(group, by, ordinal)?);
        }
        begins += bytes;
    }
    let empty = SerializedFileWriter::new(Vec::new(), schema(columns)?, Arc::default())?.close()?;
    let described = empty.file_metadata();
    let file = FileMetaData::new(
        described.version(),
        rows,
        described.created_by().map(str::to_owned),
        None,
        described.schema_descr_ptr(),
        None,
    );
    let mut bytes = if moved.is_empty() { MAGIC.to_vec() } else { Vec::new() };
    let metadata: ParquetMetaData = ParquetMetaDataBuilder::new(file).set_row_groups(moved).build();
    ParquetMetaDataWriter::new(&mut bytes, &metadata).finish()?;
    Ok(bytes)
}

fn move_group(group: &RowGroupMetaData, by: i64, ordinal: i32) -> Result<RowGroupMetaData> {
    let columns = group.columns().iter().map(|column| move_column(column.clone(), by)).collect::<Result<_>>()?;
    let offset = group.file_offset().map(|offset| offset + by);
    let moved = group.clone().into_builder().set_column_metadata(columns).set_ordinal(ordinal);
    match offset {
        Some(offset) => moved.set_file_offset(offset).build(),
        None => moved.build(),
    }
}

fn move_column(column: ColumnChunkMetaData, by: i64) -> Result<ColumnChunkMetaData> {
    let (data, dictionary) = (column.data_page_offset() + by, column.dictionary_page_offset());
    let dictionary = dictionary.map(|offset| offset + by);
    column.into_builder().set_data_page_offset(data).set_dictionary_page_offset(dictionary).build()
}

fn schema(columns: &[Column]) -> Result<TypePtr> {
    let fields = columns.iter().map(|column| field(*column).map(Arc::new)).collect::<Result<Vec<_>>>()?;
    Ok(Arc::new(Type::group_type_builder("export").with_fields(fields).build()?))
}

fn field(column: Column) -> Result<Type> {
    let physical = match column.kind {
        ColumnKind::Text => Physical::BYTE_ARRAY,
        ColumnKind::Number => Physical::FIXED_LEN_BYTE_ARRAY,
        ColumnKind::Whole | ColumnKind::Time => Physical::INT64,
    };
    let field = Type::primitive_type_builder(column.name, physical).with_repetition(Repetition::OPTIONAL);
    match column.kind {
        ColumnKind::Text => field.with_logical_type(Some(LogicalType::String)).build(),
        ColumnKind::Number => {
            let scale = SCALE.cast_signed();
            let decimal = LogicalType::decimal(scale, PRECISION);
            field
                .with_length(WIDTH)
                .with_logical_type(Some(decimal))
                .with_precision(PRECISION)
                .with_scale(scale)
                .build()
        }
        ColumnKind::Whole => field.build(),
        ColumnKind::Time => {
            let timestamp = LogicalType::timestamp(true, TimeUnit::MICROS);
            field.with_logical_type(Some(timestamp)).build()
        }
    }
}

/// Writes a column: which cells hold something, and what those hold.
fn write<'a>(
    mut column: SerializedColumnWriter<'_>,
    kind: ColumnKind,
    cells: impl Iterator<Item = &'a Cell> + Clone,
) -> Result<()> {
    let there: Vec<i16> = cells.clone().map(|cell| i16::from(*cell != Cell::Empty)).collect();
    match kind {
        ColumnKind::Text => {
            let text = |cell: &'a Cell| {
                if let Cell::Text(text) = cell { Some(ByteArray::from(text.as_str())) } else { None }
            };
            let texts: Vec<ByteArray> = cells.filter_map(text).collect();
            column.typed::<ByteArrayType>().write_batch(&texts, Some(&there), None)?;
        }
        ColumnKind::Number => {
            let number = |cell: &Cell| {
                if let Cell::Number(number) = cell { Some(fixed(*number)) } else { None }
            };
            let numbers: Vec<FixedLenByteArray> = cells.filter_map(number).collect();
            column.typed::<FixedLenByteArrayType>().write_batch(&numbers, Some(&there), None)?;
        }
        ColumnKind::Whole | ColumnKind::Time => {
            let whole = |cell: &Cell| match cell {
                Cell::Whole(number) => Some(*number),
                Cell::Time(instant) => Some(micros(*instant)),
                _ => None,
            };
            let wholes: Vec<i64> = cells.filter_map(whole).collect();
            column.typed::<Int64Type>().write_batch(&wholes, Some(&there), None)?;
        }
    }
    column.close()
}

/// A number as its digits with the point at its place, the most significant byte first. Ours have 20 digits before it and 10 behind.
fn fixed(number: Decimal) -> FixedLenByteArray {
    let number = number.round_dp(SCALE);
    let digits = number.mantissa() * 10_i128.pow(SCALE - number.scale());
    ByteArray::from(digits.to_be_bytes().to_vec()).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Bytes;
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::Field;
    use time::macros::datetime;

    const COLUMNS: [Column; 4] = [
        Column { name: "name", kind: ColumnKind::Text },
        Column { name: "amount", kind: ColumnKind::Number },
        Column { name: "count", kind: ColumnKind::Whole },
        Column { name: "time", kind: ColumnKind::Time },
    ];

    fn read(file: Vec<u8>) -> Vec<Vec<Field>> {
        let reader = SerializedFileReader::new(Bytes::from(file)).expect("it is Parquet");
        let rows = reader.get_row_iter(None).expect("it has rows");
        rows.map(|row| row.expect("it is read").get_column_iter().map(|(_, field)| field.clone()).collect()).collect()
    }

    #[test]
    fn groups_that_were_written_apart_are_read_as_one_file() {
        let at = datetime!(2026-03-28 14:45:38.123456 UTC);
        let row = |number: i64| -> Vec<Cell> {
            let amount = Decimal::new(-12_345_678_900 * number, 10);
            vec![format!("row {number}").into(), amount.into(), number.into(), at.into()]
        };
        let empty = vec![Cell::Empty, Cell::Empty, Cell::Empty, Cell::Empty];
        let pieces = [vec![row(1), empty, row(2)], vec![row(3)], vec![row(4), row(5)]];
        let (mut file, mut placed) = (Vec::new(), Vec::new());
        for (place, rows) in pieces.iter().enumerate() {
            let group = group(&COLUMNS, rows, place == 0).expect("it is written");
            placed.push(Placed { bytes: i64::try_from(group.content.len()).expect("short"), footer: group.footer });
            file.extend(group.content);
        }
        file.extend(footer(&COLUMNS, placed).expect("it is written"));
        let rows = read(file);
        assert_eq!(rows.len(), 6);
        assert_eq!(rows[1], vec![Field::Null; 4]);
        let told = |row: &[Field]| row.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(told(&rows[3])[..3], ["\"row 3\"", "-3.7037036700", "3"]);
        assert_eq!(rows[5][3], Field::TimestampMicros(micros(at)));
    }

    #[test]
    fn a_file_without_a_row_is_a_file() {
        assert!(read(footer(&COLUMNS, []).expect("it is written")).is_empty());
    }
}
