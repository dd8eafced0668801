//! The sandbox's many customers, written by arrays.

use super::codes::receiver_hash;
use super::membership::{BLOCK, Step};
use super::model::AssociationType;
use crate::personal::Vault;
use crate::values::id::{DomainId, TenantId, new_uuid};
use crate::values::receiver::{Email, Phone, Receiver};
use sqlx::PgConnection;
use std::collections::BTreeMap;
use time::OffsetDateTime;
use uuid::Uuid;

/// A customer that comes to a partner.
#[derive(Clone, Debug)]
pub struct Newcomer {
    /// Its account, which is there.
    pub id: DomainId,
    /// How it is associated.
    pub kind: AssociationType,
    /// Since when; in ascending order.
    pub since: OffsetDateTime,
    /// Its user's id on the platform.
    pub platform_user: String,
    /// A phone; an address makes it one of the international site.
    pub receiver: Receiver,
    /// Its label.
    pub label: &'static str,
    /// Who looks after it.
    pub manager: &'static str,
}

/// What is known of a customer that came without a platform.
#[derive(Clone, Debug)]
pub struct Known {
    /// Its user's id on the platform.
    pub platform_user: String,
    /// Its phone.
    pub phone: Receiver,
    /// Its address.
    pub email: Receiver,
    /// Its label.
    pub label: &'static str,
    /// Who looks after it.
    pub manager: &'static str,
}

/// Notes what is known of a customer, as if it had registered with that.
pub async fn know(
    connection: &mut PgConnection,
    (tenant, customer): (TenantId, DomainId),
    platform: &str,
    known: &Known,
    vault: &Vault,
) -> sqlx::Result<()> {
    let seal = |receiver: &Receiver| vault.seal(receiver.as_str(), customer);
    let update = sqlx::query!(
        "update customers set xaccount_type = $3, xaccount_id = $4, sealed_phone = $5, country_code = $6, sealed_email = $7,
                              label = $8, account_manager = $9
         where tenant_id = $1 and domain_id = $2",
        tenant.0,
        customer.0,
        platform,
        known.platform_user,
        seal(&known.phone),
        Phone::COUNTRY_CODE,
        seal(&known.email),
        known.label,
        known.manager
    );
    update.execute(&mut *connection).await?;
    let user = sqlx::query!(
        "insert into xaccounts (xaccount_id, xaccount_type, tenant_id, domain_id) values ($1, $2, $3, $4)",
        known.platform_user,
        platform,
        tenant.0,
        customer.0
    );
    user.execute(&mut *connection).await?;
    count_receivers(connection, [&known.phone, &known.email], vault).await
}

/// Gives a customer a phone, as if it had registered with it.
pub async fn set_phone(
    connection: &mut PgConnection,
    (tenant, customer): (TenantId, DomainId),
    phone: &Receiver,
    vault: &Vault,
) -> sqlx::Result<()> {
    sqlx::query!(
        "update customers set sealed_phone = $3, country_code = $4 where tenant_id = $1 and domain_id = $2",
        tenant.0,
        customer.0,
        vault.seal(phone.as_str(), customer),
        Phone::COUNTRY_CODE
    )
    .execute(&mut *connection)
    .await?;
    count_receivers(connection, [phone], vault).await
}

/// Makes accounts a partner's customers, as registering and [`associate`](super::membership::associate) do one by one.
pub async fn join(
    connection: &mut PgConnection,
    (tenant, partner): (TenantId, DomainId),
    platform: &str,
    newcomers: &[Newcomer],
    vault: &Vault,
) -> sqlx::Result<()> {
    let Some(last) = newcomers.last() else { return Ok(()) };
    let count = i64::try_from(newcomers.len()).unwrap_or(i64::MAX);
    let place = sqlx::query!(
        "insert into customer_counters (tenant_id, partner_id, last_number, customers, last_at) values ($1, $2, $3, $3, $4)
         on conflict (tenant_id, partner_id) do update
         set last_number = customer_counters.last_number + $3, customers = customer_counters.customers + $3,
             last_at = greatest(customer_counters.last_at, excluded.last_at)
         returning last_number",
        tenant.0,
        partner.0,
        count,
        last.since
    );
    let last_number = place.fetch_one(&mut *connection).await?.last_number;
    let numbers: Vec<i64> = (last_number - count + 1..=last_number).collect();
    count_blocks(connection, (tenant, partner), &numbers).await?;
    insert(connection, (tenant, partner), platform, (newcomers, &numbers), vault).await?;
    count_receivers(connection, newcomers.iter().map(|newcomer| &newcomer.receiver), vault).await?;
    for step in [Step::Registered, Step::Associated] {
        record(connection, (tenant, partner), newcomers, step).await?;
    }
    Ok(())
}

