//! Alerts: incidents as the API shows them. Each endpoint has a file.

pub(crate) mod acknowledge;
pub(crate) mod comment;
pub(crate) mod find;
pub(crate) mod list;
pub(crate) mod resolve;
#[cfg(test)]
mod tests;

use actix_web::{HttpResponse, web};
use federation_domain::{IncidentEdit, IncidentId};

use crate::auth::caller::Caller;
use crate::error::ApiError;
use crate::state::ApiState;
use crate::wire::alert::AlertBody;

/// Applies an edit and responds with the alert.
async fn edit(
    state: &web::Data<ApiState>,
    id: IncidentId,
    edit: IncidentEdit,
    caller: &Caller,
) -> Result<HttpResponse, ApiError> {
    let edited = state.incidents.edit(id, edit, caller.actor()).await?;
    Ok(HttpResponse::Ok().json(AlertBody::listed(&edited)))
}
