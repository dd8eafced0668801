//! How an association begins, changes and ends: by invitation, switching and unbinding.

use crate::coupons::returns::{self, End};
use crate::coupons::store::books::Operation;
use crate::customers::administration as customers;
use crate::customers::membership::{BLOCK, Step, record};
use crate::customers::model::{AssociationType, Frozen};
use crate::customers::store::{self, State};
use crate::customers::{budgets, events, freezing};
use crate::ledger::allocated;
use crate::ledger::{self, AccountKind, PostError, Posting, Purse, TransferKind};
use crate::real_name::store as real_name;
use crate::values::id::{DomainId, TenantId};
use crate::values::money::Currency;
use rust_decimal::Decimal;
use sqlx::PgConnection;
use time::OffsetDateTime;

/// Why the association is left as it is.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// It is no customer's account.
    #[error("the account is no customer's")]
    NotACustomer,
    /// It is nobody's.
    #[error("the account is associated with no partner")]
    NotAssociated,
    /// It is somebody's, or about to be.
    #[error("the account is associated with a partner, or about to be")]
    Associated,
    /// The account is in another tree.
    #[error("the account and the partner are of different tenants")]
    OtherTenant,
    /// Its resellers have them.
    #[error("a distributor has no customers of its own: name a reseller")]
    Distributor,
    /// The account is no partner.
    #[error(transparent)]
    Partner(#[from] customers::Refusal),
    /// Its documents are being looked at.
    #[error("its real-name authentication is under review")]
    UnderReview,
    /// It owes something.
    #[error("its balance is below zero")]
    InDebt,
    /// The ledger refuses.
    #[error(transparent)]
    Ledger(#[from] PostError),
    /// The database failed.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
}

async fn lock(connection: &mut PgConnection, tenant: TenantId, customer: DomainId) -> Result<State, Refusal> {
    store::lock(connection, tenant, customer).await?.ok_or(Refusal::NotACustomer)
}

/// Asks an account that is nobody's customer to become a partner's; the association is made in the background.
pub async fn invite(
    connection: &mut PgConnection,
    (tenant, customer): (TenantId, DomainId),
    (partner, kind): (DomainId, AssociationType),
    now: OffsetDateTime,
) -> Result<(), Refusal> {
    let state = lock(connection, tenant, customer).await?;
    if state.partner.is_some() || state.is_pending {
        return Err(Refusal::Associated);
    }
    sqlx::query!(
        "update customers set pending_partner_id = $3, pending_type = $4, pending_since = $5
         where tenant_id = $1 and domain_id = $2",
        tenant.0,
        customer.0,
        partner.0,
        kind as i16,
        now
    )
    .execute(&mut *connection)
    .await?;
    Ok(record(connection, tenant, customer, Some((partner, kind)), Step::Invited, now).await?)
}

/// Makes a customer one of the other kind. What was allocated to a resale customer goes back to its partner.
pub async fn switch(
    connection: &mut PgConnection,
    (tenant, customer): (TenantId, DomainId),
    now: OffsetDateTime,
) -> Result<AssociationType, Refusal> {
    let state = lock(connection, tenant, customer).await?;
    let (Some(partner), Some(kind)) = (state.partner, state.kind) else { return Err(Refusal::NotAssociated) };
    let wanted = match kind {
        AssociationType::Resale => AssociationType::Referral,
        AssociationType::Referral => AssociationType::Resale,
    };
    match kind {
        AssociationType::Resale => end_resale(connection, (tenant, partner, customer), state.frozen, now).await?,
        AssociationType::Referral => {
            ledger::store::set_closed(connection, &allocated(tenant, customer), false).await?;
        }
    }
    take_coupons(connection, (tenant, partner, customer), Operation::SwitchMode, now).await?;
    store::set_association_type(connection, tenant, customer, wanted).await?;
    record(connection, tenant, customer, Some((partner, wanted)), Step::Switched, now).await?;
    Ok(wanted)
}

/// Makes a customer one of this kind, if it is one of the other.
pub async fn set_type(
    connection: &mut PgConnection,
    (tenant, customer): (TenantId, DomainId),
    wanted: AssociationType,
    now: OffsetDateTime,
) -> Result<(), Refusal> {
    match lock(connection, tenant, customer).await?.kind {
        None => Err(Refusal::NotAssociated),
        Some(kind) if kind == wanted => Ok(()),
        Some(_) => switch(connection, (tenant, customer), now).await.map(drop),
    }
}

/// Ends an association: allocated funds and coupons go back to where they came from, the budget ends, the partner is told.
pub async fn unbind(
    connection: &mut PgConnection,
    (tenant, customer): (TenantId, DomainId),
    now: OffsetDateTime,
) -> Result<(), Refusal> {
    let state = lock(connection, tenant, customer).await?;
    let (Some(partner), Some(kind), Some(number)) = (state.partner, state.kind, state.number) else {
        return Err(Refusal::NotAssociated);
    };
    if real_name::pending(connection, tenant, customer).await?.is_some() {
        return Err(Refusal::UnderReview);
    }
    if kind == AssociationType::Resale {
        end_resale(connection, (tenant, partner, customer), state.frozen, now).await?;
    }
    take_coupons(connection, (tenant, partner, customer), Operation::Unbind, now).await?;
    events::tell_unbound(connection, tenant, (partner, customer), now).await?;
    sqlx::query!(
        "update customers set partner_id = null, association_type = null, associated_at = null, number = null,
                              first_association = false
         where tenant_id = $1 and domain_id = $2",
        tenant.0,
        customer.0
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "update customer_counters set customers = customers - 1 where tenant_id = $1 and partner_id = $2",
        tenant.0,
        partner.0
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "update customer_blocks set members = members - 1 where tenant_id = $1 and partner_id = $2 and block = $3",
        tenant.0,
        partner.0,
        number / BLOCK
    )
    .execute(&mut *connection)
    .await?;
    record(connection, tenant, customer, Some((partner, kind)), Step::Unbound, now).await?;
    Ok(store::announce(connection, tenant, customer).await?)
}

/// Takes back the coupons that the partner gave. Their accounts and the funds' are never locked together elsewhere, so the
/// second posting of the transaction waits for nobody who waits for it.
async fn take_coupons(
    connection: &mut PgConnection,
    (tenant, partner, customer): (TenantId, DomainId, DomainId),
    operation: Operation,
    now: OffsetDateTime,
) -> Result<(), Refusal> {
    let end = End { operation, memo: "", user: None };
    returns::end_all_of(connection, tenant, (partner, customer), &end, now).await?;
    Ok(())
}

/// Takes from a customer what only a resale customer has: allocated funds, a budget, its partner's power to freeze it. Nobody
/// could unfreeze it afterwards, so it is unfrozen; the vendor's material does not say what becomes of it.
async fn end_resale(
    connection: &mut PgConnection,
    (tenant, partner, customer): (TenantId, DomainId, DomainId),
    frozen: Frozen,
    now: OffsetDateTime,
) -> Result<(), Refusal> {
    take_back(connection, (tenant, partner, customer), now).await?;
    budgets::end(connection, (tenant, partner, customer), now).await?;
    if frozen != Frozen::No {
        let why = ("The customer is no resale customer of the partner any more.", None);
        freezing::set(connection, (tenant, customer), Frozen::No, why, now).await?;
    }
    Ok(())
}

/// Gives the allocated funds back to the partner and closes their account, so that nobody allocates to it meanwhile.
async fn take_back(
    connection: &mut PgConnection,
    (tenant, partner, customer): (TenantId, DomainId, DomainId),
    now: OffsetDateTime,
) -> Result<(), Refusal> {
    let from = allocated(tenant, customer);
    let to = Purse::of(tenant, partner, AccountKind::Cash, Currency::Cny);
    let accounts = ledger::store::lock(connection, Some(tenant), &[from, to], now).await?;
    let held = accounts.iter().find(|account| account.purse == from).map(|account| account.balance).unwrap_or_default();
    if held < Decimal::ZERO {
        return Err(Refusal::InDebt);
    }
    if held > Decimal::ZERO {
        let (reference, memo) = (String::new(), String::new());
        let kind = TransferKind::Unbind;
        let posting = Posting { kind, from, to, amount: held, customer: Some(customer), reference, memo, user: None };
        ledger::post(connection, tenant, &[posting], now).await?;
    }
    Ok(ledger::store::set_closed(connection, &from, true).await?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::background::associations::complete_all;
    use crate::customers::membership::history;
    use crate::testing::TestApp;
    use serde_json::json;
    use sqlx::PgPool;

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn what_was_allocated_goes_back_when_the_association_ends(pool: PgPool) {
        let app = TestApp::new(pool.clone()).await;
        let (demo, customer) = (app.world.demo(), app.world.account("demo-customer"));
        let at = (customer.tenant, customer.domain);
        let give = json!({"customer_id": customer.domain, "amount": 30});
        let target = "/v2/accounts/partner-accounts/adjust-amount";
        app.client("demo-partner").post(target, &give).await.ok();
        let mut connection = pool.acquire().await.expect("a connection");
        let now = app.app.now(at.0);
        unbind(&mut connection, at, now).await.expect("nothing is in the way");
        assert!(matches!(unbind(&mut connection, at, now).await, Err(Refusal::NotAssociated)));
        assert!(matches!(switch(&mut connection, at, now).await, Err(Refusal::NotAssociated)));
        let held = ledger::store::balances(&mut connection, at.0, &[customer.domain]).await.expect("they are read");
        assert!(held.iter().all(|balance| balance.balance.is_zero()));
        let proof = ledger::verify::all(&mut connection).await.expect("it is proved");
        assert_eq!(proof.wrong, Vec::<String>::new());

        let resale = (demo.domain, AssociationType::Resale);
        let later = now + time::Duration::MICROSECOND;
        invite(&mut connection, at, resale, later).await.expect("it is nobody's");
        assert!(matches!(invite(&mut connection, at, resale, later).await, Err(Refusal::Associated)));
        assert_eq!(complete_all(&app.app).await.expect("it is made"), 1);
        app.app.customers.forget_all();
        app.client("demo-partner").post(target, &give).await.ok();
        let steps = history(&mut connection, at.0, at.1).await.expect("it is read");
        let steps: Vec<Step> = steps.into_iter().map(|made| made.step).collect();
        assert_eq!(steps, [Step::Associated, Step::Unbound, Step::Invited, Step::Associated]);
    }

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn a_switched_customer_keeps_no_allocated_funds(pool: PgPool) {
        let app = TestApp::new(pool.clone()).await;
        let customer = app.world.account("demo-customer");
        let at = (customer.tenant, customer.domain);
        let give = json!({"customer_id": customer.domain, "amount": 30});
        let target = "/v2/accounts/partner-accounts/adjust-amount";
        app.client("demo-partner").post(target, &give).await.ok();
        let mut connection = pool.acquire().await.expect("a connection");
        let now = app.app.now(at.0);
        assert_eq!(switch(&mut connection, at, now).await.ok(), Some(AssociationType::Referral));
        // A replica that has not heard of it yet meets the closed account.
        assert_eq!(app.client("demo-partner").post(target, &give).await.refusal().1, "CBC.99000035");
        assert_eq!(switch(&mut connection, at, now).await.ok(), Some(AssociationType::Resale));
        app.client("demo-partner").post(target, &give).await.ok();
    }

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn who_has_left_is_changed_by_nobody_who_still_knows_it_and_is_no_longer_frozen(pool: PgPool) {
        let app = TestApp::new(pool.clone()).await;
        let (partner, customer) = (app.client("demo-partner"), app.world.account("demo-customer"));
        let at = (customer.tenant, customer.domain);
        let budget = json!({"customer_id": at.1, "budget_amount": 10});
        assert_eq!(partner.post("/v2/partners/sub-customers/budget", &budget).await.status.as_u16(), 204);
        let freeze = json!({"customer_ids": [at.1], "reason": "Arrears"});
        partner.post("/v2/partners/sub-customers/freeze", &freeze).await.ok();
        let mut connection = pool.acquire().await.expect("a connection");
        unbind(&mut connection, at, app.app.now(at.0)).await.expect("nothing is in the way");
        let state = store::lock(&mut connection, at.0, at.1).await.expect("it is read").expect("it is there");
        assert_eq!((state.partner, state.frozen), (None, Frozen::No));
        let left = budgets::budgets(&mut connection, at.0, &[at.1]).await.expect("they are read");
        assert!(left.is_empty(), "its budget has ended");

        // Nobody has told this replica.
        let person = json!({"customer_id": at.1, "identify_type": 0, "verified_type": 5, "name": "张三",
                            "verified_file_url": ["1.jpg", "2.jpg", "3.jpg"], "verified_number": "X1",
                            "xaccount_type": "DEMO_PARTNER"});
        for (target, request) in [
            ("/v2/partners/sub-customers/budget", &budget),
            ("/v2/partners/sub-customers/freeze", &freeze),
            ("/v2/customers/realname-auths/individual", &person),
        ] {
            assert_eq!(partner.post(target, request).await.refusal().1, "CBC.99000035", "{target}");
        }
    }
}
