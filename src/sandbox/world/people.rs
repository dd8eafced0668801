//! Who the world's own accounts are: phones, addresses, names, labels, managers, so that each list, filter and mask shows
//! something without a write before.

use super::accounts::Account;
use super::model::{World, platform};
use super::situations;
use crate::accounts::administration::{self as funds, NewCard};
use crate::accounts::sandbox::Hand;
use crate::api::caller::CallerKind;
use crate::config::RealNameSettings;
use crate::customers::budgets::{self, BudgetType};
use crate::customers::partners::{self, Profile};
use crate::customers::sandbox::{self as customers, Known};
use crate::ledger;
use crate::personal::Vault;
use crate::real_name::sandbox::{self as real_name, End};
use crate::values::amount::PositiveAmount;
use crate::values::id::new_uuid;
use anyhow::Context;
use rust_decimal::Decimal;
use sqlx::PgConnection;
use time::{Duration, OffsetDateTime};

/// Verified persons, in no relation to anybody, with the numbers of their passports.
const PERSONS: [(&str, &str, &str); 3] = [
    ("demo-customer", "\u{6797}\u{6653}", "E90000001"),
    ("reseller-customer", "\u{5468}\u{660e}", "E90000002"),
    ("second-customer", "\u{5434}\u{4e3d}", "E90000003"),
];
const LABELS: [&str; 2] = ["Gold", "Silver"];
const MANAGER: (&str, &str) = ("manager-wang", "Wang Fang");
/// Phones and addresses of the history count from one.
const FIRST_NUMBER: usize = 90_000_000;
/// What demo-customer may consume in a month, what it was allocated, and what is on its card.
const BUDGET: u32 = 2000;
const ALLOCATED: u32 = 500;
const CARD: &str = "100.00";

/// Makes it known, some days before the world's day.
pub(super) async fn make(
    world: &World,
    connection: &mut PgConnection,
    (vault, settings): (&Vault, &RealNameSettings),
    now: OffsetDateTime,
) -> anyhow::Result<()> {
    let before = now - Duration::days(3);
    let accounts = || world.accounts.iter().filter(|account| situations::of_account(account.name).is_none());
    for (number, account) in accounts().enumerate() {
        if let Some(partner) = partner_of(world, account) {
            know_customer(connection, (account, partner), number, vault).await?;
        } else if CallerKind::SELLERS.contains(&account.kind) {
            know_partner(connection, account, number, vault).await?;
        }
    }
    for (name, person, passport) in PERSONS {
        let customer = world.account(name);
        let (partner, _) = customer.association.context("each of them has a partner")?;
        let whose = (customer.tenant, partner, customer.domain);
        real_name::apply(connection, whose, (person, passport), End::Passes, (vault, settings), before).await?;
    }
    let (seller, customer) = (world.demo(), world.account("demo-customer"));
    let setting = budgets::Setting {
        amount: Decimal::from(BUDGET).into(),
        budget_type: BudgetType::Monthly,
        freezes: Some(false),
    };
    let whose = (seller.tenant, seller.domain, customer.domain);
    budgets::set(connection, whose, &setting, seller.name, before).await?;
    let hand = Hand { tenant: seller.tenant, partner: seller.domain, user: Some(seller.user) };
    let allocation = (hand.allocate(customer.domain, Decimal::from(ALLOCATED)), before);
    ledger::post_each(connection, seller.tenant, &[allocation]).await?;
    let card = NewCard {
        id: new_uuid(before),
        name: funds::CARD_NAME.to_owned(),
        face_value: PositiveAmount::try_from(CARD).map_err(anyhow::Error::msg)?,
        expires_at: before + Duration::days(funds::CARD_DAYS),
    };
    Ok(funds::issue_card(connection, customer.ids(), &card, before).await?)
}

/// Whose customer an account is.
fn partner_of<'w>(world: &'w World, account: &Account) -> Option<&'w Account> {
    let (partner, _) = account.association?;
    world.accounts.iter().find(|known| known.domain == partner)
}

async fn know_customer(
    connection: &mut PgConnection,
    (account, partner): (&Account, &Account),
    number: usize,
    vault: &Vault,
) -> anyhow::Result<()> {
    let [phone, email] = [customers::phone(FIRST_NUMBER + number), customers::address(FIRST_NUMBER + number)];
    let known = Known {
        platform_user: format!("user-{}", account.name),
        phone: phone.context("sample phones are well-formed")?,
        email: email.context("sample addresses are well-formed")?,
        label: LABELS[number % LABELS.len()],
        manager: MANAGER.0,
    };
    Ok(customers::know(connection, account.ids(), &platform(partner.name), &known, vault).await?)
}

async fn know_partner(
    connection: &mut PgConnection,
    account: &Account,
    number: usize,
    vault: &Vault,
) -> anyhow::Result<()> {
    let (tenant, domain) = account.ids();
    let profile = Profile {
        name: format!("{} Ltd", account.name),
        account_manager_id: MANAGER.0.to_owned(),
        account_manager_name: MANAGER.1.to_owned(),
        sealed_phone: Some(vault.seal(&format!("198{number:08}"), domain)),
        sealed_email: Some(vault.seal(&format!("{}@example.com", account.name), domain)),
        ..partners::profile(connection, tenant, domain).await?
    };
    Ok(partners::set_profile(connection, tenant, domain, &profile).await?)
}
