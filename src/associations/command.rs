//! `bss-gateway admin association …`

use super::{administration, lifecycle};
use crate::clock::{self, Clock};
use crate::customers::membership;
use crate::customers::model::AssociationType;
use crate::identity::administration::find_account;
use clap::Subcommand;
use serde_json::Value;
use sqlx::{Connection, PgConnection};

/// `admin association …`
#[derive(Debug, Subcommand)]
pub enum AssociationCommand {
    /// Show how it came to be
    Show {
        /// The customer's account
        account: String,
    },
    /// Make an account that is nobody's customer a partner's, of the same tenant
    Invite {
        /// The account
        account: String,
        /// The partner's or reseller's account
        partner: String,
        /// As a referral customer, who pays the vendor itself
        #[arg(long)]
        referral: bool,
    },
    /// Make a resale customer a referral customer, or the other way round
    Switch {
        /// The customer's account
        account: String,
        /// Only to this, so that it can be said twice
        #[arg(long)]
        to: Option<AssociationType>,
    },
    /// End it: what was allocated goes back to the partner
    Unbind {
        /// The customer's account
        account: String,
    },
}

/// Does it.
pub async fn association(connection: &mut PgConnection, command: AssociationCommand) -> anyhow::Result<Value> {
    let mut transaction = connection.begin().await?;
    let name = match &command {
        AssociationCommand::Show { account }
        | AssociationCommand::Invite { account, .. }
        | AssociationCommand::Switch { account, .. }
        | AssociationCommand::Unbind { account } => account.clone(),
    };
    let customer = find_account(&mut transaction, &name).await?;
    let now = clock::business_time(&mut transaction, customer.0, &Clock::default()).await?;
    match command {
        AssociationCommand::Show { .. } => {}
        AssociationCommand::Invite { partner, referral, .. } => {
            let kind = if referral { AssociationType::Referral } else { AssociationType::Resale };
            administration::invite(&mut transaction, customer, (&partner, kind), now).await?;
        }
        AssociationCommand::Switch { to: None, .. } => {
            lifecycle::switch(&mut transaction, customer, now).await?;
        }
        AssociationCommand::Switch { to: Some(wanted), .. } => {
            lifecycle::set_type(&mut transaction, customer, wanted, now).await?;
        }
        AssociationCommand::Unbind { .. } => lifecycle::unbind(&mut transaction, customer, now).await?,
    }
    let steps = membership::history(&mut transaction, customer.0, customer.1).await?;
    transaction.commit().await?;
    Ok(serde_json::to_value(steps)?)
}
