//! The launcher, against real PostgreSQL.

use bss_gateway::postgres::{Cluster, Options};
use rustix::process::{Pid, Signal, kill_process};
use sqlx::{Connection, PgConnection};
use std::path::Path;
use std::time::Duration;

fn options(folder: &Path) -> Options {
    let folder = folder.join("cluster");
    let binaries = std::env::var_os("POSTGRES_BIN").map(Into::into);
    let program = env!("CARGO_BIN_EXE_bss-gateway").into();
    Options { folder, binaries, program, durable: true, ephemeral: false }
}

fn postmaster(folder: &Path) -> Pid {
    let file = std::fs::read_to_string(folder.join("cluster/data/postmaster.pid")).expect("it runs");
    let pid = file.lines().next().and_then(|line| line.parse().ok()).and_then(Pid::from_raw);
    pid.expect("its first line is a process id")
}

/// As root, PostgreSQL runs as another user, who must be able to enter.
fn folder() -> tempfile::TempDir {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).expect("it is ours");
    folder
}

async fn count(cluster: &Cluster) -> i64 {
    let mut connection = PgConnection::connect(&cluster.url("kept")).await.expect("it answers");
    sqlx::query_scalar("select count(*) from facts").fetch_one(&mut connection).await.expect("the table is there")
}

#[tokio::test]
async fn data_survives_a_stop_and_a_kill_and_a_folder_serves_one_at_a_time() {
    let folder = folder();
    let first = Cluster::start(&options(folder.path())).await.expect("it starts");
    first.create_database("kept", false).await.expect("it is made");
    let mut connection = PgConnection::connect(&first.url("kept")).await.expect("it answers");
    sqlx::raw_sql("create table facts (fact int); insert into facts values (1)")
        .execute(&mut connection)
        .await
        .expect("sql");
    connection.close().await.expect("it closes");

    // A second start while the first still runs.
    let refused = Cluster::start(&options(folder.path())).await.expect_err("the folder is in use");
    assert!(refused.to_string().contains(&format!("process {}", std::process::id())), "{refused:#}");
    assert_eq!(count(&first).await, 1);

    // A server that dies is started again by its keeper.
    let dead = postmaster(folder.path());
    kill_process(dead, Signal::KILL).expect("it runs");
    let is_back = async {
        while postmaster(folder.path()) == dead || PgConnection::connect(&first.url("kept")).await.is_err() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), is_back).await.expect("it is started again");
    assert_eq!(count(&first).await, 1);
    first.stop().await;

    let fourth = Cluster::start(&options(folder.path())).await.expect("it starts after a stop");
    assert_eq!(count(&fourth).await, 1);
    fourth.create_database("kept", true).await.expect("it is made anew");
    let mut connection = PgConnection::connect(&fourth.url("kept")).await.expect("it answers");
    sqlx::query("select * from facts").execute(&mut connection).await.expect_err("a reset forgets");
    connection.close().await.expect("it closes");
    fourth.stop().await;
}

#[tokio::test]
async fn data_of_another_version_is_refused_with_both_named() {
    let folder = folder();
    std::fs::create_dir_all(folder.path().join("cluster/data")).expect("it is made");
    std::fs::write(folder.path().join("cluster/data/PG_VERSION"), "9\n").expect("it is written");
    let refusal = Cluster::start(&options(folder.path())).await.expect_err("it is refused");
    assert!(format!("{refusal:#}").contains("PostgreSQL 9"), "{refusal:#}");
}
