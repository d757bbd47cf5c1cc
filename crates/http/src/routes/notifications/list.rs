//! `GET /api/fed/notifications`.

use actix_web::http::header;
use actix_web::{HttpResponse, web};
use federation_application::CatalogError;

use crate::error::ApiError;
use crate::params::notifications::DeliveryParams;
use crate::public_url::PublicUrl;
use crate::state::ApiState;
use crate::wire::notification::{DeliveryStatus, NotificationBody};

/// List notifications and the state of their delivery.
///
/// Newest first, in pages. The header `Link` (RFC 8288) contains the next page. Those that were
/// delivered or given up are kept for 30 days.
#[utoipa::path(
    get,
    path = "/api/fed/notifications",
    operation_id = "list_notifications",
    tag = "notifications",
    params(
        (
            "channel" = Option<String>, Query, nullable = false, pattern = "^[a-z0-9_-]+$",
            min_length = 1, max_length = 50,
            description = "Return those of this channel. Must not be repeated.", example = "hook"
        ),
        (
            "status" = Option<DeliveryStatus>, Query, nullable = false,
            description = "Return those in this state. Must not be repeated.", example = "dead"
        ),
        (
            "incident" = Option<String>, Query, nullable = false, pattern = "^[^\\x00-\\x1f\\x7f-\\x9f]+$",
            min_length = 1, max_length = 64,
            description = "Return those about this incident. Must not be repeated.", example = "4"
        ),
        (
            "limit" = Option<u32>, Query, nullable = false, minimum = 1, maximum = 1000,
            description = "Maximum number of notifications on a page. Defaults to 50. Must not be \
                           repeated.",
            example = 50
        ),
        (
            "before" = Option<i64>, Query, nullable = false, minimum = 1,
            description = "Return notifications with a smaller number. Must not be repeated. Unknown \
                           parameters are ignored.",
            example = 17
        )
    ),
    responses(
        (
            status = 200,
            description = "A page of notifications.",
            body = [NotificationBody<'static>],
            headers((
                "Link" = Option<String>,
                description = "The next page as `rel=\"next\"`. Absent on the last page."
            )),
            example = json!([{
                "id": 17, "incident": "4", "sequence": 1, "channel": "hook", "event": "opened",
                "status": "dead", "title": "db is offline", "message": 17, "attempts": 290,
                "created_at": "2026-11-23T14:41:13.511326Z", "next_attempt_at": null,
                "finished_at": "2026-11-24T14:41:43.511326Z", "last_error": "status 503"
            }])
        ),
        crate::shapes::errors::InvalidQuery,
        crate::shapes::errors::InternalError,
        crate::shapes::errors::Unavailable,
    )
)]
pub(crate) async fn list(
    state: web::Data<ApiState>,
    DeliveryParams(query): DeliveryParams,
) -> Result<HttpResponse, ApiError> {
    let deliveries = state.notifications.deliveries(&query).await.map_err(CatalogError::Store)?;
    let mut response = HttpResponse::Ok();
    if let Some(last) = deliveries.last().filter(|_| deliveries.len() == query.limit) {
        let base = state.public_url.as_ref().map(PublicUrl::as_str).unwrap_or_default();
        let mut next =
            format!("{base}/api/fed/notifications?before={}&limit={}", last.id, query.limit);
        let incident = query.incident.as_deref().map(encoded);
        let filters = [
            ("channel", query.channel.as_ref().map(|channel| channel.as_str())),
            ("status", query.state.map(|state| state.as_str())),
            ("incident", incident.as_deref()),
        ];
        for (name, value) in filters {
            next.extend(value.map(|value| format!("&{name}={value}")));
        }
        response.insert_header((header::LINK, format!("<{next}>; rel=\"next\"")));
    }
    Ok(response.json(deliveries.iter().map(NotificationBody::from).collect::<Vec<_>>()))
}

fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use federation_domain::{NotificationEvent, Outbox as _};
    use federation_testkit::contract::outbox::notification;
    use federation_testkit::contract::samples::moment;

    use crate::testing::{Api, schema};

    #[actix_web::test]
    async fn notifications_are_listed_newest_first_in_pages() {
        let api = Api::new().await;
        let new = ["4", "5", "6"]
            .map(|incident| notification(incident, 1, NotificationEvent::Opened, moment(0)));
        api.store.enqueue(&new).await.unwrap();
        let page = api.get("/api/fed/notifications?limit=2&channel=hook").await;
        assert_eq!(
            page.header("link"),
            Some("</api/fed/notifications?before=2&limit=2&channel=hook>; rel=\"next\"")
        );
        let rest = api.get("/api/fed/notifications?before=2&limit=2&channel=hook").await;
        let body: serde_json::Value = serde_json::from_str(&rest.body).unwrap();
        schema::check("Notification", &body[0]);
        insta::assert_snapshot!(rest, @r#"
        200
        content-type: application/json
        [{"id":1,"incident":"4","sequence":1,"channel":"hook","event":"opened","status":"pending","title":"db is offline <!channel> \"ä\" 🦀","message":null,"attempts":0,"created_at":"2026-11-24T12:00:00.000017Z","next_attempt_at":"2026-11-24T12:00:00.000017Z","finished_at":null,"last_error":null}]
        "#);
        assert_eq!(api.get("/api/fed/notifications?status=dead").await.body, "[]");
        assert_eq!(api.get("/api/fed/notifications?status=x").await.status, 422);
    }
}
