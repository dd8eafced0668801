//! `bss-gateway admin notifications …`

use super::deliveries;
use crate::clock::Clock;
use crate::customers::partner_administration::find_partner;
use clap::Subcommand;
use serde_json::{Value, json};
use sqlx::PgConnection;
use uuid::Uuid;

/// `admin notifications …`
#[derive(Debug, Subcommand)]
pub enum NotificationsCommand {
    /// List what a partner was told, the latest first, with each attempt
    List {
        /// The partner's account
        account: String,
        /// How many at most
        #[arg(long, default_value_t = 100)]
        limit: usize,
    },
    /// Send one again, to the address that is set now
    Send {
        /// The partner's account
        account: String,
        /// The notification's id
        notification: Uuid,
    },
}

/// Does it.
pub async fn notifications(connection: &mut PgConnection, command: NotificationsCommand) -> anyhow::Result<Value> {
    let now = Clock::default().now();
    match command {
        NotificationsCommand::List { account, limit } => {
            let (tenant, partner, _) = find_partner(connection, &account).await?;
            let traces = deliveries::traces(connection, (tenant, partner), (None, limit), now).await?;
            Ok(serde_json::to_value(traces)?)
        }
        NotificationsCommand::Send { account, notification } => {
            let (tenant, partner, _) = find_partner(connection, &account).await?;
            deliveries::send_again(connection, (tenant, partner), notification, now).await?;
            Ok(json!({ "account": account, "notification": notification }))
        }
    }
}
