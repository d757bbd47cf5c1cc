//! `PUT /api/fed/edges/{from}/{to}/{kind}`.

use actix_web::http::header::LOCATION;
use actix_web::{HttpResponse, web};
use federation_domain::{EdgeAction, EdgeClaim, EdgeResult, EdgeSource, EdgeWrite};

use super::{rejected, require_registered};
use crate::auth::caller::Caller;
use crate::body::edge::{EdgeBody, EdgeSchema};
use crate::conditions::{EdgeCondition, edge_tag};
use crate::error::ApiError;
use crate::state::ApiState;
use crate::wire::graph::body::ClaimBody;

/// Declare that a project uses another one.
///
/// The edge stays until it is removed. A declaration replaces the earlier one of the API and leaves
/// those of the projects file and of observations alone. The project `to` need not be registered. The
/// operation is idempotent. Requires the scope `write`, or a key that is restricted to projects of
/// which `from` is one.
#[utoipa::path(
    put,
    path = "/api/fed/edges/{from}/{to}/{kind}",
    operation_id = "declare_edge",
    tag = "graph",
    params(
        crate::shapes::parameters::EdgeParams,
        crate::shapes::parameters::IfMatch,
        crate::shapes::parameters::IfAbsent,
    ),
    request_body(content = EdgeSchema, description = "At most 64 KiB. May be empty."),
    responses(
        (
            status = 200,
            description = "The edge was declared before.",
            body = ClaimBody<'static>,
            headers(("ETag" = String, description = "Version of the declaration."))
        ),
        (
            status = 201,
            description = "The edge is new.",
            body = ClaimBody<'static>,
            headers(("ETag" = String, description = "Version of the declaration."))
        ),
        crate::shapes::errors::ProjectNotFound,
        crate::shapes::errors::BodyErrors,
        crate::shapes::errors::ConditionErrors,
        crate::shapes::errors::InternalError,
        crate::shapes::errors::Unavailable,
    )
)]
pub(crate) async fn declare(
    state: web::Data<ApiState>,
    only_if: EdgeCondition,
    EdgeBody(edge): EdgeBody,
    caller: Caller,
) -> Result<HttpResponse, ApiError> {
    require_registered(&state, edge.key.from())?;
    let action = EdgeAction::Declare { strength: edge.strength, details: edge.details };
    let (key, at) = (edge.key.clone(), state.graph.now());
    let write = EdgeWrite { key, source: EdgeSource::Api, action, only_if: only_if.0, at };
    match state.graph.write_one(write, caller.actor()).await? {
        EdgeResult::Stored { claim, is_new } => Ok(response(&claim, is_new)),
        EdgeResult::Kept(Some(claim)) => Ok(response(&claim, false)),
        EdgeResult::Rejected(rejection) => Err(rejected(&edge.key, rejection)),
        EdgeResult::Kept(None) | EdgeResult::Removed(_) => {
            Err(ApiError::internal(std::io::Error::other("a declaration stored nothing")))
        }
    }
}

fn response(claim: &EdgeClaim, is_new: bool) -> HttpResponse {
    let mut response = if is_new { HttpResponse::Created() } else { HttpResponse::Ok() };
    if is_new {
        response.insert_header((LOCATION, format!("/api/fed/edges/{}", claim.key)));
    }
    response.insert_header(edge_tag(claim)).json(ClaimBody::from(claim))
}

#[cfg(test)]
mod tests {
    use actix_web::http::Method;

    use crate::testing::{Api, TestResponse};

    const PATH: &str = "/api/fed/edges/docs/veria/api";
    const BODY: &str = r#"{"strength":0.9,"details":{"path":"/v1"}}"#;
    const JSON: (&str, &str) = ("content-type", "application/json");

    async fn api() -> Api {
        let api = Api::new().await;
        api.register("docs").await;
        api
    }

    async fn put(api: &Api, headers: &[(&str, &str)], body: &'static str) -> TestResponse {
        let headers: Vec<_> = headers.iter().copied().chain([JSON]).collect();
        api.write(Method::PUT, PATH, &headers, body).await
    }

