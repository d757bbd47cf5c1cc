//! `DELETE /api/fed/projects/{slug}`.

use actix_web::{HttpResponse, web};

use crate::auth::caller::Caller;
use crate::conditions::WriteCondition;
use crate::error::ApiError;
use crate::params::slug::SlugPath;
use crate::state::ApiState;

/// Remove a project.
///
/// The history of the project is kept, and its id is never reused. With `If-Match`, only the
/// version that was read is removed; heartbeats do not count as changes. A second request is
/// answered with 404.
#[utoipa::path(
    delete,
    path = "/api/fed/projects/{slug}",
    operation_id = "remove_project",
    tag = "projects",
    params(
        crate::shapes::parameters::SlugParam,
        crate::shapes::parameters::IfMatch,
    ),
    responses(
        (status = 204, description = "The project was removed."),
        crate::shapes::errors::ProjectNotFound,
        crate::shapes::errors::ConditionErrors,
        crate::shapes::errors::RejectedByStore,
        crate::shapes::errors::InternalError,
        crate::shapes::errors::Unavailable,
    )
)]
pub(crate) async fn remove(
    state: web::Data<ApiState>,
    slug: SlugPath,
    only_if: WriteCondition,
    caller: Caller,
) -> Result<HttpResponse, ApiError> {
    state.catalog.remove(&slug.0, only_if.0, caller.actor()).await?;
    Ok(HttpResponse::NoContent().finish())
}

#[cfg(test)]
mod tests {
    use actix_web::http::Method;

    use crate::testing::Api;

    const PATH: &str = "/api/fed/projects/commandcenter";

    #[actix_web::test]
    async fn a_removed_project_is_not_found() {
        let api = Api::new().await;
        api.register("commandcenter").await;
        insta::assert_snapshot!(api.send(Method::DELETE, PATH).await, @"204");
        insta::assert_snapshot!(api.send(Method::DELETE, PATH).await, @r#"
        404
        content-type: application/problem+json
        {"title":"Not Found","status":404,"detail":"Project 'commandcenter' not found"}
        "#);
        assert_eq!(api.get(PATH).await.status, 404);
    }

    #[actix_web::test]
    async fn a_store_error_is_reported_without_its_cause() {
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
    async fn a_project_that_changed_since_it_was_read_is_not_removed() {
        let api = Api::new().await;
        api.register("commandcenter").await;
        let tag = api.get(PATH).await.tag();
        let renamed = api.write(Method::PATCH, PATH, &[], r#"{"name":"New"}"#).await;
        assert_eq!(renamed.status, 200, "{renamed}");
        insta::assert_snapshot!(api.write(Method::DELETE, PATH, &[("if-match", &tag)], "").await, @r#"
        412
        content-type: application/problem+json
        {"title":"Precondition Failed","status":412,"detail":"Project 'commandcenter' has changed since the version in If-Match. Read it again and reapply your change"}
        "#);
        api.post("/api/fed/projects/commandcenter/heartbeat", "").await;
        let removed = api.write(Method::DELETE, PATH, &[("if-match", &renamed.tag())], "").await;
        assert_eq!(removed.status, 204, "a heartbeat must not change the version: {removed}");
        let again = api.write(Method::DELETE, PATH, &[("if-match", "*")], "").await;
        assert_eq!(again.status, 404, "an unknown project is not found, whatever the precondition");
        assert_eq!(api.write(Method::DELETE, PATH, &[("if-match", "")], "").await.status, 400);
    }
}
