//! Sums of costs by what they are told apart by, over days or months: one statement, which answers a page of the groups and no
//! more, however many there are.

use super::amortisation::{counted, coupons};
use super::dimension::Dimension;
use super::shares::push_not_spread;
use crate::values::id::{DomainId, TenantId};
use crate::values::money::Currency;
use rust_decimal::Decimal;
use sqlx::{FromRow, PgConnection, Postgres, QueryBuilder};
use time::Date;

/// What counts as a cost, and when.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// What was charged, when it was.
    Original,
    /// What was paid for a period counts day by day of it.
    Amortised,
}

/// Which amount.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Measure {
    /// What is to be paid.
    Due,
    /// The same less what cash coupons paid.
    Net,
}

/// Of which values of a dimension.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Condition {
    /// The dimension.
    pub dimension: Dimension,
    /// Whether these are left out, and not the others.
    pub excludes: bool,
    /// The values.
    pub values: Vec<String>,
}

/// Sums of costs.
#[derive(Clone, Debug)]
pub struct Analysis {
    /// The customer.
    pub account: (TenantId, DomainId),
    /// In which currency.
    pub currency: Currency,
    /// What counts.
    pub kind: Kind,
    /// Which amount.
    pub measure: Measure,
    /// The first and the last day of each span, one after the other.
    pub spans: Vec<(Date, Date)>,
    /// Whether they are months.
    pub by_months: bool,
    /// What costs are told apart by: at most two.
    pub dimensions: Vec<Dimension>,
    /// Which are left out.
    pub conditions: Vec<Condition>,
}

/// An amount, and what it would be at list prices.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Cost {
    /// The amount.
    pub amount: Decimal,
    /// At list prices.
    pub official: Decimal,
}

/// The costs of a group.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Group {
    /// What they are, one for each dimension.
    pub values: Vec<String>,
    /// In all spans together.
    pub total: Cost,
    /// In each.
    pub costs: Vec<Cost>,
}

#[derive(FromRow)]
struct Row {
    groups: i64,
    first_key: Option<String>,
    second_key: Option<String>,
    total: Option<Decimal>,
    official_total: Option<Decimal>,
    place: Option<i64>,
    amount: Option<Decimal>,
    official: Option<Decimal>,
}

impl Analysis {
    /// A page of the groups, those that cost most first, and how many there are.
    pub async fn page(&self, connection: &mut PgConnection, part: (usize, usize)) -> sqlx::Result<(Vec<Group>, i64)> {
        let rows: Vec<Row> = self.select(part).build_query_as().fetch_all(connection).await?;
        let (mut groups, mut total): (Vec<Group>, i64) = (Vec::new(), 0);
        let mut last = None;
        for row in rows {
            total = row.groups;
            let (Some(first), Some(second), Some(place)) = (row.first_key, row.second_key, row.place) else { continue };
            if last.as_ref() != Some(&(first.clone(), second.clone())) {
                groups.push(Group {
                    values: [&first, &second].into_iter().take(self.dimensions.len()).cloned().collect(),
                    total: Cost {
                        amount: row.total.unwrap_or_default(),
                        official: row.official_total.unwrap_or_default(),
                    },
                    costs: vec![Cost::default(); self.spans.len()],
                });
                last = Some((first, second));
            }
            // Spans are numbered from 1.
            let cost = groups.last_mut().and_then(|group| group.costs.get_mut(usize::try_from(place - 1).ok()?));
            if let Some(cost) = cost {
                *cost = Cost { amount: row.amount.unwrap_or_default(), official: row.official.unwrap_or_default() };
            }
        }
        Ok((groups, total))
    }

