//! `GET /api/fed/events`.

use actix_web::http::Method;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use actix_web::{HttpMessage as _, HttpRequest, HttpResponse, web};
use futures_util::stream;

use crate::auth::grant::Grant;
use crate::body::values::{SlugSchema, TagSchema};
use crate::connection::Connection;
use crate::error::ApiError;
use crate::events::opening::open;
use crate::events::stream::Viewer;
use crate::params::events::EventQuery;
use crate::state::ApiState;
use crate::wire::problem::ProblemBody;
use crate::wire::project::body::StatusSchema;

/// Kind of an event that can be asked for.
#[derive(utoipa::ToSchema)]
#[schema(as = EventKind, rename_all = "snake_case")]
#[expect(dead_code, reason = "the schema of the document")]
pub(crate) enum EventKindSchema {
    Registered,
    Updated,
    Removed,
    StatusChanged,
    MetricsUpdated,
}

/// Watch changes as Server-Sent Events.
///
/// Each entry of the change log is an event. Its `id` is its position, which is opaque. For a change
/// of a project, its `event` is the kind (`registered`, `updated`, `removed` or `status_changed`;
/// further kinds may be added), and its `data` a `ChangeEvent` as JSON in one line. For any other
/// entry, the data is an `Entry`; its `event` is the kind, after the entity and a dot unless that is
/// `project`. Ignore events with names that you do not know. Events are in the order of their
/// revisions. When a client receives an event, reads of the catalog reflect the change.
///
/// A stream starts now, or after the position in `Last-Event-ID`, without gaps or duplicates. An
/// `EventSource` sends that header when it reconnects. Two events report a position, with
/// `{"revision":17}` as their data. `ready` is sent first and immediately; a client that then reads
/// the catalog misses nothing. `reset` reports that entries were missed: the requested position is in
/// another log, because the database was restored, or entries after it were dropped, because they
/// were older than `CHANGE_RETENTION`. Discard all state, read the catalog again, and continue with
/// the stream. After 15 s without an event, the comment `: heartbeat` is sent, with an `id` if
/// filtered changes have passed.
///
/// While the service starts, a stream consists of comments, and `ready` follows when the catalog is
/// loaded. An `EventSource` would give up if the response was an error.
///
/// An `EventSource` cannot send an API key. It can send the ticket that
/// `POST /api/fed/events/ticket` returns, which replaces the key once.
///
/// Filters may be repeated or, except for `tag`, comma-separated. A change must match all given
/// filters. A stream ends when the service stops, when the client reads nothing for 30 s, or when
/// it falls 10,000 changes behind. It can be resumed afterwards.
#[utoipa::path(
    get,
    path = "/api/fed/events",
    operation_id = "watch_changes",
    tag = "projects",
    params(
        (
            "status" = Option<Vec<StatusSchema>>, Query, nullable = false, explode = false, min_items = 1,
            description = "Return changes from or to one of these statuses.", example = json!(["offline"])
        ),
        (
            "slug" = Option<Vec<SlugSchema>>, Query, nullable = false, explode = false, min_items = 1, max_items = 100,
            description = "Return changes of these projects, at most 100.", example = json!(["commandcenter"])
        ),
        (
            "kind" = Option<Vec<EventKindSchema>>, Query, nullable = false, explode = false, min_items = 1,
            description = "Return changes of projects of these kinds. `metrics_updated` adds events \
                           about new values of metrics: `{\"project\":\"docs\",\"types\":[\"coverage.percent\"]}`, at \
                           most one for each project in 5 s. They have no id, and are not repeated when \
                           a stream is resumed.",
            example = json!(["status_changed"])
        ),
        (
            "entity" = Option<Vec<String>>, Query, nullable = false, explode = false, min_items = 1, max_items = 100,
            description = "Return entries of these entities, such as `project`. All other filters \
                           apply to projects only.",
            example = json!(["project"])
        ),
        (
            "tag" = Option<BTreeSet<TagSchema>>, Query, nullable = false, explode = true, max_items = 10,
            description = "Return changes of projects that currently have all of these tags. This \
                           excludes removed projects.",
            example = json!(["python"])
        ),
        (
            "Last-Event-ID" = Option<String>, Header, nullable = false,
            pattern = "^([0-9a-f]{12}-)?[0-9]{1,18}$",
            description = "The `id` of the newest event that the client has seen.",
            example = "8f3a9c01b2d4-17"
        ),
        (
            "last_event_id" = Option<String>, Query, nullable = false,
            pattern = "^([0-9a-f]{12}-)?[0-9]{1,18}$",
            description = "Alternative to `Last-Event-ID`, for clients that cannot set the header. \
                           The header takes precedence.",
            example = "8f3a9c01b2d4-17"
        ),
        (
            "ticket" = Option<String>, Query, nullable = false,
            description = "A ticket of `POST /api/fed/events/ticket`, if the request has no API key.",
            example = "l2XKq0bZ7d3s9fJxw1UoVn4C"
        )
    ),
    responses(
        (
            status = 200,
            description = "The stream. It ends within 15 s after its API key has expired or was \
                           revoked.",
            content_type = "text/event-stream",
            body = String,
            headers(
                ("Cache-Control" = String, description = "`no-store`."),
                ("X-Accel-Buffering" = String, description = "`no`, so that proxies forward each event immediately.")
            ),
            example = json!("retry: 2000\nid: 8f3a9c01b2d4-16\nevent: ready\ndata: {\"revision\":16}\n\nid: 8f3a9c01b2d4-17\nevent: status_changed\ndata: {\"revision\":17,\"slug\":\"commandcenter\",\"kind\":\"status_changed\",\"from\":\"offline\",\"to\":\"online\",\"at\":\"2026-11-23T14:41:14.020911Z\",\"cause\":{\"kind\":\"heartbeat\",\"source\":\"nats\"},\"because\":\"heartbeat over nats\",\"actor\":\"nats\",\"entity\":\"project\"}\n\n: heartbeat\n\n")
        ),
        (
            status = 422,
            description = "A filter or the position is invalid.",
            body = ProblemBody,
            content_type = "application/problem+json",
            example = json!({
                "title": "Unprocessable Entity", "status": 422, "detail": "Last-Event-ID: expected a position as sent by this service, such as 8f3a9c01b2d4-17, got \"x\"",
                "errors": [{
                    "field": "Last-Event-ID",
                    "given": "\"x\"",
                    "allowed": "a position as sent by this service, such as 8f3a9c01b2d4-17"
                }]
            })
        ),
        crate::shapes::errors::InternalError,
        (
            status = 503,
            description = "The changes since `Last-Event-ID` are no longer in memory and the store is \
                           not available; or too many clients are watching (10,000, fewer if the \
                           limit on open files is low).",
            body = ProblemBody,
            content_type = "application/problem+json",
            headers(("Retry-After" = u32, description = "Seconds after which to retry.")),
            example = json!({"title": "Service Unavailable", "status": 503, "detail": "the store is not available, try again later"})
        ),
    )
)]
pub(crate) async fn events(
    request: HttpRequest,
    state: web::Data<ApiState>,
    query: EventQuery,
) -> Result<HttpResponse, ApiError> {
    let viewer = Viewer {
        filter: query.filter,
        grant: request.extensions().get::<Grant>().cloned(),
        connection: Connection::of(&request),
        place: state.clients.enter(&request)?,
    };
    let events = open(&state, query.from, viewer).await?;
    let mut response = HttpResponse::Ok();
    response.insert_header((CONTENT_TYPE, "text/event-stream"));
    response.insert_header((CACHE_CONTROL, "no-store"));
    response.insert_header(("x-accel-buffering", "no"));
    if request.method() == Method::HEAD {
        return Ok(response.streaming(stream::empty::<Result<web::Bytes, ApiError>>()));
    }
    Ok(response.streaming(events))
}

#[cfg(test)]
mod tests;
