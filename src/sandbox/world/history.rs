//! Months of business before the world's day, one after the other in order of time, by the domains' own functions with the
//! past instant as `now`: so every balance after a transfer is right, and lists are full.
//!
//! Everything follows from the seed and the day. What would lie after the day has not happened.

use super::accounts::{Account, BUYER, METERED};
use super::calendar::{Month, beginning, months};
use super::deeds::{Deed, Means, Step, Story};
use super::dice::Dice;
use super::model::{Scale, World, platform};
use super::trade;
use crate::accounts::administration as funds;
use crate::accounts::administration::Payment;
use crate::accounts::sandbox::Hand;
use crate::config::RealNameSettings;
use crate::coupons::limits::Limits;
use crate::coupons::model::{QuotaKind, Validity};
use crate::coupons::sandbox::{self as coupons, Batch};
use crate::coupons::update_coupon_quotas;
use crate::customers::budgets::{self, BudgetType};
use crate::customers::freezing;
use crate::customers::model::{AssociationType, Frozen};
use crate::customers::sandbox::{self as customers, Newcomer};
use crate::identity::sandbox::{self as identity, NewAccount};
use crate::ledger::{self, Posting};
use crate::orders::desk::DeskWhenNeeded;
use crate::orders::sandbox::{Basket, Buyer};
use crate::personal::Vault;
use crate::real_name::sandbox::{self as real_name, End};
use crate::values::amount::PositiveAmount;
use crate::values::id::{CouponId, DomainId, TenantId};
use anyhow::Context;
use rust_decimal::Decimal;
use sqlx::PgConnection;
use time::{Duration, OffsetDateTime};

/// How many postings are locked and written together.
const TOGETHER: usize = 1000;
/// Most customers of a seller to whom coupons are issued together.
const HOLDERS_MAX: usize = 500;
/// From one of so many who were allocated something half of it is taken back.
const RECLAIMED: usize = 8;
/// Most of a month's newcomers that apply for real-name authentication, and most of them that are given a budget.
const APPLICANTS_MAX: usize = 20;
/// Most of a seller's customers that buy something in a month.
const BUYERS_MAX: usize = 5;
/// Which customer of ten is frozen.
const FROZEN: usize = 7;
/// Family names and given names, in no relation to anybody.
const FAMILY: [&str; 8] = ["王", "李", "张", "刘", "陈", "杨", "赵", "黄"];
const GIVEN: [&str; 8] = ["伟", "芳", "娜", "敏", "静", "强", "磊", "洋"];

/// Labels and managers that partners give their customers.
const LABELS: [&str; 4] = ["Gold", "Silver", "Trial", ""];
const MANAGERS: [&str; 3] = ["manager-wang", "manager-li", "manager-chen"];

/// What seals personal data, and how many customers may be verified with one document.
type Rules<'a> = (&'a Vault, &'a RealNameSettings);
/// Those, and what orders are handled by.
type Surroundings<'a> = (Rules<'a>, &'a DeskWhenNeeded);

/// Makes it.
pub(super) async fn make(
    world: &World,
    connection: &mut PgConnection,
    surroundings: Surroundings<'_>,
    now: OffsetDateTime,
) -> anyhow::Result<()> {
    let (of_partner, of_reseller) = match world.scale {
        Scale::Bare => return Ok(()),
        Scale::Small => (12, 3),
        Scale::Medium => (300, 40),
        Scale::Large => (24_000, 2_000),
    };
    let resellers = ["demo-reseller", "second-reseller", "third-reseller"].map(|name| (name, of_reseller));
    for customer in [BUYER, METERED] {
        trade::endow(connection, world.account(customer), beginning(world.scale.months(), now)).await?;
    }
    let mut first_number = 0;
    for (top, sellers, story) in [
        ("demo-partner", vec![("demo-partner", of_partner)], trade::story(world, now)),
        ("demo-distributor", resellers.to_vec(), Story::new(world.account("demo-distributor").tenant, Vec::new())),
    ] {
        let mut shop = Shop::new(world, (top, story), &sellers, first_number);
        first_number += 1 + sellers.iter().map(|(_, size)| size).sum::<usize>();
        for month in months(world.scale.months(), now) {
            shop.live(connection, surroundings, &Month { first: month, now }).await?;
        }
    }
    Ok(())
}