    /// The statement that reads it.
    pub fn select(&self, (offset, limit): (usize, usize)) -> QueryBuilder<Postgres> {
        let mut query = QueryBuilder::new(
            "with shares as (
               select first_key, second_key, place, sum(amount) as amount, sum(official) as official from (",
        );
        self.push_whole(&mut query);
        if self.kind == Kind::Amortised {
            query.push(" union all ");
            self.push_spread(&mut query);
        }
        query.push(
            ") costs group by 1, 2, 3
             ), ranked as (
               select first_key, second_key, sum(amount) as total, sum(official) as official_total from shares group by 1, 2
             ), page as (
               select * from ranked order by total desc, first_key, second_key offset ",
        );
        query.push_bind(i64::try_from(offset).unwrap_or(i64::MAX)).push(" limit ");
        query.push_bind(i64::try_from(limit).unwrap_or(i64::MAX));
        query.push(
            ") select (select count(*) from ranked) as groups, p.first_key, p.second_key, p.total, p.official_total, s.place,
                     s.amount, s.official
             from (select 1) one
             left join page p on true
             left join shares s on s.first_key = p.first_key and s.second_key = p.second_key
             order by p.total desc, p.first_key, p.second_key, s.place",
        );
        query
    }

    /// Charges that count on their day.
    fn push_whole(&self, query: &mut QueryBuilder<Postgres>) {
        let amount = match self.measure {
            Measure::Due => "c.consume_amount",
            Measure::Net => "c.consume_amount - c.coupon_amount",
        };
        self.push_columns(query, amount, "c.official_amount");
        query.push(" from charge_totals c join ");
        self.push_spans(query);
        // What was used before its cycle counts on the cycle's first day.
        query.push(" on greatest(c.day, c.cycle) between b.first_day and b.last_day where c.tenant_id = ");
        let (tenant, customer) = self.account;
        query.push_bind(tenant.0).push(" and c.domain_id = ").push_bind(customer.0);
        query.push(" and c.cycle = any(").push_bind(self.cycles()).push(") and c.statistic = ");
        query.push_bind(if self.by_months { 1_i16 } else { 2 });
        self.push_conditions(query);
        if self.kind == Kind::Amortised {
            push_not_spread(query, tenant);
        }
    }

    /// Lines of orders that count over a period.
    fn push_spread(&self, query: &mut QueryBuilder<Postgres>) {
        let amount = match self.measure {
            Measure::Due => "s.upto - s.past".to_owned(),
            Measure::Net => format!("s.upto - s.past - {}", coupons("s.past", "s.upto")),
        };
        let official = |day| counted("c.official_amount", "a", day);
        let official = format!("{} - {}", official("b.last_day"), official("b.first_day - 1"));
        self.push_columns(query, &amount, &official);
        query.push(
            " from amortisations a
             join charge_totals c on c.tenant_id = a.tenant_id and c.domain_id = a.domain_id and c.cycle = a.cycle
                 and c.statistic = 1 and c.day = a.cycle and c.source = a.source and c.order_id is not null
             join ",
        );
        self.push_spans(query);
        query.push(
            " on b.last_day >= least(a.first_day, a.ends_on) and b.first_day <= a.ends_on cross join lateral (select ",
        );
        query.push(counted("c.consume_amount", "a", "b.first_day - 1")).push(" as past, ");
        query.push(counted("c.consume_amount", "a", "b.last_day")).push(" as upto) s where a.tenant_id = ");
        let (tenant, customer) = self.account;
        query.push_bind(tenant.0).push(" and a.domain_id = ").push_bind(customer.0).push(" and a.ends_on >= ");
        query.push_bind(self.spans.first().map(|span| span.0)).push(" and least(a.first_day, a.ends_on) <= ");
        query.push_bind(self.spans.last().map(|span| span.1));
        self.push_conditions(query);
    }

    fn push_columns(&self, query: &mut QueryBuilder<Postgres>, amount: &str, official: &str) {
        let key = |place: usize| self.dimensions.get(place).map_or("''::text", |dimension| dimension.column());
        query.push(format_args!(
            "select {} as first_key, {} as second_key, b.place, {amount} as amount, {official} as official",
            key(0),
            key(1)
        ));
    }

    fn push_spans(&self, query: &mut QueryBuilder<Postgres>) {
        let (first, last): (Vec<Date>, Vec<Date>) = self.spans.iter().copied().unzip();
        query.push("unnest(").push_bind(first).push("::date[], ").push_bind(last);
        query.push("::date[]) with ordinality as b (first_day, last_day, place)");
    }

    fn push_conditions(&self, query: &mut QueryBuilder<Postgres>) {
        query.push(" and c.currency = ").push_bind(self.currency);
        for Condition { dimension, excludes, values } in &self.conditions {
            let comparison = if *excludes { "<> all(" } else { "= any(" };
            query.push(format_args!(" and {} {comparison}", dimension.column())).push_bind(values.clone()).push(")");
        }
    }

    /// The months that the spans lie in.
    fn cycles(&self) -> Vec<Date> {
        let first = |day: Date| day.replace_day(1).expect("each month has a first day");
        let mut cycles: Vec<Date> = self.spans.iter().map(|span| first(span.0)).collect();
        cycles.dedup();
        cycles
    }
}
