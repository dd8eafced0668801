//! How an association begins, changes and ends: by invitation, switching and unbinding.

use crate::coupons::returns::{End, Ending};
use crate::coupons::store::books::Operation;
use crate::customers::administration as customers;
use crate::customers::membership::{BLOCK, Step, record};
use crate::customers::model::{AssociationType, Frozen};
use crate::customers::store::{self, State};
use crate::customers::{budgets, events, freezing};
use crate::ledger::{self, AccountKind, PostError, Posting, Purse, TransferKind};
use crate::orders::agent_payment;
use crate::orders::model::By;
use crate::orders::refusal::NotDone;
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
    /// An order that the partner is asked to pay cannot be given back to its customer.
    #[error(transparent)]
    Order(#[from] NotDone),
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
    let change = Change { from: kind, to: Some(wanted), operation: Operation::SwitchMode };
    give_back(connection, (tenant, partner, customer), change, now).await?;
    if kind == AssociationType::Resale {
        end_resale(connection, (tenant, partner, customer), state.frozen, now).await?;
    }
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

/// Ends an association: allocated funds and coupons go back to where they came from, the budget ends, the partner is told and
/// asked to pay nothing more.
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
    agent_payment::release(connection, (tenant, customer), partner, By { user: None, now }).await?;
    let change = Change { from: kind, to: None, operation: Operation::Unbind };
    give_back(connection, (tenant, partner, customer), change, now).await?;
    if kind == AssociationType::Resale {
        end_resale(connection, (tenant, partner, customer), state.frozen, now).await?;
    }
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

/// How an association changes.
#[derive(Clone, Copy, Debug)]
struct Change {
    /// What it was.
    from: AssociationType,
    /// What it is then; nothing where it ends.
    to: Option<AssociationType>,
    /// What is done to coupons by that.
    operation: Operation,
}

/// Gives back to the partner what it gave the customer, in one posting: the coupons, and of a resale customer the allocated
/// funds. Their account is open only while the customer is a resale one, so that nobody allocates to it otherwise.
async fn give_back(
    connection: &mut PgConnection,
    (tenant, partner, customer): (TenantId, DomainId, DomainId),
    change: Change,
    now: OffsetDateTime,
) -> Result<(), Refusal> {
    let end = End { operation: change.operation, memo: "", user: None };
    let coupons = Ending::of_all_given(connection, (tenant, partner, customer), end).await?;
    let mut postings = coupons.postings();
    let mut purses = ledger::purses(&postings);
    let funds = Purse::allocated(tenant, customer);
    let cash = Purse::of(tenant, partner, AccountKind::Cash, Currency::Cny);
    let (was_resale, is_resale) = (change.from == AssociationType::Resale, change.to == Some(AssociationType::Resale));
    if was_resale {
        purses.extend([funds, cash]);
    } else if is_resale {
        purses.push(funds);
    }
    let books = ledger::lock(connection, tenant, &purses, now).await?;
    let held = books.account(&funds).filter(|_| was_resale).map(|account| account.balance).unwrap_or_default();
    if held < Decimal::ZERO {
        return Err(Refusal::InDebt);
    }
    if held > Decimal::ZERO {
        let (reference, memo) = (String::new(), String::new());
        let (from, to, kind) = (funds, cash, TransferKind::Unbind);
        postings.push(Posting { kind, from, to, amount: held, customer: Some(customer), reference, memo, user: None });
    }
    let transfers = ledger::post_locked(connection, tenant, books, &postings, now).await?;
    if was_resale || is_resale {
        ledger::store::set_closed(connection, &funds, !is_resale).await?;
    }
    Ok(coupons.record(connection, &transfers).await?)
}

/// Takes from a customer what only a resale customer has besides funds: a budget, its partner's power to freeze it. Nobody
/// could unfreeze it afterwards, so it is unfrozen; the vendor's material does not say what becomes of it.
async fn end_resale(
    connection: &mut PgConnection,
    (tenant, partner, customer): (TenantId, DomainId, DomainId),
    frozen: Frozen,
    now: OffsetDateTime,
) -> Result<(), Refusal> {
    budgets::end(connection, (tenant, partner, customer), now).await?;
    if frozen != Frozen::No {
        let why = ("The customer is no resale customer of the partner any more.", None);
        freezing::set(connection, (tenant, customer), Frozen::No, why, now).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::background::associations::complete_all;
    use crate::customers::membership::{complete, history};
    use crate::testing::TestApp;
    use serde_json::json;
    use sqlx::PgPool;
    use std::time::Duration;

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

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn funds_and_coupons_go_back_as_one_event_of_the_ledger(pool: PgPool) {
        let app = TestApp::new(pool.clone()).await;
        let customer = app.world.account("demo-customer");
        let give = json!({"customer_id": customer.domain, "amount": 30});
        app.client("demo-partner").post("/v2/accounts/partner-accounts/adjust-amount", &give).await.ok();
        let mut connection = pool.acquire().await.expect("a connection");
        let now = app.app.now(customer.tenant);
        unbind(&mut connection, (customer.tenant, customer.domain), now).await.expect("nothing is in the way");
        let events = "select kind, group_id from transfers
                      where customer_id = $1 and kind in ('unbind', 'coupon_reclaim') order by kind";
        let events: Vec<(String, Option<uuid::Uuid>)> =
            sqlx::query_as(events).bind(customer.domain.0).fetch_all(&mut *connection).await.expect("they are read");
        assert!(events.len() > 1 && events.last().is_some_and(|(kind, _)| kind == "unbind"), "{events:?}");
        assert!(events.iter().all(|(_, group)| group.is_some() && *group == events[0].1), "{events:?}");
    }

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn an_association_that_waits_for_the_ledger_holds_up_no_other(pool: PgPool) {
        let app = TestApp::new(pool.clone()).await;
        let demo = app.world.demo();
        let mut connection = pool.acquire().await.expect("a connection");
        let (tenant, now) = (demo.tenant, app.app.now(demo.tenant));
        let newcomers = ["demo-customer", "referral-customer"].map(|name| app.world.account(name).domain);
        for customer in newcomers {
            unbind(&mut connection, (tenant, customer), now).await.expect("nothing is in the way");
            let wanted = (demo.domain, AssociationType::Resale);
            invite(&mut connection, (tenant, customer), wanted, now).await.expect("it is nobody's");
        }
        // A batch of transfers that holds the account of the one's funds.
        let mut batch = pool.begin().await.expect("it begins");
        let funds = [Purse::allocated(tenant, newcomers[0])];
        ledger::store::lock(&mut batch, Some(tenant), &funds, now).await.expect("it is locked");
        let waits = tokio::spawn({
            let pool = pool.clone();
            async move {
                let mut connection = pool.acquire().await.expect("a connection");
                complete(&mut connection, tenant, newcomers[0], now).await
            }
        });
        while !is_somebody_waiting(&pool).await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let other = tokio::time::timeout(Duration::from_secs(5), complete(&mut connection, tenant, newcomers[1], now));
        other.await.expect("it waits for nobody").expect("it is made");
        batch.rollback().await.expect("it is given free");
        waits.await.expect("it ends").expect("it is made");
    }

    async fn is_somebody_waiting(pool: &PgPool) -> bool {
        let waiting = "select exists (select 1 from pg_stat_activity
                                      where datname = current_database() and wait_event_type = 'Lock')";
        sqlx::query_scalar(waiting).fetch_one(pool).await.expect("it is read")
    }
}
