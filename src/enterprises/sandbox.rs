//! The sandbox's enterprises: a verified company with an organisation of three levels and members, in custody or not; and what its
//! master gives them and takes back.

use super::coupons;
use super::funds::{self, Direction, What};
use super::model::{FinancialCustody, MemberAssociation, MemberStatus, Permission, Unit, permissions};
use super::store::{self, Master, NewMember};
use super::task::Task;
use crate::customers::kin::{Succession, set_custodian};
use crate::customers::model::CustomerType;
use crate::customers::sandbox as customers;
use crate::personal::Vault;
use crate::real_name::review;
use crate::values::id::{CouponId, DomainId, UserId};
use crate::values::receiver::Receiver;
use anyhow::Context;
use rust_decimal::Decimal;
use sqlx::PgConnection;
use time::OffsetDateTime;

/// Who is in an enterprise.
#[derive(Clone, Copy, Debug)]
pub struct Enterprise<'a> {
    /// The master, which has the root of its organisation.
    pub master: Master,
    /// What it is called.
    pub company: &'a str,
    /// Its phone.
    pub phone: &'a str,
    /// A member that keeps its finances.
    pub independent: Option<DomainId>,
    /// A member whose finances the master keeps.
    pub in_custody: DomainId,
}

/// Makes it.
pub async fn make(
    connection: &mut PgConnection,
    vault: &Vault,
    enterprise: Enterprise<'_>,
    now: OffsetDateTime,
) -> anyhow::Result<()> {
    let Enterprise { master, company, phone, independent, in_custody } = enterprise;
    let phone = Receiver::parse(phone).context("the sample phone is well-formed")?;
    customers::set_phone(connection, (master.tenant, master.id), &phone, vault).await?;
    review::verify(connection, vault, (master.tenant, master.id), (CustomerType::Company, company), now).await?;
    let root = store::units(connection, master).await?.pop().context("a master has a root")?;
    store::rename_unit(connection, master, root.id, company).await?;
    let sales = unit(connection, master, (&root, "Sales"), now).await?;
    let north = unit(connection, master, (&sales, "Sales, north"), now).await?;
    let research = unit(connection, master, (&root, "Research"), now).await?;
    let independent = independent.map(|id| (id, "Shop, north", &north, FinancialCustody::Independent));
    let in_custody = (in_custody, "Laboratory", &research, FinancialCustody::InCustody);
    for (id, display_name, unit, custody) in independent.into_iter().chain([in_custody]) {
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

/// A master with its user.
pub type Giver = (Master, UserId);

/// Gives a member money, or takes it back.
pub async fn move_funds(
    connection: &mut PgConnection,
    ((master, user), member): (Giver, DomainId),
    (direction, what, yuan): (Direction, What, u32),
    now: OffsetDateTime,
) -> anyhow::Result<()> {
    let task = Task::new(master, member, user, None, now);
    Ok(funds::move_funds(connection, &task, (direction, what, Decimal::from(yuan)), now).await?)
}

/// Gives a member a part of a coupon; the coupon that it becomes.
pub async fn give_coupon(
    connection: &mut PgConnection,
    ((master, user), member): (Giver, DomainId),
    (coupon, yuan): (CouponId, u32),
    now: OffsetDateTime,
) -> anyhow::Result<CouponId> {
    let task = Task::new(master, member, user, None, now);
    Ok(coupons::claim(connection, &task, (coupon, Decimal::from(yuan)), now).await?)
}

/// Takes back what is left of a part of a coupon.
pub async fn take_coupon_back(
    connection: &mut PgConnection,
    ((master, user), member): (Giver, DomainId),
    (coupon, part): (CouponId, CouponId),
    now: OffsetDateTime,
) -> anyhow::Result<()> {
    let task = Task::new(master, member, user, None, now);
    coupons::reclaim(connection, &task, (coupon, part), now).await?;
    Ok(())
}
