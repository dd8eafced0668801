//! `bss-gateway admin real-name …`

use super::review::{self, Opinion};
use super::store;
use crate::arguments::given;
use crate::clock::{self, Clock};
use crate::config::Settings;
use crate::identity::administration::find_account;
use crate::personal::Vault;
use clap::Subcommand;
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};

/// `admin real-name …`
#[derive(Debug, Subcommand)]
pub enum RealNameCommand {
    /// List the applications under review, oldest first
    List,
    /// Show all that was sent with a customer's application
    Show {
        /// The customer's account
        account: String,
    },
    /// Pass a customer's application
    Approve {
        /// The customer's account
        account: String,
    },
    /// Refuse it
    Refuse {
        /// The customer's account
        account: String,
        /// Why: the partner reads it
        #[arg(value_parser = given::<Opinion>)]
        opinion: Opinion,
    },
    /// Let nobody be verified with a document's number
    Ban {
        /// The number
        number: String,
    },
    /// Give it free
    Unban {
        /// The number
        number: String,
    },
}

/// Does it.
pub async fn run(
    connection: &mut PgConnection,
    command: RealNameCommand,
    vault: &Vault,
    settings: &Settings,
) -> anyhow::Result<Value> {
    let mut transaction = connection.begin().await?;
    let done = match command {
        RealNameCommand::List => serde_json::to_value(store::all_pending(&mut transaction, (None, usize::MAX)).await?)?,
        RealNameCommand::Show { account } => {
            let customer = find_account(&mut transaction, &account).await?;
            serde_json::to_value(review::application(&mut transaction, vault, customer).await?)?
        }
        RealNameCommand::Approve { account } => {
            let customer = find_account(&mut transaction, &account).await?;
            let now = clock::business_time(&mut transaction, customer.0, &Clock::default()).await?;
            review::pass(&mut transaction, vault, customer, &settings.real_name, now).await?;
            json!({ "account": account, "result": "passed" })
        }
        RealNameCommand::Refuse { account, opinion } => {
            let customer = find_account(&mut transaction, &account).await?;
            let now = clock::business_time(&mut transaction, customer.0, &Clock::default()).await?;
            review::refuse(&mut transaction, customer, opinion.as_str(), now).await?;
            json!({ "account": account, "result": "refused" })
        }
        RealNameCommand::Ban { number } => ban(&mut transaction, vault, &number, true).await?,
        RealNameCommand::Unban { number } => ban(&mut transaction, vault, &number, false).await?,
    };
    transaction.commit().await?;
    Ok(done)
}

async fn ban(connection: &mut PgConnection, vault: &Vault, number: &str, banned: bool) -> anyhow::Result<Value> {
    review::set_ban(connection, vault, number, banned).await?;
    Ok(json!({ "number": number, "banned": banned }))
}
