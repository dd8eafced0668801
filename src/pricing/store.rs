//! The only door into the pricing tables.

use super::book::{Axis, PriceKey, PriceRow, Shape, SizeRule, Terms};
use super::discounts::{CustomerTerms, Discount, DiscountKind, IncentivePolicy, Incentives, Scope, in_order};
use super::model::{ChargingMode, Currency};
use super::sheet::{axis_word, shape_word};
use crate::values::decimal::plain;
use crate::values::id::{DomainId, TenantId};
use rust_decimal::Decimal;
use serde_json::Value;
use sqlx::PgConnection;
use std::collections::HashMap;
use std::sync::Arc;
use time::OffsetDateTime;
use uuid::Uuid;

/// All rows of the price book. What costs the same in several regions is read once for all of them.
pub async fn prices(connection: &mut PgConnection) -> sqlx::Result<Vec<PriceRow>> {
    let rows = sqlx::query!(
        r#"select resource_type_code, resource_spec, array_agg(region_code) as "regions!",
                  currency as "currency: Currency", usage_factor, effective_at, measure_id, size_measure_id, size_min, size_max, size_step, shape as "shape: Shape",
                  tier_by, tiers as "tiers: Vec<Decimal>", on_demand as "on_demand: Vec<Decimal>",
                  day as "day: Vec<Decimal>", month as "month: Vec<Decimal>", one_year as "one_year: Vec<Decimal>",
                  two_years as "two_years: Vec<Decimal>", three_years as "three_years: Vec<Decimal>"
           from prices
           group by resource_type_code, resource_spec, currency, usage_factor, effective_at, measure_id, size_measure_id,
                    size_min, size_max, size_step, shape, tier_by, tiers, on_demand, day, month, one_year, two_years,
                    three_years"#
    )
    .fetch_all(connection)
    .await?;
    let read = rows.into_iter().flat_map(|row| {
        let terms = Arc::new(Terms {
            effective_at: row.effective_at,
            measure_id: row.measure_id,
            size: size_rule(row.size_measure_id, row.size_min, row.size_max, row.size_step),
            shape: row.shape,
            tier_by: [Axis::Usage, Axis::Size].into_iter().find(|axis| axis_word(*axis) == row.tier_by),
            tiers: row.tiers,
            on_demand: row.on_demand,
            day: row.day,
            month: row.month,
            years: [row.one_year, row.two_years, row.three_years],
        });
        row.regions.into_iter().map(move |region| PriceRow {
            key: PriceKey {
                resource_type: row.resource_type_code.clone(),
                resource_spec: row.resource_spec.clone(),
                region,
                currency: row.currency,
                usage_factor: row.usage_factor.clone(),
            },
            terms: terms.clone(),
        })
    });
    Ok(read.collect())
}

fn size_rule(measure_id: Option<i32>, min: Option<i32>, max: Option<i32>, step: Option<i32>) -> Option<SizeRule> {
    Some(SizeRule { measure_id: measure_id?, min: min?, max: max?, step: step? })
}