/// A partner that sells itself, or a distributor with its resellers.
struct Shop<'a> {
    top: &'a Account,
    platform: String,
    sellers: Vec<Seller<'a>>,
    dice: Dice,
    next_number: usize,
    /// What customers do beside.
    story: Story,
    /// In how many months the customers come.
    months: usize,
    /// Whether there are so few that none is passed over.
    everybody: bool,
}

/// Who has customers.
struct Seller<'a> {
    account: &'a Account,
    /// How many there will be.
    size: usize,
    /// How many there are.
    joined: usize,
    /// Its resale customers of the Chinese site.
    buyers: Vec<DomainId>,
}

/// An allocation to be made.
struct Allocation {
    seller: usize,
    buyer: DomainId,
    amount: Decimal,
}

impl<'a> Shop<'a> {
    fn new(world: &'a World, (top, story): (&str, Story), sellers: &[(&str, usize)], next_number: usize) -> Self {
        let seller = |(name, size): &(&str, usize)| Seller {
            account: world.account(name),
            size: *size,
            joined: 0,
            buyers: Vec::new(),
        };
        Self {
            top: world.account(top),
            platform: platform(top),
            sellers: sellers.iter().map(seller).collect(),
            dice: Dice::new(world.seed, top),
            next_number,
            story,
            months: world.scale.months(),
            everybody: world.scale == Scale::Small,
        }
    }

    async fn live(
        &mut self,
        connection: &mut PgConnection,
        (rules, desk): Surroundings<'_>,
        month: &Month,
    ) -> anyhow::Result<()> {
        let means = (rules.0, desk);
        if month.has_passed(9) {
            for seller in 0..self.sellers.len() {
                self.welcome(connection, rules, seller, month).await?;
            }
        }
        self.story.pass(connection, means, month.at(4, 0).min(month.now)).await?;
        let allocations = if month.has_passed(20) { self.allocate(connection, month).await? } else { Vec::new() };
        if !self.everybody && month.has_passed(21) {
            self.let_buy(&allocations, month);
        }
        self.promote(connection, means, month).await?;
        if month.has_passed(26) {
            self.reclaim(connection, &allocations, month).await?;
        }
        self.story.pass(connection, means, month.end()).await
    }

    /// Of those who were allocated something, some buy a server for some days, or order one for which they have too little. What
    /// is taken back is taken back from others.
    fn let_buy(&mut self, allocations: &[Allocation], month: &Month) {
        for (place, seller) in self.sellers.iter().enumerate() {
            let own = allocations.iter().skip(RECLAIMED / 2).step_by(RECLAIMED);
            for Allocation { buyer, .. } in own.filter(|allocation| allocation.seller == place).take(BUYERS_MAX) {
                let who =
                    Buyer { account: (self.top.tenant, *buyer), user: None, name: seller.account.name.to_owned() };
                let name = trade::own(&buyer.0.simple().to_string(), month);
                self.story.add(Step { at: month.at(21, 0), who, name, deed: Deed::TryToBuy(Basket::for_days(10)) });
            }
        }
    }

