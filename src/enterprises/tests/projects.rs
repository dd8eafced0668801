//! Enterprise projects.

use super::{Office, PROJECTS};
use crate::operators::store::Role;
use axum::http::Method;
use serde_json::json;
use sqlx::PgPool;

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn enterprise_projects_are_opened_once_and_by_verified_companies(pool: PgPool) {
    let office = Office::new(pool.clone()).await;
    let operator = office.app.operator(Role::Operate).await;
    for _ in 0..2 {
        let answer = office.master().call(Method::POST, PROJECTS, &[], "").await;
        assert_eq!((answer.status.as_u16(), answer.text.as_str()), (204, ""));
    }
    let opened = operator.get("/admin/v1/accounts/demo-master/features").await.ok();
    assert_eq!(opened["opened"], json!(["enterprise_projects"]));
    // A company that is no enterprise's member may as well; one that is nobody's knows nothing of it.
    let customer = office.app.client("demo-customer");
    let refused = customer.post(PROJECTS, &json!({})).await;
    assert_eq!((refused.refusal().0, refused.refusal().1), (400, "CBC.99007004"));
    assert_eq!(refused.body["fail_check_items"], json!(["SELF_OPEN_ONLY_FOR_ENT_AND_INTR_CUST"]));
    for feature in ["project_groups", "multi_project"] {
        operator.post("/admin/v1/accounts/demo-customer/features", &json!({"feature": feature})).await.ok();
    }
    office.sql("update customers set verified_status = 2, customer_type = 1").await;
    let refused = customer.post(PROJECTS, &json!({})).await;
    assert_eq!(refused.body["fail_check_items"], json!(["NOT_OPEN_PROJECT_GROUP", "NOT_OPEN_MULTI_PROJECT"]));
    let other = office.app.client("lone-customer").post(PROJECTS, &json!({})).await;
    assert_eq!(other.status.as_u16(), 204, "{}", other.body);
    let partner = operator.post("/admin/v1/accounts/demo-partner/features", &json!({"feature": "multi_project"})).await;
    assert_eq!(partner.refusal().2, "Not done: the account is no customer's.");
}
