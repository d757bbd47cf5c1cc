//! Answers that are projects. One alone bears its entity tag.

use actix_web::http::header::{CACHE_CONTROL, ContentType, HeaderValue, LOCATION};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use federation_application::ProjectState;

use super::{Fields, ProjectBody};
use crate::conditions::ProjectTag;

/// The project as it is.
pub(crate) fn found(state: &ProjectState) -> HttpResponse {
    send(HttpResponse::Ok(), state)
}

/// These fields of the project as it is, unless the caller has this version of them. Whoever keeps
/// it has to ask whether it still holds.
pub(crate) fn found_unless_held(
    state: &ProjectState,
    fields: Fields,
    request: &HttpRequest,
) -> HttpResponse {
    let json = ProjectBody::from(state).to_json(fields);
    let tag = ProjectTag::of(&state.project, &json);
    let is_held = tag.is_held_by(request);
    let mut answer = if is_held { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    answer.insert_header(tag.header());
    answer.insert_header((CACHE_CONTROL, HeaderValue::from_static("no-cache")));
    if is_held { answer.finish() } else { answer.content_type(ContentType::json()).body(json) }
}

/// The project, at its path.
pub(crate) fn created(state: &ProjectState) -> HttpResponse {
    let mut answer = HttpResponse::Created();
    answer.insert_header((LOCATION, format!("/api/fed/projects/{}", state.project.slug)));
    send(answer, state)
}

/// Several, in this order.
pub(crate) fn listed(states: &[ProjectState]) -> HttpResponse {
    let mut json = vec![b'['];
    for (place, state) in states.iter().enumerate() {
        if place > 0 {
            json.push(b',');
        }
        ProjectBody::from(state).write(&mut json, Fields::default());
    }
    json.push(b']');
    HttpResponse::Ok().content_type(ContentType::json()).body(json)
}

fn send(mut answer: HttpResponseBuilder, state: &ProjectState) -> HttpResponse {
    let json = ProjectBody::from(state).to_json(Fields::default());
    answer.insert_header(ProjectTag::of(&state.project, &json).header());
    answer.content_type(ContentType::json()).body(json)
}
