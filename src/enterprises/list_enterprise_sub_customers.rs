//! `GET /v2/enterprises/multi-accounts/sub-customers`

use super::model::{MemberStatus, PartyId, QuerySwitch};
use super::store::{self, ListedMember, MemberFilter};
use crate::api::caller::{CallerKind, Master};
use crate::api::error::ApiError;
use crate::api::extract::{Json, Query};
use crate::api::filter::{Filter, Taken};
use crate::api::page::{Limit, Offset};
use crate::api::policy::Policy;
use crate::app::App;
use crate::customers::model::NamePart;
use crate::values::id::DomainId;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Which members.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListEnterpriseSubCustomersQuery {
    /// The name of the member's account. Empty it is compared like any other.
    #[param(inline, value_type = NamePart)]
    #[serde(default)]
    sub_customer_account_name: Filter<NamePart, Taken, Taken>,
    /// The member's name in the organisation. Empty it is compared like any other.
    #[param(inline, value_type = NamePart)]
    #[serde(default)]
    sub_customer_display_name: Filter<NamePart, Taken, Taken>,
    /// 0, the default: the names must be equal; 1: they must hold what is given, in any case, which then has no blanks.
    #[param(inline, value_type = QuerySwitch)]
    #[serde(default)]
    fuzzy_query: Filter<QuerySwitch>,
    /// How many to skip.
    #[param(inline)]
    #[serde(default)]
    offset: Offset,
    /// How many to answer at most.
    #[param(inline)]
    #[serde(default)]
    limit: Limit<100>,
    /// Only those of this unit, and not of units below it.
    #[param(inline, value_type = PartyId)]
    #[serde(default)]
    org_id: Filter<PartyId>,
}

/// The members.
#[derive(Serialize, ToSchema)]
pub struct ListEnterpriseSubCustomersResponse {
    /// How many there are in all.
    #[schema(example = 1)]
    total_count: usize,
    /// This part of them, the latest first.
    sub_customer_infos: Vec<SubCustomerInfoV2>,
}

/// A member.
#[derive(Serialize, ToSchema)]
pub struct SubCustomerInfoV2 {
    /// Its account.
    id: DomainId,
    /// Its account's name.
    #[schema(example = "demo-member-1")]
    name: String,
    /// Its name in the organisation; empty where it has none.
    #[schema(example = "Sales, north")]
    display_name: String,
    /// How far it is: 1 normal, 2 being created, 3 leaving, 4 left, 101 being registered, 102 waiting until it agrees to join.
    status: MemberStatus,
    /// The unit it belongs to.
    org_id: PartyId,
    /// That unit's name; the root's may be empty.
    #[schema(example = "Sales")]
    org_name: String,
}

impl From<ListedMember> for SubCustomerInfoV2 {
    fn from(member: ListedMember) -> Self {
        Self {
            id: member.id,
            name: member.name,
            display_name: member.display_name,
            status: member.status,
            org_id: member.unit,
            org_name: member.unit_name,
        }
    }
}

/// Lists the enterprise's member accounts.
///
/// Those that wait until they agree to join are among them. The filters apply together.
#[utoipa::path(
    get, path = "/v2/enterprises/multi-accounts/sub-customers",
    params(ListEnterpriseSubCustomersQuery),
    responses((status = 200, description = "The members.", body = ListEnterpriseSubCustomersResponse)),
    extensions(("x-policy" = json!(Policy::callers(&[CallerKind::Master])))),
)]
pub async fn list_enterprise_sub_customers(
    State(app): State<App>,
    caller: Master,
    Query(query): Query<ListEnterpriseSubCustomersQuery>,
) -> Result<Json<ListEnterpriseSubCustomersResponse>, ApiError> {
    let (name, display_name) = (&query.sub_customer_account_name, &query.sub_customer_display_name);
    let filter = MemberFilter {
        unit: query.org_id.wanted().copied(),
        name: name.wanted().map(NamePart::as_str),
        display_name: display_name.wanted().map(NamePart::as_str),
        by_part: query.fuzzy_query.wanted() == Some(&QuerySwitch::On),
    };
    for (field, part) in
        [("sub_customer_account_name", filter.name), ("sub_customer_display_name", filter.display_name)]
    {
        if filter.by_part && part.is_some_and(|part| part.contains(char::is_whitespace)) {
            return Err(ApiError::parameter(field, "must have no blanks with fuzzy_query 1"));
        }
    }
    let master = store::Master::of(&caller);
    let members = store::members(&mut *app.database.tenant(caller.tenant).await?, master, filter).await?;
    let total_count = members.len();
    let part = members.into_iter().skip(query.offset.get()).take(query.limit.get());
    Ok(Json(ListEnterpriseSubCustomersResponse { total_count, sub_customer_infos: part.map(Into::into).collect() }))
}
