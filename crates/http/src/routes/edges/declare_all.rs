//! `POST /api/fed/edges/_bulk`.

use actix_web::{HttpResponse, web};
use federation_application::CatalogError;
use federation_domain::{DeclaredEdge, EdgeResult, EdgeSource, EdgeWrite, InvalidValue};

use super::rejected;
use crate::auth::caller::Caller;
use crate::body::bulk::{MAX_FAULTS, within};
use crate::body::edge::{BulkEdgesBody, BulkEdgesSchema};
use crate::error::ApiError;
use crate::state::ApiState;
use crate::wire::graph::body::ClaimBody;

/// Declare many edges at once, all or none.
///
/// Each edge is declared as by `PUT`. The operation is idempotent.
#[utoipa::path(
    post,
    path = "/api/fed/edges/_bulk",
    operation_id = "declare_edges",
    tag = "graph",
    request_body(content = BulkEdgesSchema, description = "At most 1 MiB."),
    responses(
        (
            status = 200,
            description = "All edges are declared. They are listed in the order of the request.",
            body = [ClaimBody<'static>],
            example = json!([{
            "id": "docs/veria/api", "from": "docs", "to": "veria", "kind": "api", "strength": 0.9,
            "source": "api", "first_seen_at": "2026-11-23T14:41:13.511326Z",
            "last_seen_at": "2026-11-23T14:41:13.511326Z", "stale": false, "details": null
        }])
        ),
        crate::shapes::errors::BodyErrors,
        crate::shapes::errors::InternalError,
        crate::shapes::errors::Unavailable,
    )
)]
pub(crate) async fn declare_all(
    state: web::Data<ApiState>,
    BulkEdgesBody(edges): BulkEdgesBody,
    caller: Caller,
) -> Result<HttpResponse, ApiError> {
    require_all_registered(&state, &edges)?;
    let at = state.graph.now();
    let keys: Vec<_> = edges.iter().map(|edge| edge.key.clone()).collect();
    let writes = edges
        .into_iter()
        .map(|edge| EdgeWrite::declare(edge.key, EdgeSource::Api, edge.strength, edge.details, at));
    let results = state.graph.write(writes.collect(), true, caller.actor()).await?;
    let mut claims = Vec::with_capacity(results.len());
    for (key, result) in keys.iter().zip(results) {
        match result {
            EdgeResult::Rejected(rejection) => return Err(rejected(key, rejection)),
            EdgeResult::Stored { claim, .. } | EdgeResult::Kept(Some(claim)) => claims.push(claim),
            EdgeResult::Kept(None) | EdgeResult::Removed(_) => {}
        }
    }
    Ok(HttpResponse::Ok().json(claims.iter().map(ClaimBody::from).collect::<Vec<_>>()))
}

/// Rejects edges that start at projects that are not registered.
fn require_all_registered(state: &ApiState, edges: &[DeclaredEdge]) -> Result<(), ApiError> {
    let mut unknown = Vec::new();
    for (place, edge) in edges.iter().enumerate() {
        match state.catalog.find(edge.key.from()) {
            Ok(_) => {}
            Err(CatalogError::NotFound(slug)) if unknown.len() < MAX_FAULTS => {
                let fault =
                    InvalidValue::new("from", slug.as_str(), "the slug of a registered project");
                unknown.push(within(place, fault));
            }
            Err(CatalogError::NotFound(_)) => break,
            Err(error) => return Err(error.into()),
        }
    }
    if unknown.is_empty() { Ok(()) } else { Err(ApiError::Invalid(unknown)) }
}

#[cfg(test)]
mod tests {
    use crate::testing::Api;

    const PATH: &str = "/api/fed/edges/_bulk";

    #[actix_web::test]
    async fn all_edges_are_declared_or_none() {
        let api = Api::new().await;
        api.register("docs").await;
        let two = r#"[{"from":"docs","to":"veria","strength":0.9},{"from":"docs","to":"bus","kind":"queue"}]"#;
        let answer = api.post(PATH, two).await;
        assert_eq!(answer.status, 200, "{answer}");
        let ids: Vec<serde_json::Value> = serde_json::from_str(&answer.body).unwrap();
        let ids: Vec<_> = ids.iter().map(|edge| edge["id"].as_str().unwrap()).collect();
        assert_eq!(ids, ["docs/veria/api", "docs/bus/queue"]);
        let unknown = r#"[{"from":"docs","to":"new"},{"from":"ghost","to":"docs"}]"#;
        insta::assert_snapshot!(api.post(PATH, unknown).await, @r#"
        422
        content-type: application/problem+json
        {"title":"Unprocessable Entity","status":422,"detail":"[1].from: expected the slug of a registered project, got \"ghost\"","errors":[{"field":"[1].from","given":"\"ghost\"","allowed":"the slug of a registered project"}]}
        "#);
        let many: Vec<_> = (0..200).map(|n| format!(r#"{{"from":"docs","to":"b{n}"}}"#)).collect();
        let full = api.post(PATH, format!("[{}]", many.join(","))).await;
        assert_eq!(full.status, 422, "{full}");
        let left: Vec<serde_json::Value> =
            serde_json::from_str(&api.get("/api/fed/edges").await.body).unwrap();
        assert_eq!(left.len(), 2);
    }

    #[actix_web::test]
    async fn an_invalid_edge_is_named_by_its_index() {
        let api = Api::new().await;
        let body = r#"[{"from":"a","to":"b"},{"from":"a","to":"a"},{"to":"b"},7]"#;
        insta::assert_snapshot!(api.post(PATH, body).await, @r#"
        422
        content-type: application/problem+json
        {"title":"Unprocessable Entity","status":422,"detail":"[1].to: expected another project than the one in from, got \"a\"; [2].from: expected a string, got nothing; [3]: expected an object, got 7","errors":[{"field":"[1].to","given":"\"a\"","allowed":"another project than the one in from"},{"field":"[2].from","given":"nothing","allowed":"a string"},{"field":"[3]","given":"7","allowed":"an object"}]}
        "#);
    }
}
