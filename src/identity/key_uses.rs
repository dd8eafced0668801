//! When access keys were last used: noted in memory by each request, written by [`crate::background::invalidation`] once a minute.
//!
//! No request waits for it. A crash loses a minute at most. Replicas write independently: an instant only ever replaces an
//! earlier one.

use crate::database::Database;
use sqlx::PgConnection;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use time::OffsetDateTime;

/// What was not written yet: the last use by access key. Only keys whose signatures were right get here.
#[derive(Debug, Default)]
pub struct KeyUses(Mutex<HashMap<String, OffsetDateTime>>);

impl KeyUses {
    /// Notes a use.
    pub fn note(&self, access_key: &str, at: OffsetDateTime) {
        let mut uses = self.lock();
        match uses.get_mut(access_key) {
            Some(last) => *last = at.max(*last),
            None => {
                uses.insert(access_key.to_owned(), at);
            }
        }
    }

    /// Writes what was noted. One key at a time, each by itself, so that replicas that write the same keys cannot lock each
    /// other out; what could not be written stays for the next time.
    pub async fn write(&self, database: &Database) -> sqlx::Result<()> {
        let uses: Vec<(String, OffsetDateTime)> = self.lock().iter().map(|(key, at)| (key.clone(), *at)).collect();
        if uses.is_empty() {
            return Ok(());
        }
        let mut connection = database.control().await?;
        for (access_key, at) in uses {
            set_last_used(&mut connection, &access_key, at).await?;
            let mut noted = self.lock();
            // Unless it was used again meanwhile.
            if noted.get(&access_key) == Some(&at) {
                noted.remove(&access_key);
            }
        }
        Ok(())
    }

    /// Whoever panicked while it held the map left a map behind that is whole.
    fn lock(&self) -> MutexGuard<'_, HashMap<String, OffsetDateTime>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Notes a use of an access key unless a later one is known. Nobody remembers it, so nothing is announced.
async fn set_last_used(connection: &mut PgConnection, access_key: &str, at: OffsetDateTime) -> sqlx::Result<()> {
    sqlx::query!(
        "update access_keys set last_used_at = $2
         where access_key = $1 and (last_used_at is null or last_used_at < $2)",
        access_key,
        at
    )
    .execute(connection)
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::administration::list_keys;
    use crate::testing::TestApp;
    use sqlx::PgPool;
    use time::Duration;

    async fn last_used(pool: &PgPool, account: &str) -> Option<OffsetDateTime> {
        let mut connection = pool.acquire().await.expect("a connection");
        list_keys(&mut connection, account, account).await.expect("it is there")[0].last_used_at
    }

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn the_last_accepted_signature_is_written_later_and_no_refused_one(pool: PgPool) {
        let app = TestApp::new(pool.clone()).await;
        let now = app.app.clock.now();
        for account in ["demo-partner", "demo-partner", "other-partner"] {
            let client = app.client(account);
            let client = if account == "other-partner" { client.with_secret_key("wrong") } else { client };
            client.get("/v5/caller-identity").await;
        }
        assert_eq!(last_used(&pool, "demo-partner").await, None, "no request writes it");
        app.app.key_uses.write(&app.app.database).await.expect("it is written");
        let written = last_used(&pool, "demo-partner").await.expect("it was used");
        assert!((now - Duration::SECOND..now + Duration::MINUTE).contains(&written), "{written}");
        assert_eq!(last_used(&pool, "other-partner").await, None);
    }

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn of_several_replicas_the_latest_use_stays(pool: PgPool) {
        let app = TestApp::new(pool.clone()).await;
        let (one, other) = (KeyUses::default(), KeyUses::default());
        let access_key = &app.world.demo().access_key;
        let at = OffsetDateTime::from_unix_timestamp(1_800_000_000).expect("an instant");
        one.note(access_key, at);
        one.note(access_key, at - Duration::SECOND);
        other.note(access_key, at - Duration::MINUTE);
        for uses in [&one, &other] {
            uses.write(&app.app.database).await.expect("it is written");
        }
        assert_eq!(last_used(&pool, "demo-partner").await, Some(at));
    }

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn what_cannot_be_written_is_kept(pool: PgPool) {
        let app = TestApp::new(pool.clone()).await;
        let (uses, at) = (&app.app.key_uses, app.app.clock.now());
        for access_key in ["A", "B", "C"] {
            uses.note(access_key, at);
        }
        sqlx::query("alter table access_keys rename to gone").execute(&pool).await.expect("it is renamed");
        assert!(uses.write(&app.app.database).await.is_err());
        assert_eq!(uses.lock().len(), 3);
        sqlx::query("alter table gone rename to access_keys").execute(&pool).await.expect("it is renamed");
        uses.write(&app.app.database).await.expect("a key that was deleted meanwhile is no error");
        assert!(uses.lock().is_empty());
    }
}
