//! `GET /api/fed/alerts`.

use actix_web::http::header::{HeaderValue, LINK};
use actix_web::web::{self, Bytes};
use actix_web::{HttpRequest, HttpResponse};
use federation_domain::{INCIDENT, IncidentId, LogEntry};

use crate::encoded::EncodedBody;
use crate::error::ApiError;
use crate::params::alerts::{AlertListParams, AlertListQueryParams};
use crate::params::wait::{Wait, WaitParams};
use crate::routes::graph::respond;
use crate::state::ApiState;
use crate::wire::alert::AlertBody;

/// List alerts.
///
/// An alert has one cause: the project that went down, a metric of a project for which a rule holds, or
/// the service's own deafness. Projects that are down because they depend on a project that went down
/// are listed as affected. All alerts that are not resolved are
/// returned, and the newest 1,000 of the others, the newest first.
///
/// With `index`, the request waits for a change of any alert. With `limit`, the header `Link` contains
/// the next page.
#[utoipa::path(
    get,
    path = "/api/fed/alerts",
    operation_id = "list_alerts",
    tag = "alerts",
    params(AlertListQueryParams, WaitParams),
    responses(
        (
            status = 200,
            description = "The alerts.",
            body = [AlertBody<'static>],
            headers(
                ("ETag" = String, description = "Changes with the response."),
                ("Link" = Option<String>, description = "With `limit`: the next page, if any, as `rel=\"next\"`."),
                ("X-Federation-Index" = String, description = "The response reflects at least all changes up to this position in the log. Opaque.")
            ),
            example = json!([])
        ),
        (status = 304, description = "The client already holds this version."),
        crate::shapes::errors::NotAcceptable,
        crate::shapes::errors::InvalidQuery,
        crate::shapes::errors::InternalError,
        crate::shapes::errors::Unavailable,
    )
)]
pub(crate) async fn list(
    request: HttpRequest,
    state: web::Data<ApiState>,
    params: AlertListParams,
    wait: Wait,
) -> Result<HttpResponse, ApiError> {
    let concerns = |entry: &LogEntry| entry.entity() == INCIDENT;
    let index = wait.changed_entry(&state, &request, concerns).await?;
    let incidents = state.incidents.clone();
    let query = params.0;
    let encode = move || {
        let listed = incidents.list(&query)?;
        let bodies: Vec<_> = listed.incidents.iter().map(|one| AlertBody::listed(one)).collect();
        let json = serde_json::to_vec(&bodies).map_err(ApiError::internal)?;
        Ok((EncodedBody::new(Bytes::from(json), None), listed.next))
    };
    let (body, next) = state.graphs.compute(encode).await?;
    let mut response = respond(&request, "application/json", &body).await?;
    if let Some(next) = next
        && let Ok(link) = HeaderValue::from_str(&next_page(request.query_string(), next))
    {
        response.headers_mut().insert(LINK, link);
    }
    Ok(index.on(response))
}

/// Returns the link to the page after an alert, with the other parameters of this one.
fn next_page(query: &str, after: IncidentId) -> String {
    let kept = query.split('&').filter(|pair| {
        let name = pair.split('=').next().unwrap_or_default();
        !pair.is_empty() && !matches!(name, "before" | "index" | "wait")
    });
    let mut link = String::from("</api/fed/alerts?");
    for pair in kept.filter(|pair| pair.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'>'))
    {
        link.push_str(pair);
        link.push('&');
    }
    link.push_str(&format!("before={after}>; rel=\"next\""));
    link
}
