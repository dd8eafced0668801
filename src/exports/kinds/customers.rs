//! Customers of a partner, in the fields of `ListSubCustomers`.

use crate::customers::list::Row;
use crate::customers::model::association_type;
use crate::customers::walk;
use crate::exports::source::{Of, Source, With, table};
use crate::exports::table::{Cell, Column};
use crate::values::site::Site;
use sqlx::PgConnection;

/// Customers.
pub struct Customers;

table! {
    customer: Row, with;
    "customer": Text = with.sealed(customer.sealed_name.as_deref(), customer.id);
    "account_name": Text = with.personal(&customer.name);
    "customer_id": Text = customer.id;
    "associated_on": Time = customer.associated_at;
    "association_type": Text = association_type(customer.kind, customer.international || with.site == Site::Intl);
    "label": Text = customer.label.as_str();
    "telephone": Text = with.sealed(customer.sealed_phone.as_deref(), customer.id);
    "verified_status": Text = (customer.verified as i16).to_string();
    "country_code": Text = customer.country_code.as_deref();
    "customer_type": Whole = customer.customer_type as i16;
    "is_frozen": Whole = customer.frozen as i16;
    "account_manager": Text = customer.account_manager.as_deref().map(|manager| with.personal(manager));
    "xaccount_id": Text = customer.xaccount_id.as_deref();
    "xaccount_type": Text = customer.xaccount_type.as_deref();
    "customer_level": Text = customer.level.as_str();
    "email": Text = with.sealed(customer.sealed_email.as_deref(), customer.id);
}

impl Source for Customers {
    const COLUMNS: &'static [Column] = COLUMNS;
    type Row = Row;
    type Key = i64;

    async fn count(connection: &mut PgConnection, of: &Of) -> sqlx::Result<i64> {
        walk::count(connection, (of.tenant, of.owner), (of.customer, of.days)).await
    }

    async fn behind(connection: &mut PgConnection, of: &Of, key: Option<i64>, limit: usize) -> sqlx::Result<Vec<Row>> {
        walk::behind(connection, (of.tenant, of.owner), (of.customer, of.days), (key, limit)).await
    }

    fn key(customer: &Row) -> i64 {
        customer.number
    }

    fn cells(customer: Row, with: &With<'_>) -> Vec<Cell> {
        cells(customer, with)
    }
}
