//! Each code that the vendor documents for the operations on orders and resources, provoked: exact status, exact code.
//! `tests/facts/documented_refusals_of_orders.csv` is the list.

use super::{ON_DEMAND, RENEW, UNSUBSCRIBE};
use crate::orders::tests::{CUSTOMER, LIST, PAY, Stall, id};
use crate::testing::Answer;
use crate::values::time::write_instant;
use axum::http::Method;
use serde_json::{Value, json};
use sqlx::PgPool;
use time::Duration;

const DOCUMENTED: &str = include_str!("../../../tests/facts/documented_refusals_of_orders.csv");
const CANCEL: &str = "/v2/orders/customer-orders/cancel";
const COUPONS: &str = "/v2/orders/customer-orders/order-coupons";
const TO_ON_DEMAND: &str = "/v2/orders/subscriptions/resources/to-on-demand";
const UNKNOWN_RESELLER: &str = "indirect_partner_id=nobody";

impl Stall {
    /// What a request gets that may be made in general, but not by the customer's user.
    async fn without_permission(&self, request: impl Future<Output = Answer>) -> Answer {
        self.sql("update users set administrator = false, permission_items = '{}' where name = 'demo-customer'").await;
        self.app.app.directory.forget_all();
        let answer = request.await;
        self.sql("update users set administrator = true where name = 'demo-customer'").await;
        self.app.app.directory.forget_all();
        answer
    }

    /// What a request gets while tables are away.
    async fn broken(&self, request: impl Future<Output = Answer>) -> Answer {
        for table in ["orders", "subscriptions", "on_demand_resources"] {
            self.rename(table, &format!("{table}_away")).await;
        }
        let answer = request.await;
        for table in ["orders", "subscriptions", "on_demand_resources"] {
            self.rename(&format!("{table}_away"), table).await;
        }
        answer
    }

    async fn rename(&self, from: &str, to: &str) {
        let statement = sqlx::AssertSqlSafe(format!("alter table {from} rename to {to}"));
        sqlx::raw_sql(statement).execute(&self.pool).await.expect("it is renamed");
    }

    async fn as_customer(&self, method: Method, target: &str, body: &Value) -> Answer {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.app.client(CUSTOMER).call(method, target, &[], &body).await
    }

    async fn as_distributor(&self, target: &str) -> Answer {
        self.app.client("demo-distributor").get(target).await
    }

    async fn new_order(&self) -> Value {
        self.order(&Self::server(1, false)).await
    }

    /// A new coupon of the customer's, as payment names it.
    async fn coupon_of(&self, kind: &str, code: i32, more: Value) -> Value {
        let expires = write_instant(self.app.app.clock.now() + Duration::days(90));
        let mut body =
            json!({"kind": kind, "value": if kind == "discount" { "0.9" } else { "1" }, "expires_at": expires});
        body.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        let issued = self.operate(Method::POST, &format!("/admin/v1/accounts/{CUSTOMER}/coupons"), &body).await.ok();
        json!({"id": issued["coupon_id"], "type": code})
    }

    async fn pay_by(&self, order: &Value, coupons: &[Value]) -> Answer {
        self.pay_with(order, &json!({"use_coupon": "YES", "coupon_infos": coupons})).await
    }

    /// Pays a new order with a discount of 10 % and a coupon that does not go with it.
    async fn pay_beside_discount(&self, limits: Value) -> Answer {
        let order = self.new_order().await;
        let coupon = self.coupon_of("cash", 301, json!({"limits": limits})).await;
        let offered = self.get(&format!("{LIST}/order-discounts?order_id={}", id(&order))).await;
        let offered = offered["discounts"].as_array().expect("a list").iter().find(|one| one["discount_type"] == 3);
        let discount = json!({"id": offered.expect("the partner's")["discount_id"], "type": 3});
        let with =
            json!({"use_coupon": "YES", "coupon_infos": [coupon], "use_discount": "YES", "discount_infos": [discount]});
        self.pay_with(&order, &with).await
    }
}

