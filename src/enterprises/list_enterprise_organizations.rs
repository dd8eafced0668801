//! `GET /v2/enterprises/multi-accounts/enterprise-organizations`

use super::model::{PartyId, QuerySwitch, Unit};
use super::organisation::find;
use super::store;
use crate::api::caller::{CallerKind, Master};
use crate::api::error::ApiError;
use crate::api::extract::{Json, Query};
use crate::api::filter::Filter;
use crate::api::policy::Policy;
use crate::app::App;
use crate::values::site::Site;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Which units.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListEnterpriseOrganizationsQuery {
    /// 0, the default: the units right below; 1: all below, each with those below it.
    #[param(inline, value_type = QuerySwitch)]
    #[serde(default)]
    recursive_query: Filter<QuerySwitch>,
    /// The unit below which to look. Absent or empty: the root.
    #[param(inline, value_type = PartyId)]
    #[serde(default)]
    parent_id: Filter<PartyId>,
}

/// An organisation, or a part of it.
#[derive(Serialize, ToSchema)]
pub struct ListEnterpriseOrganizationsResponse {
    /// The root; left out where `parent_id` names a unit.
    #[serde(skip_serializing_if = "Option::is_none")]
    root_id: Option<PartyId>,
    /// The root's name, empty until it is given one; left out where `parent_id` names a unit.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "Demo Ltd")]
    root_name: Option<String>,
    /// The units below, oldest first.
    child_nodes: Vec<EmChildNodeV2>,
}

/// A unit of an organisation.
#[derive(Serialize, ToSchema)]
pub struct EmChildNodeV2 {
    /// The id of its place below the unit it hangs below: another one once it is moved.
    #[schema(example = "393")]
    relation_id: String,
    /// Its id, which stays.
    id: PartyId,
    /// Its name.
    #[schema(example = "Sales")]
    name: String,
    /// The units below it, oldest first; left out unless `recursive_query` asks for them.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(no_recursion)]
    child_nodes: Option<Vec<EmChildNodeV2>>,
}

/// Lists the units of the enterprise's organisation.
///
/// Every enterprise master account has a root. The units are kept by the vendor's staff.
#[utoipa::path(
    get, path = "/v2/enterprises/multi-accounts/enterprise-organizations",
    params(ListEnterpriseOrganizationsQuery),
    responses((status = 200, description = "The units.", body = ListEnterpriseOrganizationsResponse)),
    extensions(("x-policy" = json!(Policy::callers(&[CallerKind::Master]).on(Site::Cn)))),
)]
pub async fn list_enterprise_organizations(
    State(app): State<App>,
    caller: Master,
    Query(query): Query<ListEnterpriseOrganizationsQuery>,
) -> Result<Json<ListEnterpriseOrganizationsResponse>, ApiError> {
    let master = store::Master::of(&caller);
    let units = store::units(&mut *app.database.tenant(caller.tenant).await?, master).await?;
    let is_recursive = query.recursive_query.wanted() == Some(&QuerySwitch::On);
    if let Some(parent) = query.parent_id.wanted() {
        let unknown = |_| ApiError::parameter("parent_id", "must be a unit of the enterprise's organisation");
        let parent = find(&units, *parent).map_err(unknown)?;
        let child_nodes = below(&units, parent.id, is_recursive);
        return Ok(Json(ListEnterpriseOrganizationsResponse { root_id: None, root_name: None, child_nodes }));
    }
    let root = units.iter().find(|unit| unit.parent.is_none());
    let root = root.ok_or_else(|| ApiError::internal("a master account without an organisation"))?;
    Ok(Json(ListEnterpriseOrganizationsResponse {
        root_id: Some(root.id),
        root_name: Some(root.name.clone()),
        child_nodes: below(&units, root.id, is_recursive),
    }))
}

/// The units below one. The tree has a largest depth, so this ends.
fn below(units: &[Unit], id: PartyId, is_recursive: bool) -> Vec<EmChildNodeV2> {
    let children = units.iter().filter(|unit| unit.parent == Some(id));
    let node = |unit: &Unit| EmChildNodeV2 {
        relation_id: unit.relation.map(|relation| relation.to_string()).unwrap_or_default(),
        id: unit.id,
        name: unit.name.clone(),
        child_nodes: is_recursive.then(|| below(units, unit.id, true)),
    };
    children.map(node).collect()
}
