//! What one replica does at a time. Each asks for the lease; who gets it goes on until it has expired, or keeps it longer.

use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

/// A lease as somebody asks for it.
#[derive(Clone, Copy, Debug)]
pub struct Lease {
    /// Of what.
    pub name: &'static str,
    /// Who: a run of a replica, which no other one is called.
    pub holder: Uuid,
}

impl Lease {
    /// Takes it until an instant, or says that it has been taken and has not expired; by whom makes no difference.
    pub async fn take(
        &self,
        connection: &mut PgConnection,
        now: OffsetDateTime,
        until: OffsetDateTime,
    ) -> sqlx::Result<bool> {
        let taken = sqlx::query!(
            "insert into leases (name, holder, until) values ($1, $2, $3)
             on conflict (name) do update set holder = excluded.holder, until = excluded.until where leases.until <= $4",
            self.name,
            self.holder,
            until,
            now
        );
        Ok(taken.execute(connection).await?.rows_affected() == 1)
    }

    /// Keeps it until an instant, or says that it has expired and another one has it.
    pub async fn keep(&self, connection: &mut PgConnection, until: OffsetDateTime) -> sqlx::Result<bool> {
        let kept =
            sqlx::query!("update leases set until = $3 where name = $1 and holder = $2", self.name, self.holder, until);
        Ok(kept.execute(connection).await?.rows_affected() == 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sqlx::PgPool;
    use time::Duration;
    use time::macros::datetime;

    const NOW: OffsetDateTime = datetime!(2026-01-01 00:00 UTC);

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn one_has_it_until_it_expires(pool: PgPool) {
        let mut connection = pool.acquire().await.expect("a connection");
        let [one, other] = [1, 2].map(|holder| Lease { name: "a test's", holder: Uuid::from_u128(holder) });
        let at = |minutes| NOW.saturating_add(Duration::minutes(minutes));
        assert!(one.take(&mut connection, at(0), at(5)).await.expect("it is asked for"));
        for lease in [one, other] {
            assert!(!lease.take(&mut connection, at(4), at(9)).await.expect("it is asked for"));
        }
        assert!(one.keep(&mut connection, at(6)).await.expect("it is kept"));
        assert!(!other.take(&mut connection, at(5), at(10)).await.expect("it is asked for"));
        assert!(other.take(&mut connection, at(6), at(11)).await.expect("it is asked for"));
        assert!(!one.keep(&mut connection, at(12)).await.expect("it is asked for"), "another one has it");
    }
}
