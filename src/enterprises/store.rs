//! The only door into the tables of organisations and members.
//!
//! Locks: a master's organisation is locked by its root ([`lock_organisation`]), behind the customers that are joining and
//! before the tenant's counter of numbers. Who changes a member, or its relation to its master, has locked the member's
//! [customer](crate::customers::store::lock) first: so what [`member_of`] says holds until the end of a transaction that has.

use super::model::{Feature, Member, MemberAssociation, MemberStatus, PartyId, Permission, Unit};
use crate::api::caller;
use crate::values::id::{DomainId, TenantId};
use sqlx::PgConnection;
use time::OffsetDateTime;

/// A master, in its tenant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Master {
    /// The tenant.
    pub tenant: TenantId,
    /// The account.
    pub id: DomainId,
}

impl Master {
    /// Of who calls.
    pub fn of(caller: &caller::Master) -> Self {
        Self { tenant: caller.tenant, id: caller.domain }
    }
}

/// The next numbers of a tenant, the first of so many. Its counter is locked until the transaction ends.
async fn numbers(connection: &mut PgConnection, tenant: TenantId, count: i64) -> sqlx::Result<i64> {
    let last = sqlx::query_scalar!(
        "insert into party_counters (tenant_id, last_number) values ($1, $2)
         on conflict (tenant_id) do update set last_number = party_counters.last_number + excluded.last_number
         returning last_number",
        tenant.0,
        count
    );
    Ok(last.fetch_one(connection).await? - count + 1)
}

/// Gives a new master the root of its organisation, which has no name yet.
pub async fn insert_root(connection: &mut PgConnection, master: Master, now: OffsetDateTime) -> sqlx::Result<PartyId> {
    let id = numbers(connection, master.tenant, 1).await?;
    sqlx::query!(
        "insert into organisation_units (tenant_id, party_id, master_id, level, name, created_at)
         values ($1, $2, $3, 1, '', $4)",
        master.tenant.0,
        id,
        master.id.0,
        now
    )
    .execute(connection)
    .await?;
    Ok(PartyId(id))
}

/// Adds a unit below another one of the same organisation.
pub async fn insert_unit(
    connection: &mut PgConnection,
    master: Master,
    parent: &Unit,
    name: &str,
    now: OffsetDateTime,
) -> sqlx::Result<PartyId> {
    let first = numbers(connection, master.tenant, 2).await?;
    sqlx::query!(
        "insert into organisation_units (tenant_id, party_id, master_id, parent_id, relation_id, level, name, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
        master.tenant.0,
        first,
        master.id.0,
        parent.id.0,
        first + 1,
        parent.level + 1,
        name,
        now
    )
    .execute(connection)
    .await?;
    Ok(PartyId(first))
}

