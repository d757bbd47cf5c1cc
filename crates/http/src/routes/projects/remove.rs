//! `DELETE /api/fed/projects/{slug}`.

use actix_web::{HttpResponse, web};

use crate::conditions::WriteCondition;
use crate::error::ApiError;
use crate::params::SlugPath;
use crate::state::ApiState;

/// Removes the project of this slug. Its history stays, its id is never used again.
///
/// With `If-Match` only the version that was read is removed; a heartbeat meanwhile is no change.
/// Twice is as good as once: the second answer is 404.
#[utoipa::path(
    delete,
    path = "/api/fed/projects/{slug}",
    operation_id = "remove_project",
    tag = "projects",
    params(
        crate::openapi::SlugParam,
        crate::openapi::writes::IfMatch,
    ),
    responses(
        (status = 204, description = "It is removed."),
        crate::openapi::ProjectNotFound,
        crate::openapi::writes::ConditionErrors,
        crate::openapi::InternalError,
        crate::openapi::Unavailable,
    )
)]
pub(crate) async fn remove(
    state: web::Data<ApiState>,
    slug: SlugPath,
    only_if: WriteCondition,
) -> Result<HttpResponse, ApiError> {
    state.catalog.remove_if(&slug.0, only_if.0).await?;
    Ok(HttpResponse::NoContent().finish())
}

#[cfg(test)]
mod tests {
    use actix_web::http::Method;

    use crate::testing::Api;

    const PATH: &str = "/api/fed/projects/commandcenter";

    #[actix_web::test]
    async fn what_was_removed_is_not_found_any_more() {
        let api = Api::new().await;
        api.register("commandcenter").await;
        insta::assert_snapshot!(api.send(Method::DELETE, PATH).await, @"
        204
        ");
        insta::assert_snapshot!(api.send(Method::DELETE, PATH).await, @r#"
        404
        content-type: application/problem+json
        {"title":"Not Found","status":404,"detail":"Project 'commandcenter' not found"}
        "#);
        assert_eq!(api.get(PATH).await.status, 404);
    }

    #[actix_web::test]
    async fn a_store_that_does_not_take_it_is_no_secret_but_its_reason_is() {
        let api = Api::without_store().await;
        insta::assert_snapshot!(api.send(Method::DELETE, PATH).await, @r#"
        503
        content-type: application/problem+json
        retry-after: 5
        {"title":"Service Unavailable","status":503,"detail":"the store is not available, try again later"}
        "#);
        let api = Api::with_failing_store().await;
        insta::assert_snapshot!(api.send(Method::DELETE, PATH).await, @r#"
        500
        content-type: application/problem+json
        {"title":"Internal Server Error","status":500,"detail":"internal error"}
        "#);
    }

    #[actix_web::test]
    async fn what_was_changed_since_it_was_read_is_not_removed() {
        let api = Api::new().await;
        api.register("commandcenter").await;
        let tag = api.get(PATH).await.tag();
        let renamed = api.write(Method::PATCH, PATH, &[], r#"{"name":"New"}"#).await;
        assert_eq!(renamed.status, 200, "{renamed}");
        insta::assert_snapshot!(api.write(Method::DELETE, PATH, &[("if-match", &tag)], "").await, @r#"
        412
        content-type: application/problem+json
        {"title":"Precondition Failed","status":412,"detail":"Project 'commandcenter' was changed since the version that If-Match names: read it again, and repeat your change on what it says now"}
        "#);
        api.post("/api/fed/projects/commandcenter/heartbeat", "").await;
        let removed = api.write(Method::DELETE, PATH, &[("if-match", &renamed.tag())], "").await;
        assert_eq!(removed.status, 204, "a heartbeat is no change: {removed}");
        let again = api.write(Method::DELETE, PATH, &[("if-match", "*")], "").await;
        assert_eq!(again.status, 404, "what is not there is not found, whatever the condition");
        assert_eq!(api.write(Method::DELETE, PATH, &[("if-match", "")], "").await.status, 400);
    }
}