    /// Customers come on the first four days, and give their names on the seventh.
    async fn welcome(
        &mut self,
        connection: &mut PgConnection,
        rules: Rules<'_>,
        seller: usize,
        month: &Month,
    ) -> anyhow::Result<()> {
        let (tenant, seller) = (self.top.tenant, &mut self.sellers[seller]);
        let count = seller.size.div_ceil(self.months).min(seller.size - seller.joined);
        let mut accounts = Vec::with_capacity(count);
        let mut newcomers = Vec::with_capacity(count);
        for at in month.spread((1, 4), count) {
            let id = DomainId::new(at);
            seller.joined += 1;
            self.next_number += 1;
            // Of ten customers one is of the international site, and one pays the vendor itself.
            let (kind, receiver) = match seller.joined % 10 {
                0 => (AssociationType::Resale, customers::address(self.next_number)),
                5 => (AssociationType::Referral, customers::phone(self.next_number)),
                _ => (AssociationType::Resale, customers::phone(self.next_number)),
            };
            let name = format!("{}-c{:05}", seller.account.name, seller.joined);
            accounts.push(NewAccount { id, name, at });
            newcomers.push(Newcomer {
                id,
                kind,
                since: at,
                platform_user: format!("user-{}", self.next_number),
                receiver: receiver.context("sample receivers are well-formed")?,
                label: LABELS[seller.joined % LABELS.len()],
                manager: MANAGERS[seller.joined % MANAGERS.len()],
            });
        }
        let of = (tenant, seller.account.domain);
        identity::open_accounts(connection, of, &accounts).await?;
        customers::join(connection, of, &self.platform, &newcomers, rules.0).await?;
        let is_last = month.first + Duration::days(62) > month.now;
        let first = seller.joined - count;
        for (number, newcomer) in newcomers.iter().enumerate() {
            let number = first + number + 1;
            let is_international = number.is_multiple_of(10);
            if newcomer.kind == AssociationType::Resale && !is_international {
                seller.buyers.push(newcomer.id);
            }
            if number - first > APPLICANTS_MAX {
                continue;
            }
            let whose = (tenant, seller.account.domain, newcomer.id);
            if number % 10 == FROZEN {
                let why = ("The contract is under review", Some(seller.account.user));
                freezing::set(connection, (tenant, newcomer.id), Frozen::AccountAndResources, why, month.at(8, 0))
                    .await?;
            }
            if is_international {
                let amount = Decimal::from(100 * (1 + self.dice.throw(10))).into();
                let setting = budgets::Setting { amount, budget_type: BudgetType::Monthly, freezes: Some(false) };
                budgets::set(connection, whose, &setting, seller.account.name, month.at(7, 0)).await?;
            } else {
                let end = match number % 10 {
                    8 => End::Refused,
                    9 if is_last => End::Open,
                    _ => End::Passes,
                };
                let name = format!("{}{}", FAMILY[self.dice.throw_index(8)], GIVEN[self.dice.throw_index(8)]);
                let passport = format!("E{:08}", self.next_number - count + number - first);
                real_name::apply(connection, whose, (&name, &passport), end, rules, month.at(7, 0)).await?;
            }
        }
        Ok(())
    }

    /// Each month a third of the customers is allocated something, between the fifth day and the twentieth; before, as much is
    /// paid in.
    async fn allocate(&mut self, connection: &mut PgConnection, month: &Month) -> anyhow::Result<Vec<Allocation>> {
        let mut allocations = Vec::new();
        for (index, seller) in self.sellers.iter().enumerate() {
            for buyer in &seller.buyers {
                if self.everybody || self.dice.throw(3) == 0 {
                    let amount = Decimal::from(10 * (1 + self.dice.throw(50)));
                    allocations.push(Allocation { seller: index, buyer: *buyer, amount });
                }
            }
        }
        self.dice.shuffle(&mut allocations);
        let whole: Decimal = allocations.iter().map(|allocation| allocation.amount).sum();
        self.pay_in(connection, whole + Decimal::ONE_THOUSAND, month.at(4, 1)).await?;
        self.pass_on(connection, &allocations, month.at(4, 2)).await?;
        let instants = month.spread((5, 20), allocations.len());
        let postings = allocations
            .iter()
            .zip(instants)
            .map(|(allocation, at)| (self.hand(allocation.seller).allocate(allocation.buyer, allocation.amount), at));
        post(connection, self.top.tenant, postings.collect()).await?;
        Ok(allocations)
    }

    async fn pay_in(&self, connection: &mut PgConnection, whole: Decimal, at: OffsetDateTime) -> anyhow::Result<()> {
        let amount = PositiveAmount::try_from(&*whole.to_string()).map_err(anyhow::Error::msg)?;
        let payment = Payment { amount, designated: false, memo: "Bank transfer".to_owned() };
        funds::top_up(connection, self.top.ids(), &payment, at).await?;
        Ok(())
    }

    /// A distributor gives its resellers what they will allocate.
    async fn pass_on(
        &self,
        connection: &mut PgConnection,
        allocations: &[Allocation],
        at: OffsetDateTime,
    ) -> anyhow::Result<()> {
        let top = Hand { tenant: self.top.tenant, partner: self.top.domain, user: Some(self.top.user) };
        let mut postings = Vec::new();
        for (index, seller) in self.sellers.iter().enumerate() {
            let own = allocations.iter().filter(|allocation| allocation.seller == index);
            let needed: Decimal = own.map(|allocation| allocation.amount).sum();
            if seller.account.domain != self.top.domain && needed > Decimal::ZERO {
                postings.push((top.allocate_to_reseller(seller.account.domain, needed), at));
            }
        }
        post(connection, self.top.tenant, postings).await
    }

