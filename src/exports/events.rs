//! What accounts are told of their exports.

use super::model::{Export, ExportKind};
use super::state::State;
use crate::values::id::ExportId;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// An export has ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ExportCompleted {
    /// The export.
    pub export_id: ExportId,
    /// Of what it is.
    pub kind: ExportKind,
    /// Whether there is a file; if not, the export says why.
    pub succeeded: bool,
    /// How many rows it has.
    #[schema(example = 1500)]
    pub rows: i64,
    /// How many bytes.
    #[schema(example = 480_000)]
    pub bytes: i64,
}

impl ExportCompleted {
    /// Of this export.
    pub fn of(export: &Export) -> Self {
        Self {
            export_id: export.id,
            kind: export.request.kind,
            succeeded: export.state == State::Done,
            rows: export.rows_done,
            bytes: export.bytes,
        }
    }

    /// One for the document.
    pub fn example() -> Self {
        Self {
            export_id: ExportId(Uuid::from_u128(0x0197_8d6a_2b3c_7d4e_8f90_a1b2_c3d4_e5f6)),
            kind: ExportKind::Bills,
            succeeded: true,
            rows: 1500,
            bytes: 480_000,
        }
    }
}