    #[actix_web::test]
    async fn an_edge_is_created_once_and_then_replaced() {
        let api = api().await;
        insta::assert_snapshot!(put(&api, &[], BODY).await, @r#"
        201
        content-type: application/json
        location: /api/fed/edges/docs/veria/api
        {"id":"docs/veria/api","from":"docs","to":"veria","kind":"api","strength":0.9,"source":"api","first_seen_at":"2026-11-24T12:00:00.123456Z","last_seen_at":"2026-11-24T12:00:00.123456Z","stale":false,"details":{"path":"/v1"}}
        "#);
        let again = put(&api, &[], BODY).await;
        assert_eq!((again.status, again.header("location")), (200, None), "{again}");
        let changed = put(&api, &[], "{}").await;
        assert!(changed.body.contains(r#""strength":0.5"#), "{changed}");
        assert!(changed.body.contains(r#""details":null"#), "{changed}");
        assert_ne!(changed.tag(), again.tag());
        let empty = api.send(Method::PUT, PATH).await;
        assert_eq!((empty.status, &empty.body), (200, &changed.body));
    }

    #[actix_web::test]
    async fn a_precondition_protects_the_change_of_another_client() {
        let api = api().await;
        let tag = put(&api, &[("if-none-match", "*")], BODY).await.tag();
        assert_eq!(put(&api, &[("if-none-match", "*")], BODY).await.status, 200, "a retry");
        insta::assert_snapshot!(put(&api, &[("if-none-match", "*")], "{}").await, @r#"
        412
        content-type: application/problem+json
        {"title":"Precondition Failed","status":412,"detail":"Edge 'docs/veria/api' is already declared, or has changed since the version in If-Match. Read it again and reapply your change"}
        "#);
        assert_eq!(put(&api, &[("if-match", &tag)], "{}").await.status, 200);
        assert_eq!(put(&api, &[("if-match", &tag)], r#"{"strength":0.1}"#).await.status, 412);
    }

    #[actix_web::test]
    async fn every_invalid_field_is_reported() {
        let api = api().await;
        let headers = [JSON];
        let bad = "/api/fed/edges/docs/Veria/A%20B";
        let body = r#"{"strength":1.5,"details":[]}"#;
        insta::assert_snapshot!(api.write(Method::PUT, bad, &headers, body).await, @r#"
        422
        content-type: application/problem+json
        {"title":"Unprocessable Entity","status":422,"detail":"strength: expected a number from 0 to 1, got \"1.5\"; details: expected an object or null, got an array; to: expected 1 to 50 of a-z, 0-9 and -, got \"Veria\"; kind: expected api, queue, shared-schema, secret or another word of 1 to 30 of a-z, 0-9 and -, got \"A B\"","errors":[{"field":"strength","given":"\"1.5\"","allowed":"a number from 0 to 1"},{"field":"details","given":"an array","allowed":"an object or null"},{"field":"to","given":"\"Veria\"","allowed":"1 to 50 of a-z, 0-9 and -"},{"field":"kind","given":"\"A B\"","allowed":"api, queue, shared-schema, secret or another word of 1 to 30 of a-z, 0-9 and -"}]}
        "#);
        let to_itself = api.send(Method::PUT, "/api/fed/edges/docs/docs/api").await;
        assert_eq!(to_itself.status, 422, "{to_itself}");
    }

    #[actix_web::test]
    async fn an_edge_starts_at_a_registered_project() {
        let answer = api().await.send(Method::PUT, "/api/fed/edges/ghost/docs/api").await;
        insta::assert_snapshot!(answer, @r#"
        404
        content-type: application/problem+json
        {"title":"Not Found","status":404,"detail":"Project 'ghost' not found"}
        "#);
    }

    #[actix_web::test]
    async fn a_project_has_at_most_two_hundred_edges() {
        let api = api().await;
        for number in 0..200 {
            let path = format!("/api/fed/edges/docs/b{number}/api");
            assert_eq!(api.send(Method::PUT, &path).await.status, 201);
        }
        insta::assert_snapshot!(api.send(Method::PUT, PATH).await, @r#"
        422
        content-type: application/problem+json
        {"title":"Unprocessable Entity","status":422,"detail":"project 'docs' has too many edges: expected at most 200, got more; remove some of them first"}
        "#);
    }

    #[actix_web::test]
    async fn an_unavailable_store_changes_nothing() {
        let api = api().await;
        api.lose_store();
        let answer = put(&api, &[], BODY).await;
        assert_eq!((answer.status, answer.header("retry-after")), (503, Some("5")), "{answer}");
        assert_eq!(api.get("/api/fed/edges").await.body, "[]");
        assert_eq!(put(&Api::not_loaded(), &[], BODY).await.status, 503);
    }
}
