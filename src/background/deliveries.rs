//! Delivers events: each endpoint is served by itself, so that a slow one holds up no other.

use crate::app::App;
use crate::events::deliver::{due_endpoints, report, take, target};
use crate::supervisor::in_words;
use crate::values::id::TenantId;
use std::collections::HashMap;
use std::time::Duration;
use tokio::task::{Id, JoinError, JoinSet};
use uuid::Uuid;

/// What the task is called.
const NAME: &str = "deliveries";
/// How often [`run`] looks for what nobody woke it for.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Most endpoints that are served at once.
const ENDPOINTS_MAX: usize = 256;
/// Most endpoints of one tenant that are.
const ENDPOINTS_OF_TENANT_MAX: usize = 32;
/// How long an endpoint that took nothing is left in peace.
const REST: Duration = Duration::from_secs(1);

/// Delivers until the task is dropped. Several replicas may: who has taken a delivery has it until its time is up.
pub async fn run(app: App) {
    let mut served = JoinSet::new();
    let mut busy: HashMap<Id, (TenantId, Uuid)> = HashMap::new();
    loop {
        app.health.turn(NAME);
        let endpoints: Vec<Uuid> = busy.values().map(|(_, endpoint)| *endpoint).collect();
        match due_endpoints(&app.database, &endpoints, app.notifier.tells_bindings(), app.clock.now()).await {
            Ok(endpoints) => {
                for (tenant, endpoint) in endpoints {
                    let of_tenant = busy.values().filter(|(other, _)| *other == tenant).count();
                    if busy.len() < ENDPOINTS_MAX && of_tenant < ENDPOINTS_OF_TENANT_MAX {
                        let app = app.clone();
                        let task = served.spawn(async move { serve(&app, tenant, endpoint).await });
                        busy.insert(task.id(), (tenant, endpoint));
                    }
                }
            }
            Err(error) => tracing::warn!(%error, "events to be delivered could not be read; they are read again"),
        }
        tokio::select! {
            // There may be more for it.
            Some(ended) = served.join_next_with_id() => {
                busy.remove(&ended.map_or_else(ended_badly, |(id, ())| id));
            }
            () = app.notified.notified() => {}
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }
}

/// Notes that serving an endpoint has panicked; which it was. It holds up no other: what was taken for it is due again soon.
fn ended_badly(error: JoinError) -> Id {
    let id = error.id();
    if let Ok(panic) = error.try_into_panic() {
        metrics::counter!("bss_task_panics_total", "task" => NAME).increment(1);
        tracing::error!(
            cause = in_words(panic.as_ref()),
            "events could not be delivered to an endpoint; they are tried again"
        );
    }
    id
}

/// Posts what is due at an endpoint until nothing is, or nothing of it is taken.
async fn serve(app: &App, tenant: TenantId, endpoint: Uuid) {
    loop {
        match serve_once(app, tenant, endpoint).await {
            Ok(Served { tried: 0, .. }) => return,
            Ok(Served { taken: 0, .. }) => return tokio::time::sleep(REST).await,
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(%tenant, %endpoint, %error, "events could not be delivered; they are tried again");
                return tokio::time::sleep(REST).await;
            }
        }
    }
}

/// How many events were posted, and how many of them were taken.
struct Served {
    tried: usize,
    taken: usize,
}

async fn serve_once(app: &App, tenant: TenantId, endpoint: Uuid) -> sqlx::Result<Served> {
    let (due, target) = {
        let mut connection = app.database.tenant(tenant).await?;
        let Some(target) = target(&mut connection, tenant, endpoint, &app.sealer).await? else {
            return Ok(Served { tried: 0, taken: 0 });
        };
        (take(&mut connection, (tenant, endpoint), app.clock.now(), app.notifier.patience).await?, target)
    };
    let tried = due.len();
    let mut posts = JoinSet::new();
    for due in due {
        let (app, target) = (app.clone(), target.clone());
        posts.spawn(async move {
            let outcome = app.notifier.post(&target.url, &target.form, &due.event, app.clock.now()).await;
            let is_taken = outcome.error.is_empty();
            report(&mut *app.database.tenant(tenant).await?, (tenant, endpoint), &due, &outcome, app.clock.now())
                .await?;
            sqlx::Result::Ok(is_taken)
        });
    }
    let taken = posts.join_all().await.into_iter().collect::<sqlx::Result<Vec<bool>>>()?;
    Ok(Served { tried, taken: taken.into_iter().filter(|taken| *taken).count() })
}
