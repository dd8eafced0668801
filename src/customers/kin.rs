//! What the customers of one enterprise have from each other: a phone, a level, a verified name, and who keeps their finances.
//! Lists of others may join `customers.custodian_id`, which is kept.

use super::model::CustomerType;
use crate::values::id::{DomainId, TenantId};
use crate::values::receiver::Phone;
use sqlx::PgConnection;

/// A customer's phone, sealed for it; nothing if it has none.
pub async fn sealed_phone(
    connection: &mut PgConnection,
    tenant: TenantId,
    id: DomainId,
) -> sqlx::Result<Option<Vec<u8>>> {
    let phone = sqlx::query_scalar!(
        "select sealed_phone from customers where tenant_id = $1 and domain_id = $2",
        tenant.0,
        id.0
    );
    Ok(phone.fetch_optional(connection).await?.flatten())
}

/// As what a customer is verified, and its name, sealed for it; nothing if it is not verified.
pub async fn verified_as(
    connection: &mut PgConnection,
    tenant: TenantId,
    id: DomainId,
) -> sqlx::Result<Option<(CustomerType, Vec<u8>)>> {
    let verified = sqlx::query!(
        r#"select customer_type as "customer_type: CustomerType", sealed_name as "sealed_name!"
           from customers where tenant_id = $1 and domain_id = $2 and verified_status = 2 and sealed_name is not null"#,
        tenant.0,
        id.0
    );
    Ok(verified.fetch_optional(connection).await?.map(|row| (row.customer_type, row.sealed_name)))
}

/// Two customers of a tenant of which one takes something over from the other.
#[derive(Clone, Copy, Debug)]
pub struct Succession {
    /// The tenant.
    pub tenant: TenantId,
    /// From whom.
    pub from: DomainId,
    /// Who.
    pub to: DomainId,
}

/// What the account of an enterprise's member has besides: its phone, its master's level, and whether that keeps its finances.
pub async fn set_member(
    connection: &mut PgConnection,
    of: Succession,
    sealed_phone: &[u8],
    in_custody: bool,
) -> sqlx::Result<()> {
    sqlx::query!(
        "update customers m set sealed_phone = $4, country_code = $5, level = c.level, in_custody = $6,
                custodian_id = case when $6 then $2 end
         from customers c
         where m.tenant_id = $1 and m.domain_id = $3 and c.tenant_id = $1 and c.domain_id = $2",
        of.tenant.0,
        of.from.0,
        of.to.0,
        sealed_phone,
        Phone::COUNTRY_CODE,
        in_custody
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Sets which master account keeps the finances of a customer that is locked; nobody: it keeps them itself.
pub async fn set_custodian(
    connection: &mut PgConnection,
    tenant: TenantId,
    id: DomainId,
    custodian: Option<DomainId>,
) -> sqlx::Result<()> {
    sqlx::query!(
        "update customers set custodian_id = $3::uuid, in_custody = $3::uuid is not null where tenant_id = $1 and domain_id = $2",
        tenant.0,
        id.0,
        custodian.map(|custodian| custodian.0)
    )
    .execute(connection)
    .await?;
    Ok(())
}