/// Renames a unit.
pub async fn rename_unit(connection: &mut PgConnection, master: Master, id: PartyId, name: &str) -> sqlx::Result<()> {
    sqlx::query!(
        "update organisation_units set name = $4 where tenant_id = $1 and party_id = $3 and master_id = $2",
        master.tenant.0,
        master.id.0,
        id.0,
        name
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Hangs a unit below another one, in a new relation; `levels` are those of the unit and of all below it then.
pub async fn move_unit(
    connection: &mut PgConnection,
    master: Master,
    (id, parent): (PartyId, PartyId),
    levels: &[(PartyId, i16)],
) -> sqlx::Result<()> {
    let relation = numbers(connection, master.tenant, 1).await?;
    sqlx::query!(
        "update organisation_units
         set parent_id = $4, relation_id = $5 where tenant_id = $1 and party_id = $3 and master_id = $2",
        master.tenant.0,
        master.id.0,
        id.0,
        parent.0,
        relation
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "update organisation_units u set level = l.level
         from unnest($3::bigint[], $4::smallint[]) as l (party_id, level)
         where u.tenant_id = $1 and u.master_id = $2 and u.party_id = l.party_id",
        master.tenant.0,
        master.id.0,
        &levels.iter().map(|(id, _)| id.0).collect::<Vec<_>>(),
        &levels.iter().map(|(_, level)| *level).collect::<Vec<_>>()
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Whether the account has an organisation, that is, is a master; nobody else changes that until the transaction ends.
pub async fn lock_organisation(connection: &mut PgConnection, master: Master) -> sqlx::Result<bool> {
    let root = sqlx::query_scalar!(
        "select party_id from organisation_units where tenant_id = $1 and master_id = $2 and parent_id is null
         for no key update",
        master.tenant.0,
        master.id.0
    );
    Ok(root.fetch_optional(connection).await?.is_some())
}

/// All units of an organisation, oldest first, so the root first. There are a thousand at most.
pub async fn units(connection: &mut PgConnection, master: Master) -> sqlx::Result<Vec<Unit>> {
    sqlx::query_as!(
        Unit,
        r#"select party_id as "id: PartyId", parent_id as "parent: PartyId", relation_id as relation, level, name
           from organisation_units where tenant_id = $1 and master_id = $2 order by party_id"#,
        master.tenant.0,
        master.id.0
    )
    .fetch_all(connection)
    .await
}

/// A unit of the master's own organisation.
pub async fn unit(connection: &mut PgConnection, master: Master, id: PartyId) -> sqlx::Result<Option<Unit>> {
    sqlx::query_as!(
        Unit,
        r#"select party_id as "id: PartyId", parent_id as "parent: PartyId", relation_id as relation, level, name
           from organisation_units where tenant_id = $1 and party_id = $3 and master_id = $2"#,
        master.tenant.0,
        master.id.0,
        id.0
    )
    .fetch_optional(connection)
    .await
}

/// An account that becomes a member.
#[derive(Clone, Copy, Debug)]
pub struct NewMember<'a> {
    /// The account.
    pub id: DomainId,
    /// The unit it will belong to.
    pub unit: PartyId,
    /// How far it is.
    pub status: MemberStatus,
    /// How it hangs together with its master.
    pub association: MemberAssociation,
    /// Its name in the organisation.
    pub display_name: &'a str,
    /// What its master may do with it.
    pub permissions: &'a [Permission],
}

/// Adds a member. `false`: the account is a member already, of this master or another.
pub async fn insert_member(
    connection: &mut PgConnection,
    master: Master,
    new: &NewMember<'_>,
    now: OffsetDateTime,
) -> sqlx::Result<bool> {
    let permissions: Vec<String> = new.permissions.iter().map(|permission| permission.as_str().to_owned()).collect();
    let inserted = sqlx::query!(
        "insert into enterprise_members
             (tenant_id, domain_id, master_id, party_id, status, association_type, display_name, permissions, joined_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9) on conflict (tenant_id, domain_id) do nothing",
        master.tenant.0,
        new.id.0,
        master.id.0,
        new.unit.0,
        new.status.code(),
        new.association.code(),
        new.display_name,
        &permissions,
        now
    );
    Ok(inserted.execute(connection).await?.rows_affected() == 1)
}

/// Ends a membership.
pub async fn delete_member(connection: &mut PgConnection, master: Master, member: DomainId) -> sqlx::Result<()> {
    sqlx::query!(
        "delete from enterprise_members where tenant_id = $1 and master_id = $2 and domain_id = $3",
        master.tenant.0,
        master.id.0,
        member.0
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// How many members a master has.
pub async fn count_members(connection: &mut PgConnection, master: Master) -> sqlx::Result<i64> {
    sqlx::query_scalar!(
        r#"select count(*) as "count!" from enterprise_members where tenant_id = $1 and master_id = $2"#,
        master.tenant.0,
        master.id.0
    )
    .fetch_one(connection)
    .await
}

/// Which members; what is `None` does not filter.
#[derive(Clone, Copy, Debug, Default)]
pub struct MemberFilter<'a> {
    /// Those of this unit.
    pub unit: Option<PartyId>,
    /// Those whose account has this name.
    pub name: Option<&'a str>,
    /// Those with this name in the organisation.
    pub display_name: Option<&'a str>,
    /// Whether a part of a name is enough, in any case.
    pub by_part: bool,
}

/// A member in a list.
#[derive(Clone, Debug)]
pub struct ListedMember {
    /// Its account.
    pub id: DomainId,
    /// Its account's name.
    pub name: String,
    /// Its name in the organisation.
    pub display_name: String,
    /// How far it is.
    pub status: MemberStatus,
    /// The unit it belongs to.
    pub unit: PartyId,
    /// That unit's name.
    pub unit_name: String,
    /// Whether its master keeps its finances.
    pub in_custody: bool,
    /// What its master may do with it, as the vendor names it.
    pub permissions: Vec<String>,
    /// Since when.
    pub joined_at: OffsetDateTime,
}

/// A master's members, the latest first. It has few, so all that match are read.
pub async fn members(
    connection: &mut PgConnection,
    master: Master,
    filter: MemberFilter<'_>,
) -> sqlx::Result<Vec<ListedMember>> {
    sqlx::query_as!(
        ListedMember,
        r#"select m.domain_id as "id: DomainId", d.name, m.display_name, m.status as "status: MemberStatus",
                  m.party_id as "unit: PartyId", u.name as unit_name, c.custodian_id is not null as "in_custody!", m.permissions, m.joined_at
           from enterprise_members m
           join domains d on d.tenant_id = m.tenant_id and d.domain_id = m.domain_id
           join customers c on c.tenant_id = m.tenant_id and c.domain_id = m.domain_id
           join organisation_units u on u.tenant_id = m.tenant_id and u.party_id = m.party_id
           where m.tenant_id = $1 and d.tenant_id = $1 and c.tenant_id = $1 and u.tenant_id = $1 and m.master_id = $2
             and ($3::bigint is null or m.party_id = $3)
             and ($4::text is null
                  or case when $6 then position(lower($4) in lower(d.name)) > 0 else d.name = $4 end)
             and ($5::text is null
                  or case when $6 then position(lower($5) in lower(m.display_name)) > 0 else m.display_name = $5 end)
           order by m.joined_at desc, m.domain_id desc"#,
        master.tenant.0,
        master.id.0,
        filter.unit.map(|unit| unit.0),
        filter.name,
        filter.display_name,
        filter.by_part
    )
    .fetch_all(connection)
    .await
}

/// A member, if the account is one of this master's.
pub async fn member_of(
    connection: &mut PgConnection,
    master: Master,
    member: DomainId,
) -> sqlx::Result<Option<Member>> {
    sqlx::query_as!(
        Member,
        r#"select m.domain_id as "id: DomainId", d.name, m.party_id as "unit: PartyId", m.status as "status: MemberStatus",
                  m.display_name, m.permissions, c.custodian_id is not null as "in_custody!", m.joined_at
           from enterprise_members m
           join domains d on d.tenant_id = m.tenant_id and d.domain_id = m.domain_id
           join customers c on c.tenant_id = m.tenant_id and c.domain_id = m.domain_id
           where m.tenant_id = $1 and d.tenant_id = $1 and c.tenant_id = $1 and m.master_id = $2 and m.domain_id = $3"#,
        master.tenant.0,
        master.id.0,
        member.0
    )
    .fetch_optional(connection)
    .await
}

/// The members whose bills their master may see, with their names.
pub async fn members_with_open_bills(
    connection: &mut PgConnection,
    master: Master,
) -> sqlx::Result<Vec<(DomainId, String)>> {
    let members = sqlx::query!(
        r#"select m.domain_id as "id: DomainId", d.name
           from enterprise_members m
           join domains d on d.tenant_id = m.tenant_id and d.domain_id = m.domain_id
           where m.tenant_id = $1 and d.tenant_id = $1 and m.master_id = $2 and $3 = any(m.permissions)"#,
        master.tenant.0,
        master.id.0,
        Permission::ReadConsumeBill.as_str()
    );
    Ok(members.fetch_all(connection).await?.into_iter().map(|member| (member.id, member.name)).collect())
}

/// How an account divides its resources.
pub async fn opened(
    connection: &mut PgConnection,
    (tenant, account): (TenantId, DomainId),
) -> sqlx::Result<Vec<Feature>> {
    sqlx::query_scalar!(
        r#"select feature as "feature: Feature" from opened_features
           where tenant_id = $1 and domain_id = $2 order by opened_at, feature"#,
        tenant.0,
        account.0
    )
    .fetch_all(connection)
    .await
}

/// Opens a way of dividing an account's resources; nothing if it is open.
pub async fn open(
    connection: &mut PgConnection,
    (tenant, account): (TenantId, DomainId),
    feature: Feature,
    now: OffsetDateTime,
) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into opened_features (tenant_id, domain_id, feature, opened_at) values ($1, $2, $3, $4)
         on conflict do nothing",
        tenant.0,
        account.0,
        feature as Feature,
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}