async fn list_or_show(stall: &Stall, target: &str, code: &str) -> Answer {
    let get = stall.app.client(CUSTOMER);
    match code {
        "CBC.0100" => get.get(&format!("{target}?limit=0")).await,
        "CBC.0151" => stall.without_permission(get.get(target)).await,
        "CBC.0999" => stall.broken(get.get(target)).await,
        "CBC.99000037" => stall.as_distributor(&format!("{target}?{UNKNOWN_RESELLER}")).await,
        _ => panic!("no case provokes {code} of {target}"),
    }
}

async fn pay(stall: &Stall, code: &str) -> Answer {
    let order = stall.new_order().await;
    match code {
        "CBC.0999" => stall.broken(stall.pay(&order)).await,
        "CBC.30000010" => stall.pay(&json!({"order_id": "CS0000000000AAAAA"})).await,
        "CBC.99003106" => {
            assert_eq!(stall.pay(&order).await.status.as_u16(), 204);
            stall.pay(&order).await
        }
        "CBC.99003108" => {
            let with = json!({"use_discount": "YES", "discount_infos": [{"id": "nobody's", "type": 3}]});
            stall.pay_with(&order, &with).await
        }
        "CBC.99003110" => {
            stall.sql("update orders set payable_until = created_at where status = 6").await;
            stall.pay(&order).await
        }
        "CBC.99003112" => {
            let coupon = stall.coupon_of("cash", 301, json!({})).await;
            assert_eq!(stall.pay_by(&order, std::slice::from_ref(&coupon)).await.status.as_u16(), 204);
            stall.pay_by(&stall.new_order().await, &[coupon]).await
        }
        "CBC.99003116" => stall.pay_beside_discount(json!({"simultaneousUseWithEmpowerDiscount": ["0"]})).await,
        "CBC.99003117" => stall.pay_beside_discount(json!({"minConsumeDiscount": ["0.95"]})).await,
        "CBC.99003147" => {
            let (cash, lowers) = (stall.coupon_of("cash", 301, json!({})), stall.coupon_of("discount", 300, json!({})));
            stall.pay_by(&order, &[cash.await, lowers.await]).await
        }
        "CBC.99003156" => {
            let koogallery = stall.coupon_of("flexi", 302, json!({"group": 1})).await;
            let dedicated = stall.coupon_of("flexi", 302, json!({"group": 2})).await;
            stall.pay_by(&order, &[koogallery, dedicated]).await
        }
        "CBC.99005003" => {
            let many = json!({"lines": [{"resource_type": "hws.resource.type.vm", "resource_spec": "s6.large.2.linux",
                "region": "cn-north-4", "period_type": 3, "period_num": 3, "count": 100}]});
            stall.pay(&stall.order(&many).await).await
        }
        _ => panic!("no case provokes {code} of PayOrders"),
    }
}

async fn cancel(stall: &Stall, code: &str) -> Answer {
    let order = stall.new_order().await;
    match code {
        "CBC.0100" => stall.as_customer(Method::PUT, CANCEL, &json!({})).await,
        "CBC.0151" => stall.app.client("demo-partner").call(Method::PUT, CANCEL, &[], "{}").await,
        "CBC.0999" => stall.broken(stall.cancel(&order)).await,
        "CBC.99005010" => {
            assert_eq!(stall.cancel(&order).await.status.as_u16(), 204);
            stall.cancel(&order).await
        }
        _ => panic!("no case provokes {code} of CancelCustomerOrder"),
    }
}

async fn refund_or_coupons(stall: &Stall, operation: &str, code: &str) -> Answer {
    let order = stall.new_order().await;
    let path = if operation == "ShowRefundOrderDetails" { format!("{LIST}/refund-orders") } else { COUPONS.to_owned() };
    let target = format!("{path}?order_id={}", id(&order));
    let get = stall.app.client(CUSTOMER);
    match code {
        "CBC.0100" => get.get(&path).await,
        "CBC.0151" if path == COUPONS => stall.app.client("demo-partner").get(&target).await,
        "CBC.0151" => stall.without_permission(get.get(&target)).await,
        "CBC.0999" => stall.broken(get.get(&target)).await,
        "CBC.99005026" => get.get(&target).await,
        _ => panic!("no case provokes {code} of {operation}"),
    }
}

