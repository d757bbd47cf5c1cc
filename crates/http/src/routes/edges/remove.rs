//! `DELETE /api/fed/edges/{from}/{to}/{kind}`.

use actix_web::{HttpRequest, HttpResponse, web};
use federation_domain::{EdgeAction, EdgeKey, EdgeResult, EdgeSource, EdgeWrite};

use super::rejected;
use crate::auth::caller::Caller;
use crate::body::edge::edge_texts;
use crate::conditions::EdgeCondition;
use crate::error::ApiError;
use crate::state::ApiState;
use crate::text::sanitize;

/// Remove the declaration of an edge.
///
/// Only the declaration over the API is removed. The edge stays as long as the projects file or
/// observations claim it. A second request is answered with 404. Requires the scope `write`, or a key
/// that is restricted to projects of which `from` is one.
#[utoipa::path(
    delete,
    path = "/api/fed/edges/{from}/{to}/{kind}",
    operation_id = "remove_edge",
    tag = "graph",
    params(crate::shapes::parameters::EdgeParams, crate::shapes::parameters::IfMatch),
    responses(
        (status = 204, description = "The declaration was removed."),
        crate::shapes::errors::EdgeNotFound,
        crate::shapes::errors::ConditionErrors,
        crate::shapes::errors::InternalError,
        crate::shapes::errors::Unavailable,
    )
)]
pub(crate) async fn remove(
    request: HttpRequest,
    state: web::Data<ApiState>,
    only_if: EdgeCondition,
    caller: Caller,
) -> Result<HttpResponse, ApiError> {
    let (from, to, kind) = edge_texts(&request)?;
    let text = format!("{from}/{to}/{kind}");
    let no_edge = || ApiError::EdgeNotFound { shown: sanitize(&text) };
    let key = EdgeKey::parse(&text).map_err(|_| no_edge())?;
    let (source, action, at) = (EdgeSource::Api, EdgeAction::Withdraw, state.graph.now());
    let write = EdgeWrite { key: key.clone(), source, action, only_if: only_if.0, at };
    match state.graph.write_one(write, caller.actor()).await? {
        EdgeResult::Rejected(rejection) => Err(rejected(&key, rejection)),
        EdgeResult::Kept(_) => Err(no_edge()),
        EdgeResult::Stored { .. } | EdgeResult::Removed(_) => {
            Ok(HttpResponse::NoContent().finish())
        }
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::Method;

    use crate::testing::Api;

    const PATH: &str = "/api/fed/edges/docs/veria/api";

    #[actix_web::test]
    async fn a_removed_edge_is_gone() {
        let api = Api::new().await;
        api.register("docs").await;
        let tag = api.send(Method::PUT, PATH).await.tag();
        let changed = api
            .write(Method::PUT, PATH, &[("content-type", "application/json")], r#"{"strength":1}"#)
            .await;
        assert_eq!(changed.status, 200, "{changed}");
        let stale = api.write(Method::DELETE, PATH, &[("if-match", &tag)], "").await;
        assert_eq!(stale.status, 412, "{stale}");
        assert_eq!(api.send(Method::DELETE, PATH).await.status, 204);
        insta::assert_snapshot!(api.send(Method::DELETE, PATH).await, @r#"
        404
        content-type: application/problem+json
        {"title":"Not Found","status":404,"detail":"Edge 'docs/veria/api' is not declared over the API"}
        "#);
        let odd = api.send(Method::DELETE, "/api/fed/edges/A/%00/c").await;
        assert_eq!(odd.status, 404, "{odd}");
    }
}
