//! `bss-gateway admin resources …`: resources that were bought elsewhere, recorded by hand.

use crate::arguments::{currency, given, instant};
use crate::clock::Clock;
use crate::customers::store as customers;
use crate::identity;
use crate::identity::administration::find_account;
use crate::pricing::model::{Currency, Period, PeriodType, ResourceId, Size};
use crate::subscriptions::model::{Subscription, SubscriptionState};
use crate::subscriptions::store as subscriptions;
use anyhow::{Context, ensure};
use clap::Subcommand;
use serde_json::{Value, json};
use sqlx::PgConnection;
use time::OffsetDateTime;

/// `admin resources …`
#[derive(Debug, Subcommand)]
pub enum ResourcesCommand {
    /// Record a yearly or monthly resource of an account
    Add(Box<AddResource>),
    /// Set the state of a resource
    SetState {
        /// The account
        account: String,
        /// The resource
        resource_id: String,
        /// The state
        state: SubscriptionState,
    },
}

/// `admin resources add …`
#[derive(Debug, clap::Args)]
pub struct AddResource {
    /// The account
    account: String,
    /// The resource's id, unique in the account's tenant
    #[arg(value_parser = given::<ResourceId>)]
    resource_id: ResourceId,
    /// Its type
    #[arg(long)]
    resource: String,
    /// Its specification
    #[arg(long)]
    spec: String,
    /// Its region
    #[arg(long)]
    region: String,
    /// How large a linear product is
    #[arg(long, requires = "size_measure")]
    size: Option<i32>,
    /// The unit of the size: 14 pieces, 15 Mbps, 17 GB
    #[arg(long, requires = "size")]
    size_measure: Option<i32>,
    /// In which currency it was bought: CNY or USD
    #[arg(long, default_value = "CNY", value_parser = currency)]
    currency: Currency,
    /// For how many months it was bought last
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=11))]
    months: u32,
    /// Until when it is paid for, for instance 2026-01-31T16:00:00Z
    #[arg(long, value_parser = instant)]
    expires: OffsetDateTime,
    /// The primary resource that it follows as a secondary
    #[arg(long, conflicts_with = "associated_with")]
    follows: Option<String>,
    /// The primary resource that this primary is associated with
    #[arg(long)]
    associated_with: Option<String>,
}

/// Does it.
pub async fn run(connection: &mut PgConnection, command: ResourcesCommand) -> anyhow::Result<Value> {
    match command {
        ResourcesCommand::Add(add) => add_resource(connection, *add, Clock::default().now()).await,
        ResourcesCommand::SetState { account: name, resource_id, state } => {
            let account = find_account(connection, &name).await?;
            let found = subscriptions::set_state(connection, account, &resource_id, state).await?;
            ensure!(found, "the account {name} has no resource {resource_id}");
            Ok(json!({ "account": name, "resource_id": resource_id, "state": state }))
        }
    }
}

async fn add_resource(connection: &mut PgConnection, add: AddResource, now: OffsetDateTime) -> anyhow::Result<Value> {
    let account = find_account(connection, &add.account).await?;
    let customer = customers::lock(connection, account.0, account.1).await?;
    customer.with_context(|| format!("the account {} is no customer's", add.account))?;
    let projects = identity::store::projects(connection, account.0, account.1).await?;
    let project = projects.into_iter().find(|project| project.name == add.region);
    let project = project.with_context(|| format!("there is no region {}", add.region))?;
    let place = (project.id.0, add.region);
    let new = Subscription {
        resource_type: add.resource,
        resource_spec: add.spec,
        size: add.size.zip(add.size_measure).map(|(size, measure_id)| Size { size, measure_id }),
        currency: add.currency,
        is_main: add.follows.is_none(),
        parent_id: add.follows.or(add.associated_with),
        period: Period { kind: PeriodType::Month, num: add.months },
        expires_at: add.expires,
        ..Subscription::recorded(add.resource_id.as_str().to_owned(), place, now)
    };
    let due = new.is_main.then_some(new.expires_at);
    match subscriptions::insert(connection, account, &new, due).await {
        Ok(()) => Ok(json!({ "account": add.account, "resource_id": new.resource_id })),
        Err(error) if crate::database::violates(&error, "subscriptions_pk") => {
            Err(error).with_context(|| format!("there is already a resource {}", new.resource_id))
        }
        Err(error) if crate::database::violates(&error, "subscriptions_parent_fk") => {
            Err(error).context("there is no such primary resource")
        }
        Err(error) => Err(error.into()),
    }
}
