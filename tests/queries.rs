//! What `.sqlx` says of each query that is checked at compile time is what the database says of it.

use serde_json::Value;
use sqlx::{AssertSqlSafe, Executor, PgPool, SqlSafeStr};
use std::fs;
use std::path::Path;

/// What is known of a query, without that which depends on the plan and is not used: whether a column may be null of which
/// the query itself says so, with a `!` or a `?` after its name.
fn known(mut described: Value) -> Value {
    let is_said = |column: &Value| column["name"].as_str().is_some_and(|name| name.contains(['!', '?']));
    let said: Vec<bool> = described["columns"].as_array().into_iter().flatten().map(is_said).collect();
    let nullable = described["nullable"].as_array_mut().into_iter().flatten();
    nullable.zip(said).filter(|(_, is_said)| *is_said).for_each(|(nullable, _)| *nullable = Value::Null);
    described
}

#[sqlx::test(migrator = "bss_gateway::database::MIGRATOR")]
async fn the_database_says_of_each_query_what_is_written_down(pool: PgPool) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(".sqlx");
    let mut stale = Vec::new();
    for entry in fs::read_dir(folder).expect("the folder is there") {
        let text = fs::read_to_string(entry.expect("it is readable").path()).expect("it is text");
        let mut written: Value = serde_json::from_str(&text).expect("it is JSON");
        let query = written["query"].as_str().expect("it has a text").to_owned();
        // SAFE: a query of the source.
        let described = pool.describe(AssertSqlSafe(query.clone()).into_sql_str()).await;
        let described = described.map(|described| known(serde_json::to_value(described).expect("it serialises")));
        if described.as_ref().ok() != Some(&known(written["describe"].take())) {
            stale.push(format!("{query}\n    {described:?}"));
        }
    }
    assert!(stale.is_empty(), "Run make sqlx. What is said of these is not so:\n{}", stale.join("\n"));
}
