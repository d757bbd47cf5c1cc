//! The graph in responses.

pub(crate) mod body;
mod dot;
mod graphml;
mod mermaid;
pub(crate) mod reach;
#[cfg(test)]
mod tests;

use federation_application::{GraphNode, GraphView};

use crate::params::graph::GraphFormat;
use body::GraphBody;

/// Formats a graph as JSON, as in the responses of the API.
#[must_use]
pub fn write_graph(view: &GraphView) -> Vec<u8> {
    // Writing JSON to memory does not fail.
    serde_json::to_vec(&GraphBody::from(view)).unwrap_or_default()
}

/// Formats a graph.
///
/// # Errors
/// None in practice, because writing JSON to memory does not fail.
pub(crate) fn format(view: &GraphView, format: GraphFormat) -> serde_json::Result<Vec<u8>> {
    Ok(match format {
        GraphFormat::Json => serde_json::to_vec(&GraphBody::from(view))?,
        GraphFormat::Dot => dot::write(view).into_bytes(),
        GraphFormat::GraphMl => graphml::write(view).into_bytes(),
        GraphFormat::Mermaid => mermaid::write(view).into_bytes(),
    })
}

/// Returns the status of a node as diagrams show it: `unknown` if it is not known, and `unresolved` if
/// the project is not registered.
fn shown_status(node: &GraphNode) -> &'static str {
    match &node.state {
        Some(state) if state.status_known => state.project.status.as_str(),
        Some(_) => "unknown",
        None => "unresolved",
    }
}

/// Returns the name of a node, or its slug if it is not registered.
fn label(node: &GraphNode) -> &str {
    node.state.as_ref().map_or(node.slug.as_str(), |state| state.project.name.as_str())
}
