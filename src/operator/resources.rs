//! `/admin/v1/accounts/{account}/on-demand-resources`

use super::named::{OfAccount, account_and_time};
use super::policy::OperatorPolicy;
use crate::api::error::ApiError;
use crate::api::extract::{Json, Path};
use crate::api::operation::{Operations, operations};
use crate::api::write::{Answer, Outcome, Write};
use crate::app::App;
use crate::identity;
use crate::metering::store as metering;
use crate::operators::store::Role;
use crate::orders::ordered::ResourceName;
use crate::pricing::model::{ItemRegion, ItemResourceType, ItemSpec, ResourceId, ZoneFilter, check_size};
use crate::resources::arrears;
use crate::resources::on_demand::{self, OnDemandResource, OnDemandStatus};
use crate::resources::refusal::Refusal;
use crate::values::id::new_uuid;
use crate::values::number;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// The operations on resources that are paid by use.
pub fn register(operations: &mut Operations<App, OperatorPolicy>) {
    operations!(operations, "resources": open_on_demand_resource, close_on_demand_resource);
}

/// A resource that a service has opened.
#[derive(Deserialize, ToSchema)]
pub struct OpenOnDemandBody {
    /// Its id; a new one unless said otherwise.
    resource_id: Option<ResourceId>,
    /// Its name.
    name: Option<ResourceName>,
    /// Its type.
    resource_type: ItemResourceType,
    /// Its specification.
    resource_spec: ItemSpec,
    /// Its region.
    region: ItemRegion,
    /// Its availability zone.
    #[schema(inline, nullable)]
    zone: Option<ZoneFilter>,
    /// How large it is: of linear products.
    #[schema(nullable, example = 40)]
    #[serde(default, deserialize_with = "number::any_or_none")]
    resource_size: Option<i32>,
    /// The unit of the size: `14` pieces, `15` Mbps, `17` GB.
    #[schema(nullable, example = 17)]
    #[serde(default, deserialize_with = "number::any_or_none")]
    size_measure_id: Option<i32>,
}

/// A resource that is paid by use.
#[derive(Serialize, ToSchema)]
pub struct OnDemandView {
    /// Its id.
    #[schema(example = "01978d6a-2b3c-7d4e-8f90-a1b2c3d4e5f6")]
    resource_id: String,
    /// How it stands.
    status: OnDemandStatus,
}

/// The resource in the path.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct OfResource {
    /// The account's name.
    #[param(example = "demo-customer")]
    pub account: String,
    /// The resource.
    #[param(inline)]
    pub resource: ResourceId,
}

/// Open a resource that is paid by use
///
/// What a cloud service does when its customer starts to use something.
#[utoipa::path(
    post,
    path = "/admin/v1/accounts/{account}/on-demand-resources",
    params(OfAccount),
    request_body = OpenOnDemandBody,
    responses((status = 200, body = OnDemandView, description = "The resource.")),
    extensions(("x-policy" = json!(OperatorPolicy::writes(Role::Operate))))
)]
pub async fn open_on_demand_resource(
    State(app): State<App>,
    write: Write,
    Path(OfAccount { account }): Path<OfAccount>,
    Json(body): Json<OpenOnDemandBody>,
) -> Result<Answer, ApiError> {
    let size =
        check_size(body.resource_size, body.size_measure_id).map_err(|fault| fault.of(body.resource_spec.as_str()))?;
    let catalogue = app.catalogue.load_full();
    let kind = catalogue.products.find_resource(body.resource_type.as_str());
    let kind = kind.ok_or_else(|| ApiError::parameter("resource_type", "is none of the catalogue's"))?;
    write
        .once(async |connection| {
            let (of, now) = account_and_time(connection, &app, &account).await?;
            if arrears::is_in_arrears(connection, of).await? {
                return Err(ApiError::parameter(
                    "account",
                    "owes for what it used: nothing is opened for it until that is paid",
                ));
            }
            let projects = identity::store::projects(connection, of.0, of.1).await?;
            let project = projects.into_iter().find(|project| project.name == body.region.as_str());
            let project = project.ok_or_else(|| ApiError::parameter("region", "there is no such region"))?;
            let id = body.resource_id.as_ref().map_or_else(|| new_uuid(now).to_string(), |id| id.as_str().to_owned());
            let resource = OnDemandResource {
                resource_id: id,
                project_id: project.id.0,
                region_code: project.name,
                zone_code: body.zone.as_ref().map(|zone| zone.as_str().to_owned()).unwrap_or_default(),
                service_type_code: kind.service_type_code.clone(),
                resource_type_code: kind.code.clone(),
                resource_spec: body.resource_spec.as_str().to_owned(),
                resource_name: body.name.as_ref().map(|name| name.as_str().to_owned()).unwrap_or_default(),
                resource_size: size.map(|size| size.size),
                size_measure_id: size.map(|size| size.measure_id),
                status: OnDemandStatus::Running,
                effective_at: now,
                expires_at: None,
            };
            if on_demand::open(connection, of, std::slice::from_ref(&resource)).await? == 0 {
                return Err(ApiError::parameter("resource_id", "there is already an open resource of this id"));
            }
            // It may have been used before anybody knew whose it is.
            metering::adopt(connection, of, std::slice::from_ref(&resource.resource_id), now).await?;
            let view = OnDemandView { resource_id: resource.resource_id, status: resource.status };
            Outcome::of(&view.resource_id, &view)
        })
        .await
}

/// Close a resource that is paid by use
///
/// What a cloud service does when its customer gives something up.
#[utoipa::path(
    delete,
    path = "/admin/v1/accounts/{account}/on-demand-resources/{resource}",
    params(OfResource),
    responses((status = 200, body = OnDemandView, description = "The resource.")),
    extensions(("x-policy" = json!(OperatorPolicy::writes(Role::Operate))))
)]
pub async fn close_on_demand_resource(
    State(app): State<App>,
    write: Write,
    Path(OfResource { account, resource }): Path<OfResource>,
) -> Result<Answer, ApiError> {
    write
        .once(async |connection| {
            let (of, now) = account_and_time(connection, &app, &account).await?;
            let id = resource.as_str();
            if !on_demand::close(connection, of, id, now).await? {
                return Err(Refusal::Unknown.into());
            }
            Outcome::of(id, &OnDemandView { resource_id: id.to_owned(), status: OnDemandStatus::Closed })
        })
        .await
}
