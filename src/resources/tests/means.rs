//! What the sequences of acts begin with, and what they order.

use crate::coupons::model::CouponKind;
use crate::orders::administration::{Ordering, Wanted};
use crate::orders::desk::Desk;
use crate::orders::model::SourceType;
use crate::orders::state::Event;
use crate::orders::tests::{CUSTOMER, Stall};
use crate::pricing::model::{Period, PeriodType, Size};
use crate::values::id::{CouponId, DomainId, TenantId};
use crate::values::time::write_instant;
use axum::http::Method;
use rust_decimal::Decimal;
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

/// What a customer has before the first act.
#[derive(Clone)]
pub struct Means {
    pub desk: Desk,
    pub account: (TenantId, DomainId),
    pub coupons: Vec<(CouponId, CouponKind)>,
    pub card: Uuid,
    pub now: OffsetDateTime,
}

impl Means {
    /// Money for some orders, discounts of three kinds, and coupons of each kind, some with limits.
    pub async fn of(stall: &Stall) -> Self {
        let now = stall.app.app.clock.now();
        let operate = async |target: &str, body: Value| {
            stall.operate(Method::POST, &format!("/admin/v1/accounts/{CUSTOMER}/{target}"), &body).await.ok()
        };
        let (from, until) = (write_instant(now - Duration::DAY), write_instant(now + Duration::days(400)));
        operate("agreements", json!({"code": "A-1", "effective_at": from, "expires_at": until})).await;
        operate("discounts", json!({"kind": "commercial", "name": "Tenth", "ratio": "0.9", "agreement": "A-1"})).await;
        operate(
            "discounts",
            json!({"kind": "partner", "name": "Odd", "ratio": "0.8333", "effective_at": from, "expires_at": until}),
        )
        .await;
        operate(
            "discounts",
            json!({"kind": "promotion", "name": "Half", "ratio": "0.5", "effective_at": from, "expires_at": until}),
        )
        .await;
        let mut coupons = Vec::new();
        for (kind, code, value, days, limits) in [
            ("cash", CouponKind::Cash, "33.33", 300, json!({})),
            ("cash", CouponKind::Cash, "1000", 20, json!({"maxDeductionRatio": ["0.3"]})),
            ("cash", CouponKind::Cash, "7.77", 300, json!({"simultaneousUseWithPromotionDiscount": ["0"]})),
            ("cash", CouponKind::Cash, "50", 300, json!({"usageTimes": ["1"]})),
            ("discount", CouponKind::Discount, "0.85", 300, json!({"subscribeType": ["new"]})),
            ("flexi", CouponKind::Flexi, "40", 300, json!({})),
            ("flexi", CouponKind::Flexi, "0.01", 300, json!({})),
        ] {
            let expires = write_instant(now + Duration::days(days));
            let body = json!({"kind": kind, "value": value, "expires_at": expires, "limits": limits});
            let id = operate("coupons", body).await["coupon_id"].as_str().expect("an id").to_owned();
            coupons.push((CouponId(Uuid::try_parse(&id).expect("an id")), code));
        }
        let card = operate("stored-value-cards", json!({"face_value": "61.05"})).await;
        let of = stall.app.world.account(CUSTOMER);
        Self {
            desk: stall.app.app.desk(),
            account: (of.tenant, of.domain),
            coupons,
            card: card["card_id"].as_str().and_then(|id| Uuid::try_parse(id).ok()).expect("an id"),
            now: stall.app.app.clock.now(),
        }
    }
}

/// Servers for some months, with disks and adjusted prices as it is said.
pub fn ordering(lines: &[(u32, bool, Option<i64>)], begins: Event, is_auto_pay: bool) -> Ordering {
    let mut wanted = Vec::new();
    for (months, with_disk, adjusted) in lines {
        let server = Wanted {
            resource_type: "hws.resource.type.vm".to_owned(),
            resource_spec: "s6.large.2.linux".to_owned(),
            region: "cn-north-4".to_owned(),
            size: None,
            period: Period { kind: PeriodType::Month, num: *months },
            count: 1,
            name: "web".to_owned(),
            main: None,
            adjusted: adjusted.map(|cents| Decimal::new(cents, 2).min(Decimal::from(100))),
        };
        let disk = Wanted {
            resource_type: "hws.resource.type.volume".to_owned(),
            resource_spec: "SSD".to_owned(),
            size: Some(Size { size: 40, measure_id: 17 }),
            main: Some(wanted.len()),
            adjusted: None,
            ..server.clone()
        };
        wanted.push(server);
        wanted.extend(with_disk.then_some(disk));
    }
    let user_name = CUSTOMER.to_owned();
    Ordering { wanted, enterprise_project: None, user_name, source: SourceType::Customer, is_auto_pay, begins }
}
