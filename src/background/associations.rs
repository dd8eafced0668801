//! Associations that registrations and invitations left to be made.

use crate::app::App;
use crate::customers::membership::complete;
use crate::values::id::{DomainId, TenantId};
use std::time::Duration;

/// How often [`run`] looks for registrations that nobody woke it for.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Most associations of one look.
const LOOK_MAX: i64 = 1000;

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
