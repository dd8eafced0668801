//! The launcher, against real PostgreSQL.

use bss_gateway::postgres::{Cluster, Options};
use rustix::process::{Pid, Signal, kill_process};
use sqlx::{Connection, PgConnection};
use std::path::Path;

fn options(folder: &Path) -> Options {
    let folder = folder.join("cluster");
    Options { folder, binaries: std::env::var_os("POSTGRES_BIN").map(Into::into), durable: true }
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
async fn data_survives_a_stop_and_a_kill_and_a_running_server_is_used_again() {
    let folder = folder();
    let first = Cluster::start(&options(folder.path())).await.expect("it starts");
    first.create_database("kept", false).await.expect("it is made");
    let mut connection = PgConnection::connect(&first.url("kept")).await.expect("it answers");
    sqlx::raw_sql("create table facts (fact int); insert into facts values (1)")
        .execute(&mut connection)
        .await
        .expect("sql");
    connection.close().await.expect("it closes");

    // A second start while the first still runs, as after a crash of the gateway alone.
    let second = Cluster::start(&options(folder.path())).await.expect("it is found");
    assert_eq!(count(&second).await, 1);
    second.stop().await;
    assert_eq!(count(&first).await, 1, "only who started the server stops it");

    kill_process(postmaster(folder.path()), Signal::KILL).expect("it runs");
    // Reaped, as init does when the gateway has died too: a dead process that nobody waits for still counts as running.
    first.stop().await;
    let third = Cluster::start(&options(folder.path())).await.expect("it starts after a kill");
    assert_eq!(count(&third).await, 1);
    third.stop().await;

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
