//! A batch: commands that are being done, and how they are written.

use super::super::books::{Account, Books, Transfer};
use super::super::model::{Rows, TransferKind};
use super::super::store;
use super::command::Command;
use super::keys;
use super::known::Known;
use crate::api::audit::{self, Event};
use crate::api::write::{Key, Write};
use crate::values::id::{TenantId, new_uuid};
use crate::values::money::Currency;
use sqlx::PgConnection;
use std::collections::BTreeMap;
use time::OffsetDateTime;
use uuid::Uuid;

/// The commands of a batch that are done.
#[derive(Default)]
pub struct Batch<'a> {
    commands: Vec<(&'a Command, String)>,
    transfers: Vec<Transfer>,
}

impl<'a> Batch<'a> {
    /// Adds a command, its answer and its transfers.
    pub fn add(&mut self, command: &'a Command, answer: String, transfers: Vec<Transfer>) {
        self.commands.push((command, answer));
        self.transfers.extend(transfers);
    }

    /// Whether nothing is done.
    pub fn is_empty(&self) -> bool {
        self.commands.is_empty()
    }

    /// Writes it, with the accounts that changed, inside the caller's transaction, which holds their locks. `tenant` is the
    /// one that all are of; `None` where several are mixed.
    pub async fn write(
        &self,
        connection: &mut PgConnection,
        tenant: Option<TenantId>,
        books: &Books,
        now: OffsetDateTime,
    ) -> sqlx::Result<()> {
        store::write(connection, tenant, books, &self.transfers).await?;
        let mut commands: BTreeMap<TenantId, Vec<&(&Command, String)>> = BTreeMap::new();
        for command in &self.commands {
            commands.entry(command.0.write.caller.tenant).or_default().push(command);
        }
        for (tenant, commands) in commands {
            write_commands(connection, tenant, &commands, now).await?;
        }
        Ok(())
    }

    /// Writes the same in one statement that commits by itself, if each account still is as it was known before.
    pub async fn write_at_once(
        &self,
        connection: &mut PgConnection,
        (known, books): (&Known, &Books),
        now: OffsetDateTime,
    ) -> sqlx::Result<()> {
        let mut accounts: Vec<(&Account, &Account)> =
            books.changed().map(|after| (known.account(&after.purse), after)).collect();
        accounts.sort_unstable_by_key(|(_, after)| (after.purse.tenant, after.purse.id()));
        let (accounts, transfers, writes) = (Rows(&accounts), Rows(&self.transfers), Rows(&self.commands));
        sqlx::query!(
            r#"select post_transfers($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20,
                                     $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32, $33, $34, $35, $36, $37,
                                     $38, $39, $40, $41, $42) as "done: ()""#,
            &accounts.column(|(_, after)| after.purse.tenant.0),
            &accounts.column(|(_, after)| after.purse.id().0),
            &accounts.column(|(before, _)| before.balance),
            &accounts.column(|(before, _)| before.entries),
            &accounts.column(|(before, _)| before.adjusts),
            &accounts.column(|(before, _)| before.last_at),
            &accounts.column(|(_, after)| after.balance),
            &accounts.column(|(_, after)| after.entries),
            &accounts.column(|(_, after)| after.adjusts),
            &accounts.column(|(_, after)| after.last_at),
            &transfers.column(|transfer| transfer.posting.from.tenant.0),
            &transfers.column(|transfer| transfer.happened_at),
            &transfers.column(|transfer| transfer.id.0),
            &transfers.column(|transfer| transfer.group.map(|group| group.0)) as &[Option<Uuid>],
            &transfers.column(|transfer| transfer.posting.kind) as &[TransferKind],
            &transfers.column(|transfer| transfer.posting.from.currency) as &[Currency],
            &transfers.column(|transfer| transfer.posting.amount),
            &transfers.column(|transfer| transfer.from.account.0),
            &transfers.column(|transfer| transfer.from.after),
            &transfers.column(|transfer| transfer.from.entry),
            &transfers.column(|transfer| transfer.from.adjust) as &[Option<i64>],
            &transfers.column(|transfer| transfer.to.account.0),
            &transfers.column(|transfer| transfer.to.after),
            &transfers.column(|transfer| transfer.to.entry),
            &transfers.column(|transfer| transfer.to.adjust) as &[Option<i64>],
            &transfers.column(|transfer| transfer.posting.customer.map(|customer| customer.0)) as &[Option<Uuid>],
            &transfers.column(|transfer| transfer.posting.reference.as_str()) as &[&str],
            &transfers.column(|transfer| transfer.posting.memo.as_str()) as &[&str],
            &transfers.column(|transfer| transfer.posting.user.map(|user| user.0)) as &[Option<Uuid>],
            &writes.column(|(command, _)| command.write.caller.tenant.0),
            &writes.column(|_| new_uuid(now)),
            &writes.column(|(command, _)| command.write.call.operation) as &[&str],
            &writes.column(|(command, _)| command.write.caller.domain.0),
            &writes.column(|(command, _)| command.write.caller.user.0),
            &writes.column(|(command, _)| command.write.caller.credential.as_str()) as &[&str],
            &writes.column(|(command, _)| command.write.call.source.to_string()),
            &writes.column(|(command, _)| command.write.call.request_id.as_str()) as &[&str],
            &writes.column(|(command, _)| command.subject.as_str()) as &[&str],
            &writes.column(|(command, _)| Some(command.write.key.as_ref()?.key.as_str())) as &[Option<&str>],
            &writes.column(|(command, _)| Some(command.write.key.as_ref()?.request_hash.as_slice())) as &[Option<&[u8]>],
            &writes.column(|(_, answer)| answer.as_str()) as &[&str],
            now
        )
        .execute(connection)
        .await?;
        Ok(())
    }
}

/// A tenant's rows of the audit, and the keys.
async fn write_commands(
    connection: &mut PgConnection,
    tenant: TenantId,
    commands: &[&(&Command, String)],
    now: OffsetDateTime,
) -> sqlx::Result<()> {
    let events = commands.iter().map(|(command, _)| Event {
        caller: &command.write.caller,
        call: &command.write.call,
        subject: &command.subject,
        status: 200,
        error_code: "",
    });
    audit::append(connection, tenant, &events.collect::<Vec<_>>(), now).await?;
    let keyed: Vec<(&Write, &Key, &str)> = commands
        .iter()
        .filter_map(|(command, body)| Some((&command.write, command.write.key.as_ref()?, body.as_str())))
        .collect();
    if keyed.is_empty() { Ok(()) } else { keys::insert(connection, tenant, &keyed, now).await }
}
