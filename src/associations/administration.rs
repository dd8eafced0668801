//! What the vendor's staff do to associations, at the command line and over the operators' API.

use super::lifecycle::{self, Refusal};
use crate::api::caller::CallerKind;
use crate::customers::model::AssociationType;
use crate::customers::partner_administration::find_partner;
use crate::values::id::{DomainId, TenantId};
use sqlx::PgConnection;
use time::OffsetDateTime;

/// Asks an account that is nobody's customer to become a partner's. The association is made a moment later.
pub async fn invite(
    connection: &mut PgConnection,
    customer: (TenantId, DomainId),
    (partner, kind): (&str, AssociationType),
    now: OffsetDateTime,
) -> Result<(), Refusal> {
    let (tenant, partner, partner_kind) = find_partner(connection, partner).await?;
    if partner_kind == CallerKind::Distributor {
        return Err(Refusal::Distributor);
    }
    if tenant != customer.0 {
        return Err(Refusal::OtherTenant);
    }
    lifecycle::invite(connection, customer, (partner, kind), now).await
}