async fn renew(stall: &Stall, code: &str) -> Answer {
    let (order, server) = stall.buy(1, true).await;
    match code {
        "CBC.0151" => stall.app.client("demo-partner").post(RENEW, &json!({})).await,
        "CBC.0999" => stall.broken(stall.renew(&server, 0)).await,
        "CBC.30010067" => {
            let query = json!({"order_id": id(&order)});
            let rows = stall.as_customer(Method::POST, super::QUERY, &query).await.ok();
            let disk = rows["data"].as_array().expect("a list").iter().find(|row| row["is_main_resource"] == 0);
            stall.renew(disk.expect("the disk")["resource_id"].as_str().expect("an id"), 0).await
        }
        "CBC.30010069" => {
            stall.sql("update prices set three_years = '{}' where resource_spec = 's6.large.2.linux'").await;
            stall.app.reload_catalogue().await;
            let body = json!({"resource_ids": [server], "period_type": 3, "period_num": 3});
            stall.as_customer(Method::POST, RENEW, &body).await
        }
        "CBC.30050006" => {
            stall.sql("update accounts set floor = balance where kind in ('allocated', 'cash')").await;
            let answer = stall.renew(&server, 1).await;
            stall.sql("update accounts set floor = 0 where kind in ('allocated', 'cash')").await;
            answer
        }
        "CBC.99000092" => {
            let body = json!({"operation": "SET_UP", "resource_ids": [server]});
            stall.as_customer(Method::POST, TO_ON_DEMAND, &body).await.ok();
            stall.renew(&server, 0).await
        }
        "CBC.99003016" => stall.renew("nobody's", 0).await,
        "CBC.99003100" => {
            stall.renew(&server, 0).await.ok();
            stall.renew(&server, 0).await
        }
        _ => panic!("no case provokes {code} of RenewalResources"),
    }
}

async fn renew_by_itself(stall: &Stall, method: Method, code: &str) -> Answer {
    let (_, server) = stall.buy(1, false).await;
    match code {
        "CBC.0151" => {
            let target = format!("/v2/orders/subscriptions/resources/autorenew/{server}");
            stall.app.client("demo-partner").call(method, &target, &[], "").await
        }
        "CBC.0999" => stall.broken(stall.auto_renew(&server, method)).await,
        "CBC.99003012" => stall.auto_renew("nobody", method).await,
        "CBC.99003602" => {
            stall.sql("update subscriptions set status = 5").await;
            stall.auto_renew(&server, method).await
        }
        "CBC.99003605" => stall.auto_renew(&server, method).await,
        _ => panic!("no case provokes {code} of automatic renewal"),
    }
}

async fn unsubscribe(stall: &Stall, code: &str) -> Answer {
    let (_, server) = stall.buy(1, false).await;
    match code {
        "CBC.0100" => stall.unsubscribe(&server, 3).await,
        "CBC.0151" => stall.app.client("demo-partner").post(UNSUBSCRIBE, &json!({})).await,
        "CBC.0999" => stall.broken(stall.unsubscribe(&server, 1)).await,
        "CBC.30000067" => {
            stall.unsubscribe(&server, 1).await.ok();
            stall.unsubscribe(&server, 1).await
        }
        "CBC.99003012" => stall.unsubscribe("nobody's", 1).await,
        "CBC.99003100" => {
            stall.renew(&server, 0).await.ok();
            stall.unsubscribe(&server, 1).await
        }
        "CBC.99003128" => stall.unsubscribe(&server, 2).await,
        "CBC.99003651" => {
            stall.sql("update subscriptions set state = 'changing'").await;
            stall.unsubscribe(&server, 1).await
        }
        "CBC.99003656" => {
            stall.sql("update subscriptions set status = 4").await;
            stall.unsubscribe(&server, 1).await
        }
        _ => panic!("no case provokes {code} of CancelResourcesSubscription"),
    }
}

