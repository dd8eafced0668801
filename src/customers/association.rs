//! The life of an association: a customer is registered, then associated; each step leaves an event with its time.
//!
//! An account that a partner registers is there at once. Its association is a second step, made soon after by [`run`], as
//! the vendor does it; who asked for the result waits for that step.
//!
//! Each of a partner's customers has a number that ascends with the time of association. The partner's counter is the lock
//! under which numbers are given; blocks of a thousand numbers count their members, by which any page is found.

use super::model::Frozen;
use super::store::State;
use super::{Association, AssociationType, budgets, events, freezing, store};
use crate::app::App;
use crate::coupons::returns::{self, End};
use crate::coupons::store::books::Operation;
use crate::ledger::{self, AccountKind, PostError, Posting, Purse, TransferKind};
use crate::real_name::store as real_name;
use crate::values::id::{DomainId, TenantId, new_uuid};
use crate::values::money::Currency;
use crate::values::time::Instant;
use rust_decimal::Decimal;
use serde::Serialize;
use sqlx::{Connection, PgConnection};
use std::time::Duration;
use time::OffsetDateTime;
use utoipa::ToSchema;

/// Numbers in a block.
pub const BLOCK: i64 = 1000;
/// How often [`run`] looks for registrations that nobody woke it for.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Most associations of one look.
const LOOK_MAX: i64 = 1000;

/// A step in the life of an association.
#[derive(Clone, Copy, PartialEq, Eq, Debug, sqlx::Type, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
#[schema(as = AssociationStepKind)]
pub enum Step {
    /// The account was created.
    Registered,
    /// A partner has asked an account that is nobody's customer.
    Invited,
    /// It is the partner's customer from now on.
    Associated,
    /// It is a customer of the other kind.
    Switched,
    /// It is nobody's customer from now on.
    Unbound,
}

/// Makes a customer that is associated with nobody a partner's.
pub async fn associate(
    connection: &mut PgConnection,
    tenant: TenantId,
    customer: DomainId,
    wanted: Association,
) -> sqlx::Result<()> {
    let Association { partner, kind, since } = wanted;
    let place = sqlx::query!(
        "insert into customer_counters (tenant_id, partner_id, last_number, customers, last_at) values ($1, $2, 1, 1, $3)
         on conflict (tenant_id, partner_id) do update
         set last_number = customer_counters.last_number + 1, customers = customer_counters.customers + 1,
             last_at = greatest(customer_counters.last_at, excluded.last_at)
         returning last_number, last_at",
        tenant.0,
        partner.0,
        since
    );
    let place = place.fetch_one(&mut *connection).await?;
    sqlx::query!(
        "insert into customer_blocks (tenant_id, partner_id, block, members) values ($1, $2, $3, 1)
         on conflict (tenant_id, partner_id, block) do update set members = customer_blocks.members + 1",
        tenant.0,
        partner.0,
        place.last_number / BLOCK
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "update customers
         set partner_id = $3, association_type = $4, associated_at = $5, number = $6,
             pending_partner_id = null, pending_type = null, pending_since = null
         where tenant_id = $1 and domain_id = $2",
        tenant.0,
        customer.0,
        partner.0,
        kind as i16,
        place.last_at,
        place.last_number
    )
    .execute(&mut *connection)
    .await?;
    record(connection, tenant, customer, Some((partner, kind)), Step::Associated, place.last_at).await?;
    if kind == AssociationType::Resale {
        // Closed if it was somebody's before.
        ledger::store::set_closed(connection, &allocated(tenant, customer), false).await?;
    }
    events::tell_bound(connection, tenant, (partner, customer), place.last_at).await?;
    store::announce(connection, tenant, customer).await
}

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

/// Asks an account that is nobody's customer to become a partner's; [`run`] makes the association.
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

