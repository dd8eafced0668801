//! Coupons that a partner issued, in the fields of `ListIssuedPartnerCoupons`.

use crate::coupons::model::{Between, Validity, shown_balance, shown_coupon_status};
use crate::coupons::store::search::{CouponFilter, CouponRow, Search, Whose};
use crate::exports::source::{Of, Source, With, instant, micros, table};
use crate::exports::table::{Cell, Column};
use crate::values::id::CouponId;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

/// Coupons.
pub struct Coupons;

/// A coupon, and when it was asked for.
pub struct Asked {
    coupon: CouponRow,
    at: OffsetDateTime,
}

impl Asked {
    fn status(&self) -> crate::coupons::model::CouponStatus {
        let validity = Validity { from: self.coupon.effective_at, until: self.coupon.expires_at };
        shown_coupon_status(self.coupon.state, validity, self.at)
    }
}

table! {
    asked: Asked, _with;
    "coupon_id": Text = asked.coupon.coupon_id;
    "customer_id": Text = asked.coupon.holder_id;
    "quota_id": Text = asked.coupon.quota_id;
    "status": Whole = asked.status().code();
    "coupon_type": Whole = asked.coupon.kind.code();
    "face_value": Number = asked.coupon.face_value;
    "balance": Number = shown_balance(asked.status(), asked.coupon.balance);
    "currency": Text = asked.coupon.currency.code();
    "create_time": Time = asked.coupon.created_at;
    "effective_time": Time = asked.coupon.effective_at;
    "expire_time": Time = asked.coupon.expires_at;
    "last_used_time": Time = asked.coupon.last_used_at;
    "order_id": Text = asked.coupon.order_id.as_str();
    "promotion_plan_name": Text = asked.coupon.name.as_str();
    "promotion_plan_desc": Text = asked.coupon.memo.as_str();
    "is_frozen": Whole = i16::from(asked.coupon.frozen);
}

impl Source for Coupons {
    const COLUMNS: &'static [Column] = COLUMNS;
    type Row = Asked;
    type Key = (i64, Uuid);

    async fn count(connection: &mut PgConnection, of: &Of) -> sqlx::Result<i64> {
        search(of).count().build_query_scalar().fetch_one(connection).await
    }

    async fn behind(
        connection: &mut PgConnection,
        of: &Of,
        key: Option<(i64, Uuid)>,
        limit: usize,
    ) -> sqlx::Result<Vec<Asked>> {
        let key = key.map(|(at, coupon)| (instant(at), CouponId(coupon)));
        let coupons = search(of).behind(connection, key, limit).await?;
        Ok(coupons.into_iter().map(|coupon| Asked { coupon, at: of.asked_at }).collect())
    }

    fn key(asked: &Asked) -> (i64, Uuid) {
        (micros(asked.coupon.created_at), asked.coupon.coupon_id.0)
    }

    fn cells(asked: Asked, with: &With<'_>) -> Vec<Cell> {
        cells(asked, with)
    }
}

fn search(of: &Of) -> Search {
    let created = of
        .days
        .map_or(Between::default(), |(first, last)| Between { from: Some(first.start()), until: Some(last.end()) });
    let filter = CouponFilter { holder: of.customer, created, ..CouponFilter::default() };
    Search { tenant: of.tenant, whose: Whose::IssuedBy(of.owner), filter, now: of.asked_at }
}
