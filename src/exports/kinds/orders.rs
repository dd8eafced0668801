//! Orders of customers, in the fields of `ListCustomerOrders`.

use crate::exports::source::{Of, Source, With, instant, micros, table};
use crate::exports::table::{Cell, Column};
use crate::orders::model::ReductionKind;
use crate::orders::store::search::{OrderFilter, OrderRow, Search, Span, Whose};
use rust_decimal::Decimal;
use sqlx::PgConnection;
use time::Duration;

/// Orders.
pub struct Orders;

table! {
    order: OrderRow, with;
    "order_id": Text = order.order_id.as_str();
    "customer_id": Text = order.domain_id;
    "service_type_code": Text = order.service_type_code.as_str();
    "service_type_name": Text = with.service(&order.service_type_code);
    "source_type": Whole = order.source_type.code();
    "status": Whole = order.status.code();
    "order_type": Whole = order.order_type.code();
    "official_amount": Number = order.official_amount;
    "amount_after_discount": Number = order.amount_after_discount;
    "coupon_amount": Number = reduced(&order, ReductionKind::CashCoupon);
    "flexipurchase_coupon_amount": Number = reduced(&order, ReductionKind::FlexiCoupon);
    "stored_card_amount": Number = order.card_amount;
    "commission_amount": Number = order.commission_amount;
    "consumed_amount": Number = order.consumed_amount;
    "currency": Text = order.currency.code();
    "create_time": Time = order.created_at;
    "payment_time": Time = order.paid_at;
    "user_name": Text = with.personal(&order.user_name);
    "enterprise_project_id": Text = order.enterprise_project_id.as_deref();
    "paying_agent_id": Text = order.paying_agent_id;
}

fn reduced(order: &OrderRow, kind: ReductionKind) -> Decimal {
    order.discounts.iter().filter(|reduction| reduction.0 == kind).map(|reduction| reduction.1).sum()
}

impl Source for Orders {
    const COLUMNS: &'static [Column] = COLUMNS;
    type Row = OrderRow;
    type Key = (i64, String);

    async fn count(connection: &mut PgConnection, of: &Of) -> sqlx::Result<i64> {
        search(of).count().build_query_scalar().fetch_one(connection).await
    }

    async fn behind(
        connection: &mut PgConnection,
        of: &Of,
        key: Option<(i64, String)>,
        limit: usize,
    ) -> sqlx::Result<Vec<OrderRow>> {
        search(of).behind(connection, key.map(|(at, order)| (instant(at), order)), limit).await
    }

    fn key(order: &OrderRow) -> (i64, String) {
        (micros(order.created_at), order.order_id.clone())
    }

    fn cells(order: OrderRow, with: &With<'_>) -> Vec<Cell> {
        cells(order, with)
    }
}

fn search(of: &Of) -> Search {
    // Its last second is meant as a whole.
    let created = of.days.map_or(Span::default(), |(first, last)| Span {
        from: Some(first.start()),
        to: Some(last.end() - Duration::SECOND),
    });
    let filter = OrderFilter { customer: of.customer, created, ..OrderFilter::default() };
    Search { tenant: of.tenant, whose: Whose::Partner(of.owner), filter, ascending: false }
}