/// Adds rows, and replaces those of the same key and instant.
pub async fn put_prices(connection: &mut PgConnection, rows: &[PriceRow]) -> sqlx::Result<()> {
    let texts = |text: fn(&PriceRow) -> &str| rows.iter().map(|row| text(row).to_owned()).collect::<Vec<String>>();
    let numbers = |number: fn(&Terms) -> Option<i32>| rows.iter().map(|row| number(&row.terms)).collect::<Vec<_>>();
    // A parameter cannot be a list of lists of different lengths, so lists travel as texts.
    let lists = |list: fn(&Terms) -> &[Decimal]| {
        let join = |row: &PriceRow| list(&row.terms).iter().copied().map(plain).collect::<Vec<_>>().join("|");
        rows.iter().map(join).collect::<Vec<String>>()
    };
    let instants: Vec<OffsetDateTime> = rows.iter().map(|row| row.terms.effective_at).collect();
    sqlx::query!(
        "insert into prices (resource_type_code, resource_spec, region_code, currency, usage_factor, effective_at,
             measure_id, size_measure_id, size_min, size_max, size_step, shape, tier_by, tiers, on_demand, day, month,
             one_year, two_years, three_years)
         select resource_type_code, resource_spec, region_code, currency, usage_factor, effective_at,
             measure_id, size_measure_id, size_min, size_max, size_step, shape, tier_by,
             string_to_array(tiers, '|')::numeric[], string_to_array(on_demand, '|')::numeric[],
             string_to_array(day, '|')::numeric[], string_to_array(month, '|')::numeric[],
             string_to_array(one_year, '|')::numeric[], string_to_array(two_years, '|')::numeric[],
             string_to_array(three_years, '|')::numeric[]
         from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::timestamptz[], $7::int[], $8::int[],
             $9::int[], $10::int[], $11::int[], $12::text[], $13::text[], $14::text[], $15::text[], $16::text[],
             $17::text[], $18::text[], $19::text[], $20::text[])
         as row (resource_type_code, resource_spec, region_code, currency, usage_factor, effective_at, measure_id,
             size_measure_id, size_min, size_max, size_step, shape, tier_by, tiers, on_demand, day, month, one_year,
             two_years, three_years)
         on conflict (resource_type_code, resource_spec, region_code, currency, usage_factor, effective_at) do update
         set measure_id = excluded.measure_id, size_measure_id = excluded.size_measure_id, size_min = excluded.size_min,
             size_max = excluded.size_max, size_step = excluded.size_step, shape = excluded.shape,
             tier_by = excluded.tier_by, tiers = excluded.tiers, on_demand = excluded.on_demand, day = excluded.day,
             month = excluded.month, one_year = excluded.one_year, two_years = excluded.two_years,
             three_years = excluded.three_years",
        &texts(|row| &row.key.resource_type),
        &texts(|row| &row.key.resource_spec),
        &texts(|row| &row.key.region),
        &texts(|row| row.key.currency.code()),
        &texts(|row| &row.key.usage_factor),
        &instants,
        &numbers(|terms| terms.measure_id) as &[Option<i32>],
        &numbers(|terms| terms.size.map(|size| size.measure_id)) as &[Option<i32>],
        &numbers(|terms| terms.size.map(|size| size.min)) as &[Option<i32>],
        &numbers(|terms| terms.size.map(|size| size.max)) as &[Option<i32>],
        &numbers(|terms| terms.size.map(|size| size.step)) as &[Option<i32>],
        &texts(|row| shape_word(row.terms.shape)),
        &texts(|row| row.terms.tier_by.map_or("", axis_word)),
        &lists(|terms| &terms.tiers),
        &lists(|terms| &terms.on_demand),
        &lists(|terms| &terms.day),
        &lists(|terms| &terms.month),
        &lists(|terms| &terms.years[0]),
        &lists(|terms| &terms.years[1]),
        &lists(|terms| &terms.years[2]),
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The incentive policies of all services.
pub async fn incentives(connection: &mut PgConnection) -> sqlx::Result<Incentives> {
    let rows = sqlx::query!(
        "select service_type_code, effective_at, incentive_policy, allow_discount from incentive_policies
         order by effective_at"
    )
    .fetch_all(connection)
    .await?;
    let mut services: HashMap<String, Vec<IncentivePolicy>> = HashMap::new();
    for row in rows {
        let policy = IncentivePolicy {
            effective_at: row.effective_at,
            incentive_policy: row.incentive_policy,
            allow_discount: row.allow_discount,
        };
        services.entry(row.service_type_code).or_default().push(policy);
    }
    Ok(Incentives(services))
}