/// What a partner has allocated to a resale customer.
fn allocated(tenant: TenantId, customer: DomainId) -> Purse {
    Purse::of(tenant, customer, AccountKind::Allocated, Currency::Cny)
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

/// A step that was made.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = AssociationStep)]
pub struct StepMade {
    /// Which.
    pub step: Step,
    /// With whom, by its account's name; left out where there was nobody.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "demo-partner")]
    pub partner: Option<String>,
    /// How it is associated from then on, or was until then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub association_type: Option<AssociationType>,
    /// When, by the tenant's time.
    pub happened_at: Instant,
}

/// The life of an account's associations, oldest step first.
pub async fn history(
    connection: &mut PgConnection,
    tenant: TenantId,
    customer: DomainId,
) -> sqlx::Result<Vec<StepMade>> {
    sqlx::query_as!(
        StepMade,
        r#"select e.step as "step: Step", d.name as "partner?", e.association_type as "association_type: AssociationType",
                  e.happened_at as "happened_at: Instant"
           from association_events e
           left join domains d on d.tenant_id = e.tenant_id and d.domain_id = e.partner_id and d.tenant_id = $1
           where e.tenant_id = $1 and e.domain_id = $2 order by e.happened_at, e.event_id"#,
        tenant.0,
        customer.0
    )
    .fetch_all(connection)
    .await
}

/// Appends an event.
pub async fn record(
    connection: &mut PgConnection,
    tenant: TenantId,
    customer: DomainId,
    with: Option<(DomainId, AssociationType)>,
    step: Step,
    now: OffsetDateTime,
) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into association_events (tenant_id, happened_at, event_id, domain_id, partner_id, step, association_type)
         values ($1, $2, $3, $4, $5, $6, $7)",
        tenant.0,
        now,
        new_uuid(now),
        customer.0,
        with.map(|(partner, _)| partner.0),
        step as _,
        with.map(|(_, kind)| kind as i16)
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Makes the association that a registration left to be made; nothing if it is made already.
pub async fn complete(
    connection: &mut PgConnection,
    tenant: TenantId,
    customer: DomainId,
    now: OffsetDateTime,
) -> sqlx::Result<()> {
    let mut transaction = connection.begin().await?;
    let pending = sqlx::query!(
        r#"select pending_partner_id as "partner!: DomainId", pending_type as "kind!: AssociationType"
           from customers where tenant_id = $1 and domain_id = $2 and pending_partner_id is not null for update"#,
        tenant.0,
        customer.0
    );
    if let Some(pending) = pending.fetch_optional(&mut *transaction).await? {
        let wanted = Association { partner: pending.partner, kind: pending.kind, since: now };
        associate(&mut transaction, tenant, customer, wanted).await?;
    }
    transaction.commit().await
}

/// Makes the associations that are left to be made, oldest first; how many there were.
pub async fn complete_all(app: &App) -> sqlx::Result<usize> {
    let mut connection = app.database.control().await?;
    let pending = sqlx::query!(
        r#"select tenant_id as "tenant: TenantId", domain_id as "customer: DomainId" from customers
           where pending_partner_id is not null order by pending_since limit $1"#,
        LOOK_MAX
    );
    let pending = pending.fetch_all(&mut *connection).await?;
    let mut made = 0;
    for row in &pending {
        let now = app.now(row.tenant);
        match complete(&mut connection, row.tenant, row.customer, now).await {
            Ok(()) => made += 1,
            // One that cannot be made holds up no other.
            Err(error) => {
                tracing::warn!(customer = %row.customer, %error, "an association could not be made; it is tried again");
            }
        }
    }
    if made > 0 {
        app.notified.notify_one();
    }
    Ok(made)
}

/// Makes associations until the task is dropped. Several replicas may: the customer's row is the lock.
pub async fn run(app: App) {
    loop {
        if let Err(error) = complete_all(&app).await {
            tracing::warn!(%error, "associations to be made could not be read; they are read again");
        }
        tokio::time::timeout(LOOK_EVERY, app.registered.notified()).await.ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
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
