//! Resources for a sandbox's customer.

use super::model::Subscription;
use super::store as subscriptions;
use crate::identity;
use crate::pricing::model::Size;
use crate::values::id::{DomainId, TenantId};
use anyhow::Context;
use sqlx::PgConnection;
use time::{Duration, OffsetDateTime};

/// Where the sample resources are.
const REGION: &str = "cn-north-4";

/// Gives a customer what renewals can be tried with: a server with a disk (its secondary) and an address (associated with
/// it), paid for another month.
pub async fn furnish(
    connection: &mut PgConnection,
    customer: (TenantId, DomainId),
    now: OffsetDateTime,
) -> anyhow::Result<()> {
    let projects = identity::store::projects(connection, customer.0, customer.1).await?;
    let project = projects.iter().find(|project| project.name == REGION).context("each account has every project")?;
    let parent = Some("demo-server".to_owned());
    for (id, kind, spec, size, is_main, parent_id) in [
        ("demo-server", "hws.resource.type.vm", "s6.large.2.linux", None, true, None),
        (
            "demo-disk",
            "hws.resource.type.volume",
            "SSD",
            Some(Size { size: 40, measure_id: 17 }),
            false,
            parent.clone(),
        ),
        ("demo-address", "hws.resource.type.ip", "5_bgp", None, true, parent),
    ] {
        let place = (project.id.0, REGION.to_owned());
        let new = Subscription {
            resource_type: kind.to_owned(),
            resource_spec: spec.to_owned(),
            size,
            is_main,
            parent_id,
            expires_at: now + Duration::days(30),
            ..Subscription::recorded(id.to_owned(), place, now)
        };
        let due = new.is_main.then_some(new.expires_at);
        subscriptions::insert(connection, customer, &new, due).await?;
    }
    Ok(())
}
