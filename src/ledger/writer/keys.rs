//! What the keys of a batch's commands were used for.

use super::command::Command;
use crate::api::error::ApiError;
use crate::api::write::{Answer, Key, Stored, Write};
use crate::values::id::TenantId;
use foldhash::HashMap;
use sqlx::PgConnection;
use std::collections::BTreeMap;
use time::OffsetDateTime;

type Scope<'a> = (TenantId, uuid::Uuid, &'static str, &'a str);

fn scope<'a>(write: &Write, key: &'a str) -> Scope<'a> {
    (write.caller.tenant, write.caller.domain.0, write.call.operation, key)
}

/// What they were used for, in the database and earlier in the batch.
#[derive(Default)]
pub struct Keys<'a> {
    known: HashMap<Scope<'a>, (Vec<u8>, i16, String)>,
}

impl<'a> Keys<'a> {
    /// What the database knows of them, asked tenant by tenant.
    pub async fn load(connection: &mut PgConnection, commands: &[&'a Command]) -> sqlx::Result<Self> {
        let mut keys = Self::default();
        let mut scopes: BTreeMap<TenantId, Vec<Scope<'a>>> = BTreeMap::new();
        for command in commands {
            if let Some(key) = &command.write.key {
                scopes.entry(command.write.caller.tenant).or_default().push(scope(&command.write, &key.key));
            }
        }
        for (tenant, scopes) in scopes {
            keys.load_of(connection, tenant, &scopes).await?;
        }
        Ok(keys)
    }

    async fn load_of(
        &mut self,
        connection: &mut PgConnection,
        tenant: TenantId,
        scopes: &[Scope<'a>],
    ) -> sqlx::Result<()> {
        let rows = sqlx::query!(
            "select k.domain_id, k.operation, k.key, k.request_hash, k.status, k.answer
             from idempotency_keys k
             join unnest($2::uuid[], $3::text[], $4::text[]) as u (domain_id, operation, key)
                  on k.domain_id = u.domain_id and k.operation = u.operation and k.key = u.key
             where k.tenant_id = $1",
            tenant.0,
            &scopes.iter().map(|scope| scope.1).collect::<Vec<_>>(),
            &scopes.iter().map(|scope| scope.2.to_owned()).collect::<Vec<_>>(),
            &scopes.iter().map(|scope| scope.3.to_owned()).collect::<Vec<_>>()
        )
        .fetch_all(connection)
        .await?;
        for row in rows {
            let found =
                scopes.iter().find(|scope| (scope.1, scope.2, scope.3) == (row.domain_id, &*row.operation, &*row.key));
            if let Some(scope) = found {
                self.known.insert(*scope, (row.request_hash, row.status, row.answer));
            }
        }
        Ok(())
    }

    /// The answer to a command whose key was used before.
    pub fn stored(&self, command: &'a Command) -> Option<Result<Answer, ApiError>> {
        let key = command.write.key.as_ref()?;
        let (request_hash, status, answer) = self.known.get(&scope(&command.write, &key.key))?.clone();
        let stored = Stored {
            request_hash,
            status,
            answer,
            request_id: String::new(),
            created_at: OffsetDateTime::UNIX_EPOCH,
            user_id: None,
        };
        Some(stored.repeat(key))
    }

    /// Notes the answer to a command, for repeats in the same batch.
    pub fn remember(&mut self, command: &'a Command, answer: &Answer) {
        if let Some(key) = &command.write.key {
            let first = (key.request_hash.clone(), answer.status.as_u16().cast_signed(), answer.body.clone());
            self.known.insert(scope(&command.write, &key.key), first);
        }
    }
}

/// Stores the answers to a tenant's commands that carried a key.
pub async fn insert(
    connection: &mut PgConnection,
    tenant: TenantId,
    keyed: &[(&Write, &Key, &str)],
    now: OffsetDateTime,
) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into idempotency_keys
             (tenant_id, domain_id, operation, key, request_hash, status, answer, request_id, created_at, user_id)
         select t.tenant_id, u.domain_id, u.operation, u.key, u.request_hash, 200, u.answer, u.request_id, $2, u.user_id
         from tenants t,
              unnest($3::uuid[], $4::text[], $5::text[], $6::bytea[], $7::text[], $8::text[], $9::uuid[])
              as u (domain_id, operation, key, request_hash, answer, request_id, user_id)
         where t.tenant_id = $1",
        tenant.0,
        now,
        &keyed.iter().map(|(write, ..)| write.caller.domain.0).collect::<Vec<_>>(),
        &keyed.iter().map(|(write, ..)| write.call.operation.to_owned()).collect::<Vec<_>>(),
        &keyed.iter().map(|(_, key, _)| key.key.clone()).collect::<Vec<_>>(),
        &keyed.iter().map(|(_, key, _)| key.request_hash.clone()).collect::<Vec<_>>(),
        &keyed.iter().map(|(.., body)| (*body).to_owned()).collect::<Vec<_>>(),
        &keyed.iter().map(|(write, ..)| write.call.request_id.clone()).collect::<Vec<_>>(),
        &keyed.iter().map(|(write, ..)| write.caller.user.0).collect::<Vec<_>>()
    )
    .execute(connection)
    .await?;
    Ok(())
}
