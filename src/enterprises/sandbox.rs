//! The sandbox's enterprise: a verified company with an organisation of three levels and two members, one of them in custody.

use super::model::{FinancialCustody, MemberAssociation, MemberStatus, Permission, Unit, permissions};
use super::store::{self, Master, NewMember};
use crate::customers::kin::{Succession, set_custodian};
use crate::customers::model::CustomerType;
use crate::customers::sandbox as customers;
use crate::personal::Vault;
use crate::real_name::review;
use crate::values::id::DomainId;
use crate::values::receiver::Receiver;
use anyhow::Context;
use sqlx::PgConnection;
use time::OffsetDateTime;

const COMPANY: &str = "Demo Enterprise Ltd";
const PHONE: &str = "13900000001";

/// Who is in it.
#[derive(Clone, Copy, Debug)]
pub struct Enterprise {
    /// The master, which has the root of its organisation.
    pub master: Master,
    /// A member that keeps its finances.
    pub independent: DomainId,
    /// A member whose finances the master keeps.
    pub in_custody: DomainId,
}

/// Makes it.
pub async fn make(
    connection: &mut PgConnection,
    vault: &Vault,
    enterprise: Enterprise,
    now: OffsetDateTime,
) -> anyhow::Result<()> {
    let Enterprise { master, independent, in_custody } = enterprise;
    let phone = Receiver::parse(PHONE).context("the sample phone is well-formed")?;
    customers::set_phone(connection, (master.tenant, master.id), &phone, vault).await?;
    let company = (CustomerType::Company, COMPANY);
    review::verify(connection, vault, (master.tenant, master.id), company, now).await?;
    let root = store::units(connection, master).await?.pop().context("a master has a root")?;
    store::rename_unit(connection, master, root.id, COMPANY).await?;
    let sales = unit(connection, master, (&root, "Sales"), now).await?;
    let north = unit(connection, master, (&sales, "Sales, north"), now).await?;
    let research = unit(connection, master, (&root, "Research"), now).await?;
    for (id, display_name, unit, custody) in [
        (independent, "Shop, north", &north, FinancialCustody::Independent),
        (in_custody, "Laboratory", &research, FinancialCustody::InCustody),
    ] {
        let new = NewMember {
            id,
            unit: unit.id,
            status: MemberStatus::Normal,
            association: MemberAssociation::SameLegalEntity,
            display_name,
            permissions: &permissions(
                custody,
                &[Permission::ReadFinanceInfo, Permission::ReadConsumeBill, Permission::ShareCreditToSub],
            ),
        };
        store::insert_member(connection, master, &new, now).await?;
        let custodian = (custody == FinancialCustody::InCustody).then_some(master.id);
        set_custodian(connection, master.tenant, id, custodian).await?;
        let of = Succession { tenant: master.tenant, from: master.id, to: id };
        review::inherit(connection, vault, of, now).await?;
    }
    Ok(())
}

async fn unit(
    connection: &mut PgConnection,
    master: Master,
    (parent, name): (&Unit, &str),
    now: OffsetDateTime,
) -> anyhow::Result<Unit> {
    let id = store::insert_unit(connection, master, parent, name, now).await?;
    store::unit(connection, master, id).await?.context("it was just made")
}