/// So many policies behind that of a service and an instant, of one service or of all, by service and in time.
pub async fn incentives_behind(
    connection: &mut PgConnection,
    service_type: Option<&str>,
    (behind, at): (&str, OffsetDateTime),
    limit: usize,
) -> sqlx::Result<Vec<(String, IncentivePolicy)>> {
    let rows = sqlx::query!(
        "select service_type_code, effective_at, incentive_policy, allow_discount from incentive_policies
         where ($1::text is null or service_type_code = $1) and (service_type_code, effective_at) > ($2, $3)
         order by service_type_code, effective_at limit $4",
        service_type,
        behind,
        at,
        i64::try_from(limit).unwrap_or(i64::MAX)
    );
    let policies = rows.fetch_all(connection).await?.into_iter().map(|row| {
        let (effective_at, incentive_policy, allow_discount) =
            (row.effective_at, row.incentive_policy, row.allow_discount);
        (row.service_type_code, IncentivePolicy { effective_at, incentive_policy, allow_discount })
    });
    Ok(policies.collect())
}

/// Adds policies, or replaces those of the same service and instant; cells are texts, as in the seed file.
pub async fn put_incentives(connection: &mut PgConnection, rows: &Value) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into incentive_policies (service_type_code, effective_at, incentive_policy, allow_discount)
         select service_type_code, effective_at, incentive_policy, allow_discount = 'YES' from jsonb_to_recordset($1)
         as row (service_type_code text, effective_at timestamptz, incentive_policy smallint, allow_discount text)
         on conflict (service_type_code, effective_at) do update
         set incentive_policy = excluded.incentive_policy, allow_discount = excluded.allow_discount",
        rows
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// A customer's currency, or this one, and the discounts that it has at an instant: its own, and those for the customers
/// of the account above it.
pub async fn customer_terms(
    connection: &mut PgConnection,
    (tenant, domain): (TenantId, DomainId),
    parent: Option<DomainId>,
    default: Currency,
    now: OffsetDateTime,
) -> sqlx::Result<CustomerTerms> {
    let rows = sqlx::query!(
        r#"select c.currency as "currency?: Currency", d.discount_id as "discount_id?",
                  d.kind as "kind?: DiscountKind", d.name as "name?", d.ratio as "ratio?", d.stacks as "stacks?",
                  d.service_type_code, d.resource_type_code, d.resource_spec, d.region_code,
                  d.charging_modes as "charging_modes?"
           from tenants t
           left join account_currencies c on c.tenant_id = t.tenant_id and c.tenant_id = $1 and c.domain_id = $2
           left join discounts d on d.tenant_id = t.tenant_id and d.tenant_id = $1
               and d.effective_at <= $4 and $4 < d.expires_at
               and ((d.domain_id = $2 and not d.for_customers) or (d.domain_id = $3 and d.for_customers))
           where t.tenant_id = $1"#,
        tenant.0,
        domain.0,
        parent.map(|parent| parent.0),
        now
    )
    .fetch_all(connection)
    .await?;
    let currency = rows.first().and_then(|row| row.currency).unwrap_or(default);
    let mut discounts = Vec::new();
    for row in rows {
        let (Some(id), Some(kind), Some(name), Some(ratio), Some(stacks), Some(modes)) =
            (row.discount_id, row.kind, row.name, row.ratio, row.stacks, row.charging_modes)
        else {
            continue;
        };
        let scope = Scope {
            service_type: row.service_type_code,
            resource_type: row.resource_type_code,
            resource_spec: row.resource_spec,
            region: row.region_code,
            charging_modes: charging_modes(&modes)?,
        };
        discounts.push(Discount { id, kind, name, ratio, stacks, scope });
    }
    Ok(CustomerTerms { currency, discounts: in_order(discounts) })
}

/// The currency that was set for an account.
pub async fn currency(
    connection: &mut PgConnection,
    (tenant, domain): (TenantId, DomainId),
) -> sqlx::Result<Option<Currency>> {
    sqlx::query_scalar!(
        r#"select currency as "currency: Currency" from account_currencies where tenant_id = $1 and domain_id = $2"#,
        tenant.0,
        domain.0
    )
    .fetch_optional(connection)
    .await
}

/// A word that is not known fails: left out, it could make a discount apply to more than it should.
fn charging_modes(words: &[String]) -> sqlx::Result<Vec<ChargingMode>> {
    let mode = |word: &String| {
        let unknown = || sqlx::Error::Decode(format!("there is no charging mode {word}").into());
        ChargingMode::parse(word).ok_or_else(unknown)
    };
    words.iter().map(mode).collect()
}

