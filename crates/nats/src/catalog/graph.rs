//! Queries for the graph.

use std::sync::Arc;

use async_nats::Message;
use async_nats::service::error::Error as ServiceError;
use async_nats::service::{Request, endpoint::Endpoint};
use federation_application::{Around, Graph, GraphError, GraphQuery, GraphView, ReachDirection};
use federation_domain::Slug;
use futures_util::StreamExt as _;
use serde::Deserialize;

use super::CatalogService;
use super::request::{bad, includes_kpis};
use crate::wire::without_bom;

/// Formats a graph as JSON, with key figures of the projects if asked.
pub type WriteGraph = Arc<dyn Fn(&GraphView, bool) -> Vec<u8> + Send + Sync>;

/// The graph behind the queries.
#[derive(Clone)]
pub(super) struct GraphSource {
    pub(super) graph: Graph,
    pub(super) write: WriteGraph,
    pub(super) max_nodes: usize,
}

/// Query such as `{"around":"veria","depth":2,"direction":"in"}`. All keys are optional, and so is the
/// payload. Unknown keys are ignored. `"include":["kpis"]` adds key figures to the nodes.
#[derive(Default, Deserialize)]
struct GraphPayload {
    #[serde(default)]
    include: Vec<String>,
    around: Option<String>,
    depth: Option<u64>,
    direction: Option<String>,
}

/// Maximum depth of a neighbourhood.
const MAX_DEPTH: u64 = 20;

fn parse(payload: &[u8]) -> Result<(GraphQuery, bool), ServiceError> {
    let payload = without_bom(payload).trim_ascii();
    let form = "expected an object such as {\"around\":\"veria\",\"depth\":2,\"direction\":\"in\"}";
    let GraphPayload { include, around, depth, direction } = match payload {
        [] => GraphPayload::default(),
        payload => serde_json::from_slice(payload).map_err(|_| bad(form))?,
    };
    let with_kpis = includes_kpis(&include)?;
    let Some(center) = around else { return Ok((GraphQuery::default(), with_kpis)) };
    let center = Slug::parse(&center).map_err(|fault| bad(fault.to_string()))?;
    let depth = depth.unwrap_or(1);
    if !(1..=MAX_DEPTH).contains(&depth) {
        return Err(bad(format!("depth: expected a whole number from 1 to {MAX_DEPTH}")));
    }
    let direction = match direction.as_deref() {
        None | Some("both") => ReachDirection::Both,
        Some("in") => ReachDirection::Dependents,
        Some("out") => ReachDirection::Dependencies,
        Some(_) => return Err(bad("direction: expected in, out or both")),
    };
    let depth = usize::try_from(depth).unwrap_or(usize::MAX);
    let around = Some(Around { center, depth, direction });
    Ok((GraphQuery { around, ..GraphQuery::default() }, with_kpis))
}

/// Waits for the next query for the graph; forever if there is no endpoint for them.
pub(super) async fn next_of(endpoint: &mut Option<Endpoint>) -> Option<Request> {
    match endpoint {
        Some(endpoint) => endpoint.next().await,
        None => std::future::pending().await,
    }
}

impl CatalogService {
    /// Answers queries for the graph too, on `hub.federation.graph.get`. A graph has at most
    /// `max_nodes` nodes.
    #[must_use]
    pub fn with_graph(self, graph: Graph, write: WriteGraph, max_nodes: usize) -> Self {
        Self { graph: Some(GraphSource { graph, write, max_nodes }), ..self }
    }

    pub(super) async fn get_graph(&self, message: &Message) -> Result<Vec<u8>, ServiceError> {
        self.check(message)?;
        let (query, with_kpis) = parse(&message.payload)?;
        self.figures(with_kpis)?;
        let Some(GraphSource { graph, write, max_nodes }) = self.graph.clone() else {
            return Err(bad("the graph is not available"));
        };
        let view = tokio::task::spawn_blocking(move || graph.view(&query, max_nodes)).await;
        let view = view.map_err(|_| ServiceError { code: 500, status: "internal error".into() })?;
        let json = write(&view.map_err(|error| graph_error(&error))?, with_kpis);
        if json.len() > self.max_bytes() {
            let status = "the graph is larger than a message may be; use around".into();
            return Err(ServiceError { code: 413, status });
        }
        Ok(json)
    }
}

fn graph_error(error: &GraphError) -> ServiceError {
    match error {
        GraphError::NotFound(slug) => {
            ServiceError { code: 404, status: format!("Project '{slug}' not found") }
        }
        GraphError::NotLoaded => ServiceError {
            code: 503,
            status: "the catalog is not loaded yet, try again later".into(),
        },
        GraphError::TooLarge { max_nodes } => ServiceError {
            code: 413,
            status: format!("the graph has more than {max_nodes} nodes; use around"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_may_be_empty_or_select_a_neighbourhood() {
        assert_eq!(parse(b" ").unwrap(), (GraphQuery::default(), false));
        let included = br#"{"include":["kpis"]}"#;
        assert_eq!(parse(included).unwrap(), (GraphQuery::default(), true));
        let query = br#"{"around":"veria","depth":2,"direction":"in","x":1}"#;
        let (query, _) = parse(query).unwrap();
        let around = query.around.unwrap();
        assert_eq!((around.center.as_str(), around.depth), ("veria", 2));
        assert_eq!(around.direction, ReachDirection::Dependents);
        for bad in [
            "[1]",
            r#"{"include":["x"]}"#,
            r#"{"around":"A"}"#,
            r#"{"around":"a","depth":0}"#,
            r#"{"around":"a","depth":21}"#,
            r#"{"around":"a","direction":"up"}"#,
        ] {
            assert_eq!(parse(bad.as_bytes()).unwrap_err().code, 400, "{bad}");
        }
    }
}
