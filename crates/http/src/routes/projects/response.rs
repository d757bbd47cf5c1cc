//! Responses with projects. A response with a single project has an entity tag.

use actix_web::http::header::{CACHE_CONTROL, ContentType, HeaderValue, LOCATION};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use federation_application::{Assessment, EndpointCheck, ProjectState};
use federation_domain::InstanceFacts;

use crate::conditions::ProjectTag;
use crate::wire::instance;
use crate::wire::kpis;
use crate::wire::project::body::ProjectBody;
use crate::wire::project::fields::Fields;
use crate::wire::verified;

/// Responds with the current state of a project.
pub(super) fn found(state: &ProjectState) -> HttpResponse {
    send(HttpResponse::Ok(), state)
}

/// Responds with the selected fields of a project, facts about its instance, its figures and the
/// newest check of its endpoints, or with 304 if the client already holds them. Caches must revalidate
/// the response.
pub(super) fn found_or_not_modified(
    state: &ProjectState,
    fields: Fields,
    instance: Option<Option<&InstanceFacts>>,
    assessment: Option<&Assessment>,
    verification: Option<Option<&EndpointCheck>>,
    request: &HttpRequest,
) -> HttpResponse {
    let mut json = ProjectBody::from(state).to_json(fields);
    // Writes respond without facts, figures and checks. The tag of a project that has none is the
    // same as theirs.
    let mut tag = ProjectTag::of(&state.project, &json);
    if let Some(facts) = instance {
        instance::append(&mut json, facts);
        if facts.is_some() {
            tag = ProjectTag::of(&state.project, &json);
        }
    }
    if let Some(Assessment { kpis, risk }) = assessment {
        kpis::append(&mut json, kpis, risk.as_ref());
        if risk.is_some() {
            tag = ProjectTag::of(&state.project, &json);
        }
    }
    if let Some(verification) = verification {
        verified::append(&mut json, verification);
        if verification.is_some() {
            tag = ProjectTag::of(&state.project, &json);
        }
    }
    let is_held = tag.is_held_by(request);
    let mut response = if is_held { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    response.insert_header(tag.header());
    response.insert_header((CACHE_CONTROL, HeaderValue::from_static("no-cache")));
    if is_held { response.finish() } else { response.content_type(ContentType::json()).body(json) }
}

/// Responds with a created project and its path.
pub(super) fn created(state: &ProjectState) -> HttpResponse {
    let mut response = HttpResponse::Created();
    response.insert_header((LOCATION, format!("/api/fed/projects/{}", state.project.slug)));
    send(response, state)
}

/// Responds with several projects, in this order.
pub(super) fn listed<'a>(states: impl Iterator<Item = &'a ProjectState>) -> HttpResponse {
    let mut json = vec![b'['];
    for (index, state) in states.enumerate() {
        if index > 0 {
            json.push(b',');
        }
        ProjectBody::from(state).write(&mut json, Fields::default());
    }
    json.push(b']');
    HttpResponse::Ok().content_type(ContentType::json()).body(json)
}

fn send(mut response: HttpResponseBuilder, state: &ProjectState) -> HttpResponse {
    let json = ProjectBody::from(state).to_json(Fields::default());
    response.insert_header(ProjectTag::of(&state.project, &json).header());
    response.content_type(ContentType::json()).body(json)
}
