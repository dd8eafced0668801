//! Lines of orders.

use crate::orders::model::{Amounts, Line, LineOf, LineOutcome, Order, Product, Reduction, ReductionKind};
use crate::pricing::model::{Period, PeriodType, Size};
use crate::values::id::TenantId;
use rust_decimal::Decimal;
use sqlx::PgConnection;
use sqlx::types::Json;
use time::OffsetDateTime;

/// A line's number as it is stored and shown, from 1.
pub fn number(place: usize) -> i16 {
    i16::try_from(place + 1).expect("an order has few lines")
}

/// A line's place, from 0.
pub fn place(number: i16) -> usize {
    usize::try_from(number - 1).expect("lines are numbered from 1")
}

/// Writes the lines of a new order.
pub(super) async fn insert(connection: &mut PgConnection, order: &Order) -> sqlx::Result<()> {
    let lines = Columns(&order.lines);
    let period = |line: &Line| i32::try_from(line.period.num).ok().filter(|num| *num > 0);
    sqlx::query!(
        "insert into order_lines (tenant_id, order_id, line, service_type_code, resource_type_code, resource_spec,
             region_code, project_id, resource_size, size_measure_id, product_id, period_type, period_num, official_amount,
             amount_after_discount, coupon_amount, flexi_amount, card_amount, commission_amount, consumed_amount, discounts,
             main_line, resource_id, resource_name, outcome, effective_at, expires_at, base_order_id, base_line)
         select t.tenant_id, $2, u.line, u.service_type, u.resource_type, u.spec, u.region, u.project_id, u.size,
                u.measure_id, u.product_id, u.period_type, u.period_num, u.official, u.after_discount, u.coupon, u.flexi,
                u.card, u.commission, u.consumed, u.discounts, u.main_line, u.resource_id, u.resource_name, u.outcome,
                u.effective_at, u.expires_at, u.base_order, u.base_line
         from tenants t,
              unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::uuid[], $8::int[], $9::int[], $10::text[],
                     $11::smallint[], $12::int[], $13::numeric[], $14::numeric[], $15::numeric[], $16::numeric[],
                     $17::numeric[], $18::numeric[], $19::numeric[], $20::jsonb[], $21::smallint[], $22::text[],
                     $23::text[], $24::text[], $25::timestamptz[], $26::timestamptz[], $27::text[],
                     $28::smallint[]) with ordinality
                  as u (service_type, resource_type, spec, region, project_id, size, measure_id, product_id, period_type,
                        period_num, official, after_discount, coupon, flexi, card, commission, consumed, discounts,
                        main_line, resource_id, resource_name, outcome, effective_at, expires_at, base_order, base_line,
                        line)
         where t.tenant_id = $1",
        order.tenant.0,
        order.id,
        &lines.of(|line| line.product.service_type.clone()),
        &lines.of(|line| line.product.resource_type.clone()),
        &lines.of(|line| line.product.resource_spec.clone()),
        &lines.of(|line| line.product.region.clone()),
        &lines.of(|line| line.product.project_id),
        &lines.of(|line| line.product.size.map(|size| size.size)) as &[Option<i32>],
        &lines.of(|line| line.product.size.map(|size| size.measure_id)) as &[Option<i32>],
        &lines.of(|line| line.product.product_id.clone()),
        &lines.of(|line| i16::try_from(line.period.kind.number()).expect("period types are one digit")),
        &lines.of(period) as &[Option<i32>],
        &lines.of(|line| line.amounts.official),
        &lines.of(|line| line.amounts.after_discount),
        &lines.of(|line| line.amounts.by(ReductionKind::CashCoupon)),
        &lines.of(|line| line.amounts.by(ReductionKind::FlexiCoupon)),
        &lines.of(|line| line.amounts.card),
        &lines.of(|line| line.amounts.commission) as &[Option<Decimal>],
        &lines.of(|line| line.amounts.consumed) as &[Option<Decimal>],
        &lines.of(|line| Json(line.amounts.reductions.clone())) as &[Json<Vec<Reduction>>],
        &lines.of(|line| line.main.map(number)) as &[Option<i16>],
        &lines.of(|line| line.resource_id.clone()) as &[Option<String>],
        &lines.of(|line| line.resource_name.clone()),
        &lines.of(|line| line.outcome) as &[LineOutcome],
        &lines.of(|line| line.effective_at) as &[Option<OffsetDateTime>],
        &lines.of(|line| line.expires_at) as &[Option<OffsetDateTime>],
        &lines.of(|line| line.base.as_ref().map(|base| base.order.clone())) as &[Option<String>],
        &lines.of(|line| line.base.as_ref().map(|base| base.line)) as &[Option<i16>]
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Lines, sent column by column.
struct Columns<'a>(&'a [Line]);

