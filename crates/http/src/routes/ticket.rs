//! `POST /api/fed/events/ticket`.

use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpMessage as _, HttpRequest, HttpResponse};
use serde::Serialize;
use utoipa::ToSchema;

use crate::auth::grant::Grant;
use crate::auth::tickets::VALIDITY;
use crate::error::ApiError;

/// A ticket.
#[derive(Serialize, ToSchema)]
#[schema(as = EventTicket, example = json!({"ticket": "l2XKq0bZ7d3s9fJxw1UoVn4C", "expires_in_seconds": 30}))]
pub(crate) struct TicketBody {
    /// Value of the parameter `ticket` of `GET /api/fed/events`. Empty if the service has no API
    /// keys, because none is needed then.
    ticket: String,
    /// Time for which the ticket is valid.
    #[schema(minimum = 1)]
    expires_in_seconds: u64,
}

/// Get a ticket for an event stream.
///
/// An `EventSource` of a browser cannot send an API key. Request a ticket with the key, and open
/// `/api/fed/events?ticket=…` within 30 s. The stream has the permissions of the key and ends when
/// the key becomes invalid. A ticket can be used once, so an `EventSource` that has lost its
/// connection needs another one; pass `last_event_id` to miss no event. With several replicas, the
/// ticket is valid on the one that issued it.
#[utoipa::path(
    post,
    path = "/api/fed/events/ticket",
    operation_id = "create_event_ticket",
    tag = "projects",
    responses(
        (
            status = 200, description = "The ticket.", body = TicketBody,
            headers(("Cache-Control" = String, description = "`no-store`."))
        ),
        crate::shapes::errors::InternalError,
    )
)]
pub(crate) async fn issue(request: HttpRequest) -> Result<HttpResponse, ApiError> {
    let grant = request.extensions().get::<Grant>().cloned();
    let ticket = match grant {
        Some(grant) => grant.issue_ticket().ok_or(ApiError::TooManyTickets)?,
        None => String::new(),
    };
    let body = TicketBody { ticket, expires_in_seconds: VALIDITY.as_secs() };
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(body))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use actix_web::http::Method;
    use serde_json::Value;

    use crate::auth::{Closed, Key, KeyDigest, Keys, Scope, format_key};
    use crate::testing::{Api, TestResponse, schema};

    const PATH: &str = "/api/fed/events/ticket";

    /// Returns a key from the file with this scope, and its text.
    fn key(scope: Scope) -> (Key, String) {
        let text = format_key("a1", b"secret");
        let scopes = [scope].into_iter().collect();
        let digest = KeyDigest::of(&text);
        let id = "a1".to_owned();
        (
            Key { id, digest, scopes, slugs: None, actions: None, expires: None, revoked: false },
            text,
        )
    }

    fn keys(scope: Scope) -> (Arc<Keys>, String) {
        let (key, text) = key(scope);
        let keys = Arc::new(Keys::new(Vec::new()));
        keys.replace_filed(vec![key]);
        (keys, text)
    }

    async fn ticket(api: &Api, text: &str) -> String {
        let answer = api.write(Method::POST, PATH, &[("x-api-key", text)], "").await;
        assert_eq!(answer.status, 200, "{answer}");
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        let body: Value = serde_json::from_str(&answer.body).unwrap();
        schema::check("EventTicket", &body);
        assert_eq!(body["expires_in_seconds"], 30);
        body["ticket"].as_str().unwrap().to_owned()
    }

    /// Requests the head of a stream, which ends at once.
    async fn open(api: &Api, ticket: &str) -> TestResponse {
        api.send(Method::HEAD, &format!("/api/fed/events?kind=removed&ticket={ticket}")).await
    }

    #[actix_web::test]
    async fn a_ticket_opens_one_stream_within_30_s() {
        let (keys, text) = keys(Scope::Read);
        let api = Api::guarded_by(keys, Closed::default()).await;
        let one = ticket(&api, &text).await;
        assert_eq!(open(&api, &one).await.status, 200);
        let again = api.get(&format!("/api/fed/events?ticket={one}")).await;
        assert_eq!(again.status, 401, "{again}");
        assert!(
            again.body.contains("the ticket is not known, was used, or has expired"),
            "{again}"
        );
        assert!(!again.body.contains(&one), "{again}");
        let late = ticket(&api, &text).await;
        api.clock.advance(Duration::from_secs(30));
        assert_eq!(open(&api, &late).await.status, 401);
        assert_eq!(open(&api, "").await.status, 401);
    }

    #[actix_web::test]
    async fn a_ticket_opens_nothing_else() {
        let (keys, text) = keys(Scope::Admin);
        let api = Api::guarded_by(keys, Closed::default()).await;
        let ticket = ticket(&api, &text).await;
        for path in ["/api/fed/projects", "/api/fed/projects/a", PATH] {
            let method = if path == PATH { Method::POST } else { Method::GET };
            let answer = api.send(method, &format!("{path}?ticket={ticket}")).await;
            assert_eq!(answer.status, 401, "{path}");
        }
        assert_eq!(open(&api, &ticket).await.status, 200, "it was not used up");
    }

    #[actix_web::test]
    async fn a_ticket_is_bound_to_its_key() {
        let (keys, text) = keys(Scope::Read);
        let api = Api::guarded_by(Arc::clone(&keys), Closed::default()).await;
        let ticket = ticket(&api, &text).await;
        keys.replace_filed(vec![Key { revoked: true, ..key(Scope::Read).0 }]);
        assert_eq!(open(&api, &ticket).await.status, 401);
        let (keys, text) = self::keys(Scope::Write);
        let api = Api::guarded_by(keys, Closed::default()).await;
        let refused = api.write(Method::POST, PATH, &[("x-api-key", &text)], "").await;
        assert_eq!(refused.status, 403, "a key without the scope read gets no ticket");
    }

    #[actix_web::test]
    async fn a_service_without_keys_needs_no_ticket() {
        let api = Api::new().await;
        assert_eq!(ticket(&api, "x").await, "");
        assert_eq!(open(&api, "").await.status, 200);
    }
}
