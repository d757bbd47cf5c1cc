//! `POST /api/fed/notifications/{id}/retry`.

use actix_web::{HttpResponse, web};
use federation_application::CatalogError;
use federation_domain::{DeliveryId, RetriedDelivery};

use crate::error::ApiError;
use crate::state::ApiState;
use crate::text::sanitize;
use crate::wire::notification::NotificationBody;
use crate::wire::problem::ProblemBody;

/// Deliver a dead notification again.
///
/// The whole message that contains the notification becomes pending, with the same `webhook-id`, and
/// is attempted for another 24 hours. Requires the scope `write`.
#[utoipa::path(
    post,
    path = "/api/fed/notifications/{id}/retry",
    operation_id = "retry_notification",
    tag = "notifications",
    params((
        "id" = i64, Path, minimum = 1, description = "Number of the notification.", example = 17
    )),
    responses(
        (
            status = 202,
            description = "The notifications of the message are pending.",
            body = [NotificationBody<'static>],
            example = json!([{
                "id": 17, "incident": "4", "sequence": 1, "channel": "hook", "event": "opened",
                "status": "pending", "title": "db is offline", "message": 17, "attempts": 290,
                "created_at": "2026-11-23T14:41:13.511326Z",
                "next_attempt_at": "2026-11-25T08:00:00.000000Z",
                "finished_at": null, "last_error": "status 503"
            }])
        ),
        (
            status = 404,
            description = "No notification has this number.",
            body = ProblemBody,
            content_type = "application/problem+json",
            example = json!({
                "title": "Not Found", "status": 404, "detail": "Notification '17' not found"
            })
        ),
        (
            status = 409,
            description = "The notification is not dead, or a later one about the same incident has left.",
            body = ProblemBody,
            content_type = "application/problem+json",
            example = json!({
                "title": "Conflict", "status": 409,
                "detail": "the notification is delivered: only a dead one can be retried"
            })
        ),
        crate::shapes::errors::InternalError,
        crate::shapes::errors::Unavailable,
    )
)]
pub(crate) async fn retry(
    state: web::Data<ApiState>,
    id: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    let not_found = || ApiError::NotificationNotFound { shown: sanitize(&id) };
    let number = id.parse().map(DeliveryId).map_err(|_| not_found())?;
    match state.notifications.retry(number).await.map_err(CatalogError::Store)? {
        RetriedDelivery::Pending(deliveries) => {
            let bodies: Vec<_> = deliveries.iter().map(NotificationBody::from).collect();
            Ok(HttpResponse::Accepted().json(bodies))
        }
        RetriedDelivery::Unknown => Err(not_found()),
        RetriedDelivery::NotDead(state) => Err(ApiError::NotificationConflict {
            why: format!("the notification is {}: only a dead one can be retried", state.as_str()),
        }),
        RetriedDelivery::Superseded => Err(ApiError::NotificationConflict {
            why: "a later notification about the same incident has left to this channel: expected \
                  none, because receivers would take the earlier one for the newest state"
                .to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::Method;
    use federation_domain::{
        ChannelName, DeliveryOutcome, Lease, NotificationEvent, Outbox as _, Settlement,
    };
    use federation_testkit::contract::outbox::notification;
    use federation_testkit::contract::samples::moment;

    use crate::testing::Api;

    #[actix_web::test]
    async fn only_a_dead_notification_is_retried() {
        let api = Api::new().await;
        let new = notification("4", 1, NotificationEvent::Opened, moment(0));
        api.store.enqueue(&[new]).await.unwrap();
        let retry = async |id: &str| {
            api.send(Method::POST, &format!("/api/fed/notifications/{id}/retry")).await
        };
        assert_eq!(retry("1").await.status, 409);
        let lease = Lease {
            channel: ChannelName::parse("hook").unwrap(),
            owner: "a".to_owned(),
            now: moment(0),
            until: moment(60),
            messages: 1,
        };
        let message = api.store.lease(&lease).await.unwrap()[0].message.unwrap();
        let outcome = DeliveryOutcome::Dead { error: "status 503".to_owned() };
        let settlement = Settlement { message, outcome, at: moment(1) };
        api.store.settle("a", &[settlement]).await.unwrap();
        let answer = retry("1").await;
        assert_eq!(answer.status, 202, "{answer}");
        assert!(answer.body.contains(r#""status":"pending""#), "{answer}");
        assert_eq!(retry("1").await.status, 409);
        for unknown in ["2", "0", "x", "-1", "99999999999999999999"] {
            assert_eq!(retry(unknown).await.status, 404, "{unknown}");
        }
    }
}