/// A framework agreement.
#[derive(Clone, Debug)]
pub struct Agreement {
    /// Its id.
    pub id: Uuid,
    /// Its code.
    pub code: String,
    /// From when.
    pub effective_at: OffsetDateTime,
    /// Until when.
    pub expires_at: OffsetDateTime,
}

/// A row of the discounts, with the time for which it holds.
#[derive(Clone, Debug)]
pub struct StoredDiscount {
    /// The discount.
    pub discount: Discount,
    /// Of all customers right below the account, in place of the account itself.
    pub for_customers: bool,
    /// From when.
    pub effective_at: OffsetDateTime,
    /// Until when.
    pub expires_at: OffsetDateTime,
}

/// The agreement of an account that is in force; of several the one that began last.
pub async fn agreement(
    connection: &mut PgConnection,
    (tenant, domain): (TenantId, DomainId),
    now: OffsetDateTime,
) -> sqlx::Result<Option<Agreement>> {
    sqlx::query_as!(
        Agreement,
        "select agreement_id as id, code, effective_at, expires_at from agreements
         where tenant_id = $1 and domain_id = $2 and effective_at <= $3 and $3 < expires_at
         order by effective_at desc, agreement_id limit 1",
        tenant.0,
        domain.0,
        now
    )
    .fetch_optional(connection)
    .await
}

/// The agreement of this code.
pub async fn agreement_by_code(
    connection: &mut PgConnection,
    (tenant, domain): (TenantId, DomainId),
    code: &str,
) -> sqlx::Result<Option<Agreement>> {
    sqlx::query_as!(
        Agreement,
        "select agreement_id as id, code, effective_at, expires_at from agreements
         where tenant_id = $1 and domain_id = $2 and code = $3",
        tenant.0,
        domain.0,
        code
    )
    .fetch_optional(connection)
    .await
}

/// So many agreements of an account behind one, in the order in which they were recorded.
pub async fn agreements_behind(
    connection: &mut PgConnection,
    (tenant, domain): (TenantId, DomainId),
    behind: Uuid,
    limit: usize,
) -> sqlx::Result<Vec<Agreement>> {
    sqlx::query_as!(
        Agreement,
        "select agreement_id as id, code, effective_at, expires_at from agreements
         where tenant_id = $1 and domain_id = $2 and agreement_id > $3 order by agreement_id limit $4",
        tenant.0,
        domain.0,
        behind,
        i64::try_from(limit).unwrap_or(i64::MAX)
    )
    .fetch_all(connection)
    .await
}

/// The discounts of an account, or those of one of its agreements, in the order in which they were made.
pub async fn discounts(
    connection: &mut PgConnection,
    (tenant, domain): (TenantId, DomainId),
    agreement: Option<Uuid>,
) -> sqlx::Result<Vec<StoredDiscount>> {
    let rows = sqlx::query_as!(
        DiscountRow,
        r#"select discount_id, for_customers, kind as "kind: DiscountKind", name, ratio, stacks, service_type_code,
                  resource_type_code, resource_spec, region_code, charging_modes, effective_at, expires_at
           from discounts where tenant_id = $1 and domain_id = $2 and ($3::uuid is null or agreement_id = $3)
           order by created_at, discount_id"#,
        tenant.0,
        domain.0,
        agreement
    );
    rows.fetch_all(connection).await?.into_iter().map(DiscountRow::read).collect()
}

/// So many discounts of an account behind one, in the order of their ids.
pub async fn discounts_behind(
    connection: &mut PgConnection,
    (tenant, domain): (TenantId, DomainId),
    behind: Uuid,
    limit: usize,
) -> sqlx::Result<Vec<StoredDiscount>> {
    let rows = sqlx::query_as!(
        DiscountRow,
        r#"select discount_id, for_customers, kind as "kind: DiscountKind", name, ratio, stacks, service_type_code,
                  resource_type_code, resource_spec, region_code, charging_modes, effective_at, expires_at
           from discounts where tenant_id = $1 and domain_id = $2 and discount_id > $3
           order by discount_id limit $4"#,
        tenant.0,
        domain.0,
        behind,
        i64::try_from(limit).unwrap_or(i64::MAX)
    );
    rows.fetch_all(connection).await?.into_iter().map(DiscountRow::read).collect()
}