async fn to_on_demand(stall: &Stall, code: &str) -> Answer {
    let (_, server) = stall.buy(1, false).await;
    let body = json!({"operation": "SET_UP", "resource_ids": [server]});
    let ask = stall.as_customer(Method::POST, TO_ON_DEMAND, &body);
    match code {
        "CBC.0151" => stall.app.client("demo-partner").post(TO_ON_DEMAND, &body).await,
        "CBC.0999" => stall.broken(ask).await,
        "CBC.99003626" => {
            stall.freeze().await;
            let answer = ask.await;
            stall.unfreeze().await;
            answer
        }
        _ => panic!("no case provokes {code} of UpdatePeriodToOnDemand"),
    }
}

async fn on_demand_resources(stall: &Stall, code: &str) -> Answer {
    let of = |account: &str| json!({"customer_id": stall.app.world.account(account).domain});
    let partner = stall.app.client("demo-partner");
    match code {
        "CBC.0100" => partner.post(ON_DEMAND, &json!({})).await,
        "CBC.0151" => stall.app.client(CUSTOMER).post(ON_DEMAND, &of(CUSTOMER)).await,
        "CBC.0999" => stall.broken(partner.post(ON_DEMAND, &of(CUSTOMER))).await,
        "CBC.99000000" => partner.post(ON_DEMAND, &of("referral-customer")).await,
        "CBC.99000035" => partner.post(ON_DEMAND, &of("demo-member-1")).await,
        "CBC.99000037" => {
            let body = json!({"customer_id": "nobody", "indirect_partner_id": "nobody"});
            stall.app.client("demo-distributor").post(ON_DEMAND, &body).await
        }
        _ => panic!("no case provokes {code} of ListCustomerOnDemandResources"),
    }
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn each_documented_code_is_given_where_it_is_documented(pool: PgPool) {
    let stall = Stall::with_funds(pool, "50000").await;
    let span = |days| write_instant(stall.app.app.clock.now() + Duration::days(days));
    let discount =
        json!({"kind": "partner", "name": "Tenth", "ratio": "0.9", "effective_at": span(-1), "expires_at": span(90)});
    stall.operate(Method::POST, &format!("/admin/v1/accounts/{CUSTOMER}/discounts"), &discount).await.ok();
    let shown = format!("{LIST}/details/{}", id(&stall.new_order().await));
    let mut wrong = Vec::new();
    for row in DOCUMENTED.lines().filter(|line| !line.starts_with('#')).skip(1) {
        let columns: Vec<&str> = row.splitn(4, ',').collect();
        let [operation, status, code, ""] = columns[..] else { continue };
        let answer = match operation {
            "ListCustomerOrders" => list_or_show(&stall, LIST, code).await,
            "ShowCustomerOrderDetails" => list_or_show(&stall, &shown, code).await,
            "PayOrders" => pay(&stall, code).await,
            "CancelCustomerOrder" => cancel(&stall, code).await,
            "ShowRefundOrderDetails" | "ListOrderCouponsByOrderId" => refund_or_coupons(&stall, operation, code).await,
            "RenewalResources" => renew(&stall, code).await,
            "AutoRenewalResources" => renew_by_itself(&stall, Method::POST, code).await,
            "CancelAutoRenewalResources" => renew_by_itself(&stall, Method::DELETE, code).await,
            "CancelResourcesSubscription" => unsubscribe(&stall, code).await,
            "UpdatePeriodToOnDemand" => to_on_demand(&stall, code).await,
            "ListCustomerOnDemandResources" => on_demand_resources(&stall, code).await,
            _ => panic!("{operation} has no cases"),
        };
        let found = format!("{} {}", answer.status.as_u16(), answer.body["error_code"].as_str().unwrap_or_default());
        if found != format!("{status} {code}") {
            wrong.push(format!("{operation}: {status} {code} is documented, {found} was given: {}", answer.body));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // Every request above was well-formed but for what it was refused for.
    assert_eq!(stall.as_customer(Method::POST, PAY, &json!({})).await.refusal().1, "CBC.0100");
}
