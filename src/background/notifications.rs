//! Delivers notifications.

use crate::app::App;
use crate::notifications::{report, take};
use crate::values::id::TenantId;
use ring::signature::RsaKeyPair;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use uuid::Uuid;

/// How often [`run`] looks for notifications that nobody woke it for.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Most tenants that are served at once.
const TENANTS_MAX: usize = 64;

/// Delivers until the task is dropped. Several replicas may: who has taken a notification has it until its time is up.
///
/// Each tenant is served by itself, so that a slow server of one holds up no other.
pub async fn run(app: App) {
    // Without a key they wait.
    let Some(key) = app.notifier.key.clone() else { return std::future::pending().await };
    let mut served = JoinSet::new();
    let mut busy = HashSet::new();
    loop {
        match due_tenants(&app, &busy).await {
            Ok(tenants) => {
                for tenant in tenants {
                    busy.insert(tenant);
                    let (app, key) = (app.clone(), key.clone());
                    served.spawn(async move {
                        if let Err(error) = deliver_due(&app, &key, tenant).await {
                            tracing::warn!(%tenant, %error, "notifications could not be delivered; they are tried again");
                        }
                        tenant
                    });
                }
            }
            Err(error) => tracing::warn!(%error, "notifications could not be read; they are read again"),
        }
        tokio::select! {
            // There may be more for it.
            Some(Ok(tenant)) = served.join_next() => drop(busy.remove(&tenant)),
            () = app.notified.notified() => {}
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }
}

/// Tenants for whom something is due and who are not served already.
async fn due_tenants(app: &App, busy: &HashSet<TenantId>) -> sqlx::Result<Vec<TenantId>> {
    let room = TENANTS_MAX.saturating_sub(busy.len());
    let busy: Vec<Uuid> = busy.iter().map(|tenant| tenant.0).collect();
    sqlx::query_scalar!(
        r#"select distinct tenant_id as "tenant: TenantId" from notifications n
           where delivered_at is null and due_at <= $1 and tenant_id <> all($2)
             and not exists (select 1 from notifications e
                             where e.tenant_id = n.tenant_id and e.customer_id = n.customer_id and e.number < n.number
                               and e.delivered_at is null)
           limit $3"#,
        app.clock.now(),
        &busy,
        i64::try_from(room).unwrap_or_default()
    )
    .fetch_all(&mut *app.database.control().await?)
    .await
}

/// Tries what is due for a tenant once, all at once.
async fn deliver_due(app: &App, key: &Arc<RsaKeyPair>, tenant: TenantId) -> sqlx::Result<()> {
    let patience = app.notifier.patience;
    let taken = take(&mut *app.database.tenant(tenant).await?, tenant, app.clock.now(), patience).await?;
    let mut posts = JoinSet::new();
    for due in taken {
        let (app, key) = (app.clone(), key.clone());
        posts.spawn(async move {
            let outcome = app.notifier.post(&key, &due).await;
            report(&mut *app.database.tenant(tenant).await?, tenant, &due, &outcome, app.clock.now()).await
        });
    }
    posts.join_all().await.into_iter().collect()
}