struct DiscountRow {
    discount_id: Uuid,
    for_customers: bool,
    kind: DiscountKind,
    name: String,
    ratio: Decimal,
    stacks: bool,
    service_type_code: Option<String>,
    resource_type_code: Option<String>,
    resource_spec: Option<String>,
    region_code: Option<String>,
    charging_modes: Vec<String>,
    effective_at: OffsetDateTime,
    expires_at: OffsetDateTime,
}

impl DiscountRow {
    fn read(self) -> sqlx::Result<StoredDiscount> {
        let scope = Scope {
            service_type: self.service_type_code,
            resource_type: self.resource_type_code,
            resource_spec: self.resource_spec,
            region: self.region_code,
            charging_modes: charging_modes(&self.charging_modes)?,
        };
        let (id, kind, name, ratio, stacks) = (self.discount_id, self.kind, self.name, self.ratio, self.stacks);
        Ok(StoredDiscount {
            discount: Discount { id, kind, name, ratio, stacks, scope },
            for_customers: self.for_customers,
            effective_at: self.effective_at,
            expires_at: self.expires_at,
        })
    }
}

/// Adds an agreement.
pub async fn insert_agreement(
    connection: &mut PgConnection,
    (tenant, domain): (TenantId, DomainId),
    new: &Agreement,
    now: OffsetDateTime,
) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into agreements (tenant_id, agreement_id, domain_id, code, effective_at, expires_at, created_at)
         values ($1, $2, $3, $4, $5, $6, $7)",
        tenant.0,
        new.id,
        domain.0,
        new.code,
        new.effective_at,
        new.expires_at,
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Adds a discount.
pub async fn insert_discount(
    connection: &mut PgConnection,
    (tenant, domain): (TenantId, DomainId),
    new: &StoredDiscount,
    agreement: Option<Uuid>,
    now: OffsetDateTime,
) -> sqlx::Result<()> {
    let Discount { id, kind, name, ratio, stacks, scope } = &new.discount;
    let modes: Vec<String> = scope.charging_modes.iter().map(|mode| mode.word()).collect();
    sqlx::query!(
        "insert into discounts (tenant_id, discount_id, domain_id, for_customers, kind, name, agreement_id, ratio, stacks,
             service_type_code, resource_type_code, resource_spec, region_code, charging_modes, effective_at, expires_at,
             created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)",
        tenant.0,
        id,
        domain.0,
        new.for_customers,
        *kind as DiscountKind,
        name,
        agreement,
        ratio,
        stacks,
        scope.service_type,
        scope.resource_type,
        scope.resource_spec,
        scope.region,
        &modes,
        new.effective_at,
        new.expires_at,
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Ends a discount at an instant, unless it has ended before. `false`: the account has no such discount in force.
pub async fn end_discount(
    connection: &mut PgConnection,
    (tenant, domain): (TenantId, DomainId),
    id: Uuid,
    now: OffsetDateTime,
) -> sqlx::Result<bool> {
    let ended = sqlx::query!(
        "update discounts set expires_at = $4
         where tenant_id = $1 and domain_id = $2 and discount_id = $3 and effective_at < $4 and expires_at > $4",
        tenant.0,
        domain.0,
        id,
        now
    )
    .execute(connection)
    .await?;
    Ok(ended.rows_affected() == 1)
}

/// Sets the currency of an account.
pub async fn set_currency(
    connection: &mut PgConnection,
    (tenant, domain): (TenantId, DomainId),
    currency: Currency,
) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into account_currencies (tenant_id, domain_id, currency) values ($1, $2, $3)
         on conflict (tenant_id, domain_id) do update set currency = excluded.currency",
        tenant.0,
        domain.0,
        currency as Currency
    )
    .execute(connection)
    .await?;
    Ok(())
}