impl<'a> Columns<'a> {
    fn of<C>(&self, column: impl Fn(&'a Line) -> C) -> Vec<C> {
        self.0.iter().map(column).collect()
    }
}

/// Writes what each line costs, or gives back, and what was paid of it.
pub(super) async fn set_amounts(connection: &mut PgConnection, order: &Order) -> sqlx::Result<()> {
    let lines = Columns(&order.lines);
    sqlx::query!(
        "update order_lines l
         set official_amount = u.official, amount_after_discount = u.after_discount, coupon_amount = u.coupon,
             flexi_amount = u.flexi, card_amount = u.card, discounts = u.discounts
         from unnest($3::numeric[], $4::numeric[], $5::numeric[], $6::numeric[], $7::numeric[], $8::jsonb[]) with ordinality
                  as u (official, after_discount, coupon, flexi, card, discounts, line)
         where l.tenant_id = $1 and l.order_id = $2 and l.line = u.line",
        order.tenant.0,
        order.id,
        &lines.of(|line| line.amounts.official),
        &lines.of(|line| line.amounts.after_discount),
        &lines.of(|line| line.amounts.by(ReductionKind::CashCoupon)),
        &lines.of(|line| line.amounts.by(ReductionKind::FlexiCoupon)),
        &lines.of(|line| line.amounts.card),
        &lines.of(|line| Json(line.amounts.reductions.clone())) as &[Json<Vec<Reduction>>]
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Writes what became of each line: its resource, what the service said, and from when to when it is paid for.
pub async fn set_outcomes(connection: &mut PgConnection, order: &Order) -> sqlx::Result<()> {
    let lines = Columns(&order.lines);
    sqlx::query!(
        "update order_lines l
         set resource_id = u.resource_id, outcome = u.outcome, effective_at = u.effective_at, expires_at = u.expires_at
         from unnest($3::text[], $4::text[], $5::timestamptz[], $6::timestamptz[]) with ordinality
                  as u (resource_id, outcome, effective_at, expires_at, line)
         where l.tenant_id = $1 and l.order_id = $2 and l.line = u.line",
        order.tenant.0,
        order.id,
        &lines.of(|line| line.resource_id.clone()) as &[Option<String>],
        &lines.of(|line| line.outcome) as &[LineOutcome],
        &lines.of(|line| line.effective_at) as &[Option<OffsetDateTime>],
        &lines.of(|line| line.expires_at) as &[Option<OffsetDateTime>]
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The lines of an order.
pub(super) async fn of(connection: &mut PgConnection, tenant: TenantId, order: &str) -> sqlx::Result<Vec<Line>> {
    let rows = sqlx::query!(
        r#"select service_type_code, resource_type_code, resource_spec, region_code, project_id, resource_size,
                  size_measure_id, product_id, period_type, period_num, official_amount, amount_after_discount, card_amount,
                  commission_amount, consumed_amount, discounts as "discounts: Json<Vec<Reduction>>", main_line, resource_id,
                  resource_name, outcome as "outcome: LineOutcome", effective_at, expires_at, base_order_id, base_line
           from order_lines where tenant_id = $1 and order_id = $2 order by line"#,
        tenant.0,
        order
    );
    let rows = rows.fetch_all(connection).await?.into_iter();
    Ok(rows
        .map(|row| Line {
            product: Product {
                service_type: row.service_type_code,
                resource_type: row.resource_type_code,
                resource_spec: row.resource_spec,
                region: row.region_code,
                project_id: row.project_id,
                size: row.resource_size.zip(row.size_measure_id).map(|(size, measure_id)| Size { size, measure_id }),
                product_id: row.product_id,
            },
            period: Period {
                kind: PeriodType::from_number(row.period_type.into()).expect("written from a period type"),
                num: row.period_num.unwrap_or_default().unsigned_abs(),
            },
            amounts: Amounts {
                official: row.official_amount,
                after_discount: row.amount_after_discount,
                reductions: row.discounts.0,
                card: row.card_amount,
                commission: row.commission_amount,
                consumed: row.consumed_amount,
            },
            main: row.main_line.map(place),
            base: row.base_order_id.zip(row.base_line).map(|(order, line)| LineOf { order, line }),
            resource_id: row.resource_id,
            resource_name: row.resource_name,
            outcome: row.outcome,
            effective_at: row.effective_at,
            expires_at: row.expires_at,
        })
        .collect())
}

/// The lines of changes that have given back parts of what these lines had paid.
pub async fn given_back_of(
    connection: &mut PgConnection,
    tenant: TenantId,
    paid: &[LineOf],
) -> sqlx::Result<Vec<LineOf>> {
    sqlx::query_as!(
        LineOf,
        r#"select l.order_id as "order", l.line from order_lines l
           join orders o on o.tenant_id = l.tenant_id and o.order_id = l.order_id
           join unnest($2::text[], $3::smallint[]) as u (base_order, base_line)
             on l.base_order_id = u.base_order and l.base_line = u.base_line
           where l.tenant_id = $1 and o.tenant_id = $1 and o.order_type = 3 and l.outcome = 'done'"#,
        tenant.0,
        &paid.iter().map(|line| line.order.clone()).collect::<Vec<_>>(),
        &paid.iter().map(|line| line.line).collect::<Vec<_>>()
    )
    .fetch_all(connection)
    .await
}
