//! Resources of customers: those that were bought for a time, and those that are paid by use.

use crate::exports::source::{Of, Source, With, table};
use crate::exports::table::{Cell, Column};
use crate::pricing::model::description;
use crate::resources::walk::{self, Owned, ResourceKey};
use sqlx::PgConnection;

/// Resources.
pub struct Resources;

table! {
    owned: Owned, with;
    "customer_id": Text = owned.customer;
    "resource_id": Text = owned.resource_id.as_str();
    "resource_name": Text = owned.resource_name.as_str();
    "charging_mode": Whole = owned.charging_mode;
    "service_type_code": Text = owned.service_type_code.as_str();
    "resource_type_code": Text = owned.resource_type_code.as_str();
    "service_type_name": Text = with.service(&owned.service_type_code);
    "resource_type_name": Text = with.resource_type(&owned.resource_type_code);
    "region_code": Text = owned.region_code.as_str();
    "resource_spec_code": Text = owned.resource_spec.as_str();
    "product_spec_desc": Text = description(&owned.resource_spec, owned.resource_size);
    "spec_size": Whole = owned.resource_size;
    "spec_size_measure_id": Whole = owned.size_measure_id;
    "project_id": Text = owned.project_id.simple().to_string();
    "product_id": Text = owned.product_id.as_deref();
    "order_id": Text = owned.order_id.as_deref();
    "enterprise_project_id": Text = owned.enterprise_project_id.as_deref();
    "parent_resource_id": Text = owned.parent_id.as_deref();
    "is_main_resource": Whole = owned.is_main.map(i16::from);
    "status": Whole = owned.status;
    "effective_time": Time = owned.effective_at;
    "expire_time": Time = owned.expires_at;
    "expire_policy": Whole = owned.expire_policy;
}

impl Source for Resources {
    const COLUMNS: &'static [Column] = COLUMNS;
    type Row = Owned;
    type Key = ResourceKey;

    async fn count(connection: &mut PgConnection, of: &Of) -> sqlx::Result<i64> {
        walk::count(connection, (of.tenant, of.owner), of.customer).await
    }

    async fn behind(
        connection: &mut PgConnection,
        of: &Of,
        key: Option<ResourceKey>,
        limit: usize,
    ) -> sqlx::Result<Vec<Owned>> {
        walk::behind(connection, (of.tenant, of.owner), of.customer, (key, limit)).await
    }

    fn key(owned: &Owned) -> ResourceKey {
        owned.key()
    }

    fn cells(owned: Owned, with: &With<'_>) -> Vec<Cell> {
        cells(owned, with)
    }
}
