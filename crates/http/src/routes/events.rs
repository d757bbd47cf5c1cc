//! `GET /api/fed/events`.

use actix_web::http::Method;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use actix_web::{HttpMessage as _, HttpRequest, HttpResponse, web};
use futures_util::{StreamExt as _, stream};

use crate::auth::Standing;
use crate::body::{SlugSchema, TagSchema};
use crate::change::ChangeKindSchema;
use crate::error::{ApiError, ErrorBody};
use crate::events;
use crate::params::EventQuery;
use crate::project::StatusSchema;
use crate::state::ApiState;

/// The changes as they happen, as Server-Sent Events.
///
/// Each change is an event: its `id` is the revision, its `event` the kind (`registered`, `updated`,
/// `removed`, `status_changed`; kinds that a client does not know may be added), its `data` a
/// `ChangeEvent` as JSON in one line. They come in the order of their revisions. Whoever sees an
/// event can read what it tells of.
///
/// A stream begins now, or after the revision of `Last-Event-ID`, without gap or double: an
/// `EventSource` connects again with it by itself. Two events say where one stands, each with
/// `{"revision":17}` as its data: `ready` comes first and at once; whoever reads the catalog after it
/// misses nothing. `reset` says that the log has no such revision, or is another one than it was,
/// since the database was restored: what one knows is to be read anew, and the stream goes on from
/// there. After 15 s without an event comes the comment `: heartbeat`; where a filter kept changes
/// back, with an `id` alone.
///
/// The filters may be given several times, or with several values by commas (`tag` not); a change
/// has to meet each of those that are given. A stream ends when the service does, and when its
/// reader takes nothing for 30 s, or falls 10,000 changes behind; then it can be resumed.
#[utoipa::path(
    get,
    path = "/api/fed/events",
    operation_id = "watch_changes",
    tag = "projects",
    params(
        (
            "status" = Option<Vec<StatusSchema>>, Query, nullable = false, explode = false, min_items = 1,
            description = "Only changes from or to one of these statuses.", example = json!(["offline"])
        ),
        (
            "slug" = Option<Vec<SlugSchema>>, Query, nullable = false, explode = false, min_items = 1,
            description = "Only changes of these projects.", example = json!(["commandcenter"])
        ),
        (
            "kind" = Option<Vec<ChangeKindSchema>>, Query, nullable = false, explode = false, min_items = 1,
            description = "Only changes of these kinds.", example = json!(["status_changed"])
        ),
        (
            "tag" = Option<BTreeSet<TagSchema>>, Query, nullable = false, explode = true, max_items = 10,
            description = "Only changes of projects that have all of these tags now; so none of \
                           projects that were removed.",
            example = json!(["python"])
        ),
        (
            "Last-Event-ID" = Option<i64>, Header, nullable = false, minimum = 0,
            description = "The newest revision that was seen.", example = 17
        ),
        (
            "last_event_id" = Option<i64>, Query, nullable = false, minimum = 0,
            description = "The same, for clients that cannot set the header, which goes before it.",
            example = 17
        )
    ),
    responses(
        (
            status = 200,
            description = "The stream. It does not end by itself, but within 15 s after the key with \
                           which it was opened was revoked or expired.",
            content_type = "text/event-stream",
            body = String,
            headers(
                ("Cache-Control" = String, description = "`no-store`."),
                ("X-Accel-Buffering" = String, description = "`no`: a proxy is to pass on each event at once.")
            ),
            example = json!("retry: 2000\nid: 16\nevent: ready\ndata: {\"revision\":16}\n\nid: 17\nevent: status_changed\ndata: {\"revision\":17,\"slug\":\"commandcenter\",\"kind\":\"status_changed\",\"from\":\"offline\",\"to\":\"online\",\"at\":\"2026-11-23T14:41:14.020911Z\",\"cause\":{\"kind\":\"heartbeat\",\"source\":\"nats\"},\"because\":\"heartbeat over nats\"}\n\n: heartbeat\n\n")
        ),
        (
            status = 422,
            description = "A filter names something that does not exist, or the id is no revision.",
            body = ErrorBody,
            content_type = "application/problem+json",
            example = json!({
                "title": "Unprocessable Entity", "status": 422, "detail": "Last-Event-ID: expected a revision, from 0 on, got \"x\"",
                "errors": [{
                    "field": "Last-Event-ID",
                    "given": "\"x\"",
                    "allowed": "a revision, from 0 on"
                }]
            })
        ),
        crate::openapi::InternalError,
        (
            status = 503,
            description = "The catalog is not loaded yet; or the changes since `Last-Event-ID` are no \
                           longer in memory and the store cannot be reached; or this replica has not \
                           read them yet; or 10,000 are watching already.",
            body = ErrorBody,
            content_type = "application/problem+json",
            headers(("Retry-After" = u32, description = "Seconds after which to try again.")),
            example = json!({"title": "Service Unavailable", "status": 503, "detail": "the store is not available, try again later"})
        ),
    )
)]
pub(crate) async fn events(
    request: HttpRequest,
    state: web::Data<ApiState>,
    query: EventQuery,
) -> Result<HttpResponse, ApiError> {
    let watcher = state.changes.watch(query.after).await?;
    let mut answer = HttpResponse::Ok();
    answer.insert_header((CONTENT_TYPE, "text/event-stream"));
    answer.insert_header((CACHE_CONTROL, "no-store"));
    answer.insert_header(("x-accel-buffering", "no"));
    if request.method() == Method::HEAD {
        return Ok(answer.streaming(stream::empty::<Result<web::Bytes, ApiError>>()));
    }
    let standing = request.extensions().get::<Standing>().cloned();
    Ok(answer.streaming(events::stream(&state, watcher, query.filter, standing).boxed_local()))
}

#[cfg(test)]
mod tests;
