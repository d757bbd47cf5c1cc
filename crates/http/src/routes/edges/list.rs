//! `GET /api/fed/edges`.

use actix_web::web::{self, Bytes};
use actix_web::{HttpRequest, HttpResponse};

use crate::encoded::EncodedBody;
use crate::error::ApiError;
use crate::params::graph::EdgeListParams;
use crate::params::graph_schema::EdgeListQueryParams;
use crate::routes::graph::respond;
use crate::state::ApiState;
use crate::wire::graph::body::ClaimBody;

/// List the claims about edges, one for each source.
///
/// Unlike the graph, the list contains edges of projects that are not registered, and stale ones.
/// At most 20,000 claims are returned; filter by `from` if there are more.
#[utoipa::path(
    get,
    path = "/api/fed/edges",
    operation_id = "list_edges",
    tag = "graph",
    params(EdgeListQueryParams),
    responses(
        (
            status = 200,
            description = "The claims, ordered by edge.",
            body = [ClaimBody<'static>],
            headers(("ETag" = String, description = "Changes with the response.")),
            example = json!([{
            "id": "docs/veria/api", "from": "docs", "to": "veria", "kind": "api", "strength": 0.9,
            "source": "api", "first_seen_at": "2026-11-23T14:41:13.511326Z",
            "last_seen_at": "2026-11-23T14:41:13.511326Z", "stale": false, "details": null
        }])
        ),
        (status = 304, description = "The client already holds this version."),
        crate::shapes::errors::NotAcceptable,
        crate::shapes::errors::InvalidQuery,
        crate::shapes::errors::InternalError,
        crate::shapes::errors::Unavailable,
    )
)]
pub(crate) async fn list(
    request: HttpRequest,
    state: web::Data<ApiState>,
    params: EdgeListParams,
) -> Result<HttpResponse, ApiError> {
    let graph = state.graph.clone();
    let encode = move || {
        let EdgeListParams { from, to, source } = params;
        let claims = graph.claims(from.as_ref(), to.as_ref(), source, MAX_CLAIMS)?;
        let bodies: Vec<_> = claims.iter().map(ClaimBody::from).collect();
        let json = serde_json::to_vec(&bodies).map_err(ApiError::internal)?;
        Ok(EncodedBody::new(Bytes::from(json), None))
    };
    let body = state.graphs.compute(encode).await?;
    respond(&request, "application/json", &body).await
}

/// Maximum number of claims in one response.
const MAX_CLAIMS: usize = 20_000;

#[cfg(test)]
mod tests {
    use actix_web::http::Method;

    use crate::testing::Api;

    #[actix_web::test]
    async fn claims_are_listed_by_start_end_and_source() {
        let api = Api::new().await;
        api.register("docs").await;
        for path in ["docs/veria/api", "docs/bus/queue"] {
            api.send(Method::PUT, &format!("/api/fed/edges/{path}")).await;
        }
        let ids = async |query: &str| {
            let answer = api.get(&format!("/api/fed/edges?{query}")).await;
            let edges: Vec<serde_json::Value> = serde_json::from_str(&answer.body).unwrap();
            edges.iter().map(|edge| edge["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(ids("").await, ["docs/bus/queue", "docs/veria/api"]);
        assert_eq!(ids("from=docs&to=veria").await, ["docs/veria/api"]);
        assert_eq!(ids("from=veria").await, Vec::<String>::new());
        assert_eq!(ids("source=file").await, Vec::<String>::new());
        assert_eq!(api.get("/api/fed/edges?source=x").await.status, 422);
        assert_eq!(Api::not_loaded().get("/api/fed/edges").await.status, 503);
    }
}