async fn count_blocks(
    connection: &mut PgConnection,
    (tenant, partner): (TenantId, DomainId),
    numbers: &[i64],
) -> sqlx::Result<()> {
    let mut blocks: BTreeMap<i64, i32> = BTreeMap::new();
    for number in numbers {
        *blocks.entry(number / BLOCK).or_default() += 1;
    }
    sqlx::query!(
        "insert into customer_blocks (tenant_id, partner_id, block, members)
         select t.tenant_id, $2, u.block, u.members
         from tenants t, unnest($3::bigint[], $4::integer[]) as u (block, members) where t.tenant_id = $1
         on conflict (tenant_id, partner_id, block) do update set members = customer_blocks.members + excluded.members",
        tenant.0,
        partner.0,
        &blocks.keys().copied().collect::<Vec<_>>(),
        &blocks.values().copied().collect::<Vec<_>>()
    )
    .execute(connection)
    .await?;
    Ok(())
}

async fn insert(
    connection: &mut PgConnection,
    (tenant, partner): (TenantId, DomainId),
    platform: &str,
    (newcomers, numbers): (&[Newcomer], &[i64]),
    vault: &Vault,
) -> sqlx::Result<()> {
    let ids: Vec<Uuid> = newcomers.iter().map(|newcomer| newcomer.id.0).collect();
    let platform_users: Vec<String> = newcomers.iter().map(|newcomer| newcomer.platform_user.clone()).collect();
    let seal = |newcomer: &Newcomer| vault.seal(newcomer.receiver.as_str(), newcomer.id);
    let phones = newcomers.iter().map(|new| matches!(new.receiver, Receiver::Phone(_)).then(|| seal(new)));
    let emails = newcomers.iter().map(|new| matches!(new.receiver, Receiver::Email(_)).then(|| seal(new)));
    sqlx::query!(
        "insert into xaccounts (xaccount_id, xaccount_type, tenant_id, domain_id)
         select u.platform_user, $2, $1, u.id from unnest($3::uuid[], $4::text[]) as u (id, platform_user)",
        tenant.0,
        platform,
        &ids,
        &platform_users
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "insert into customers (tenant_id, domain_id, partner_id, association_type, associated_at, number, international,
                                xaccount_type, xaccount_id, sealed_phone, country_code, sealed_email, domain_area, label,
                                account_manager)
         select t.tenant_id, u.id, $2, u.kind, u.since, u.number, u.sealed_email is not null, $3, u.platform_user,
                u.sealed_phone, case when u.sealed_phone is not null then $4 end, u.sealed_email,
                case when u.sealed_email is not null then 'SG' end, u.label, u.manager
         from tenants t,
              unnest($5::uuid[], $6::smallint[], $7::timestamptz[], $8::bigint[], $9::text[], $10::bytea[], $11::bytea[],
                     $12::text[], $13::text[])
              as u (id, kind, since, number, platform_user, sealed_phone, sealed_email, label, manager)
         where t.tenant_id = $1",
        tenant.0,
        partner.0,
        platform,
        Phone::COUNTRY_CODE,
        &ids,
        &newcomers.iter().map(|newcomer| newcomer.kind as i16).collect::<Vec<_>>(),
        &newcomers.iter().map(|newcomer| newcomer.since).collect::<Vec<_>>(),
        numbers,
        &platform_users,
        &phones.collect::<Vec<_>>() as &[Option<Vec<u8>>],
        &emails.collect::<Vec<_>>() as &[Option<Vec<u8>>],
        &newcomers.iter().map(|newcomer| newcomer.label.to_owned()).collect::<Vec<_>>(),
        &newcomers.iter().map(|newcomer| newcomer.manager.to_owned()).collect::<Vec<_>>()
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Each phone and each address is new.
async fn count_receivers(
    connection: &mut PgConnection,
    receivers: impl IntoIterator<Item = &Receiver>,
    vault: &Vault,
) -> sqlx::Result<()> {
    let hashes: Vec<Vec<u8>> = receivers.into_iter().map(|receiver| receiver_hash(vault, receiver)).collect();
    sqlx::query!(
        "insert into receivers (receiver_hash, accounts, reserved) select hash, 1, false from unnest($1::bytea[]) as hash",
        &hashes
    )
    .execute(connection)
    .await?;
    Ok(())
}

async fn record(
    connection: &mut PgConnection,
    (tenant, partner): (TenantId, DomainId),
    newcomers: &[Newcomer],
    step: Step,
) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into association_events (tenant_id, happened_at, event_id, domain_id, partner_id, step, association_type)
         select t.tenant_id, u.since, u.event_id, u.id, $2, $3, u.kind
         from tenants t, unnest($4::uuid[], $5::uuid[], $6::timestamptz[], $7::smallint[]) as u (event_id, id, since, kind)
         where t.tenant_id = $1",
        tenant.0,
        partner.0,
        step as Step,
        &newcomers.iter().map(|newcomer| new_uuid(newcomer.since)).collect::<Vec<_>>(),
        &newcomers.iter().map(|newcomer| newcomer.id.0).collect::<Vec<_>>(),
        &newcomers.iter().map(|newcomer| newcomer.since).collect::<Vec<_>>(),
        &newcomers.iter().map(|newcomer| newcomer.kind as i16).collect::<Vec<_>>()
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// A phone of a number below 100,000,000.
pub fn phone(number: usize) -> Option<Receiver> {
    Phone::parse(&format!("199{number:08}")).map(Receiver::Phone)
}

/// An address that leads nowhere.
pub fn address(number: usize) -> Option<Receiver> {
    Email::parse(&format!("customer-{number:08}@example.com")).map(Receiver::Email)
}
