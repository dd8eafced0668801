//! The tasks of a replica.

use super::{associations, cleanups, deliveries, due, exports, files, invalidation, proof};
use crate::app::App;
use crate::supervisor::Task;

/// Every task, by name.
pub fn all(app: &App) -> Vec<Task> {
    macro_rules! task {
        ($name:literal: $run:path) => {{
            let app = app.clone();
            Task::new($name, move || $run(app.clone()))
        }};
    }
    vec![
        task!("announcements": invalidation::hear),
        task!("looks": invalidation::look),
        task!("key uses": invalidation::write_uses),
        task!("due": due::watch),
        task!("associations": associations::run),
        task!("deliveries": deliveries::run),
        task!("exports": exports::run),
        task!("files": files::run),
        task!("cleanups": cleanups::run),
        task!("months": cleanups::open_months),
        task!("proof": proof::run),
    ]
}
