//! What orders are handled by: products and prices, and the rules that are settings.

use crate::catalogue::memory::Catalogue;
use crate::config::{OrderSettings, Settings};
use crate::pricing::model::Currency;
use crate::pricing::quote::default_currency;
use crate::values::site::Site;
use sqlx::PgConnection;
use std::sync::Arc;
use time::{Duration, OffsetDateTime};
use tokio::sync::OnceCell;

/// What orders are handled by. Cheap to make: one for each request, and one for each look at what is due.
#[derive(Clone, Debug)]
pub struct Desk {
    /// Products and prices.
    pub catalogue: Arc<Catalogue>,
    /// The vendor's site.
    pub site: Site,
    settings: OrderSettings,
}

/// A desk that is made when it is needed first: what falls due mostly needs none, and products and prices take long to read.
#[derive(Debug)]
pub struct DeskWhenNeeded {
    site: Site,
    settings: OrderSettings,
    desk: OnceCell<Desk>,
}

impl DeskWhenNeeded {
    /// One that has to be made.
    pub fn new(settings: &Settings) -> Self {
        Self { site: settings.api.site, settings: settings.orders.clone(), desk: OnceCell::new() }
    }

    /// The desk.
    pub async fn get(&self, connection: &mut PgConnection) -> sqlx::Result<&Desk> {
        let load = async || {
            let catalogue = Arc::new(Catalogue::load(connection).await?);
            Ok(Desk { catalogue, site: self.site, settings: self.settings.clone() })
        };
        self.desk.get_or_try_init(load).await
    }
}

impl From<Desk> for DeskWhenNeeded {
    fn from(desk: Desk) -> Self {
        Self { site: desk.site, settings: desk.settings.clone(), desk: OnceCell::new_with(Some(desk)) }
    }
}

impl Desk {
    /// As the configuration says.
    pub fn new(catalogue: Arc<Catalogue>, settings: &Settings) -> Self {
        Self { catalogue, site: settings.api.site, settings: settings.orders.clone() }
    }

    /// The currency of accounts that have none of their own.
    pub fn currency(&self) -> Currency {
        default_currency(self.site)
    }

    /// How long an order waits to be paid.
    pub fn patience(&self) -> Duration {
        Duration::hours(self.settings.payment_hours.into())
    }

    /// When the sandbox's own provisioner is done with what it begins now; nothing where services report what they provided.
    pub fn provided_at(&self, now: OffsetDateTime) -> Option<OffsetDateTime> {
        let seconds = Some(self.settings.provision_seconds).filter(|seconds| *seconds > 0)?;
        Some(now.saturating_add(Duration::seconds(seconds.into())))
    }
}