    /// Half of what each of so many was allocated is taken back.
    async fn reclaim(
        &self,
        connection: &mut PgConnection,
        allocations: &[Allocation],
        month: &Month,
    ) -> anyhow::Result<()> {
        let reclaimed: Vec<&Allocation> = allocations.iter().step_by(RECLAIMED).collect();
        let instants = month.spread((22, 26), reclaimed.len());
        let postings = reclaimed.iter().zip(instants).map(|(allocation, at)| {
            (self.hand(allocation.seller).reclaim(allocation.buyer, allocation.amount / Decimal::TWO), at)
        });
        post(connection, self.top.tenant, postings.collect()).await
    }

    fn hand(&self, seller: usize) -> Hand {
        let account = self.sellers[seller].account;
        Hand { tenant: account.tenant, partner: account.domain, user: Some(account.user) }
    }

    /// Each month a quota is granted and coupons are issued from it twice; some are taken back, and what has expired goes back
    /// by itself.
    async fn promote(&mut self, connection: &mut PgConnection, means: Means<'_>, month: &Month) -> anyhow::Result<()> {
        let tenant = self.top.tenant;
        let mut batches = Vec::new();
        for (index, seller) in self.sellers.iter().enumerate() {
            let mut draw = || {
                let drawn = seller.buyers.iter().filter(|_| self.everybody || self.dice.throw(4) == 0).copied();
                drawn.take(HOLDERS_MAX).collect::<Vec<_>>()
            };
            batches.push((index, draw(), draw()));
        }
        let worth = |(_, first, second): &(usize, Vec<DomainId>, Vec<DomainId>)| {
            Decimal::from(100 + 50 * first.len() + 20 * second.len())
        };
        if !month.has_passed(6) {
            return Ok(());
        }
        let at = month.at(6, 3);
        self.story.pass(connection, means, at).await?;
        let whole: Decimal = batches.iter().map(worth).sum::<Decimal>() * Decimal::TWO;
        let top = (tenant, self.top.domain);
        let granted =
            coupons::grant(connection, top, QuotaKind::Cash, &whole.to_string(), Limits::default(), at).await?;
        let mut quotas = Vec::with_capacity(batches.len());
        for batch in &batches {
            let seller = self.sellers[batch.0].account;
            let quota = if seller.domain == self.top.domain {
                granted
            } else {
                update_coupon_quotas::split_for(connection, top, (granted, seller.domain), worth(batch), at).await?
            };
            quotas.push(quota);
        }
        let mut issued: Vec<(usize, Vec<CouponId>)> = Vec::new();
        for (day, face_value, days) in [(8, 50, 60), (18, 20, 120)] {
            // At midnight, so that what falls due on the world's day has fallen due when the world is made.
            let at = month.at(day, 0);
            if !month.has_passed(day) {
                return Ok(());
            }
            self.story.pass(connection, means, at).await?;
            for ((index, first, second), quota) in batches.iter().zip(&quotas) {
                let seller = self.sellers[*index].account;
                let holders = if day == 8 { first } else { second };
                let validity = Some(Validity { from: at, until: at + Duration::days(days) });
                let (face_value, user) = (Decimal::from(face_value), Some(seller.user));
                let batch = Batch { quota: *quota, face_value, validity, user };
                let made = coupons::hand_out(connection, (tenant, seller.domain), holders, &batch, at).await?;
                issued.push((*index, made));
            }
        }
        if month.has_passed(24) {
            let at = month.at(24, 5);
            self.story.pass(connection, means, at).await?;
            for (index, seller) in self.sellers.iter().enumerate() {
                let own = issued.iter().filter(|(seller, _)| *seller == index);
                let unwanted: Vec<CouponId> = own.flat_map(|(_, made)| made.iter().copied()).step_by(12).collect();
                coupons::take_back(connection, tenant, &unwanted, seller.account.user, at).await?;
            }
        }
        Ok(())
    }
}

async fn post(
    connection: &mut PgConnection,
    tenant: TenantId,
    postings: Vec<(Posting, OffsetDateTime)>,
) -> anyhow::Result<()> {
    for part in postings.chunks(TOGETHER) {
        ledger::post_each(connection, tenant, part).await?;
    }
    Ok(())
}
