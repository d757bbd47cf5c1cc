//! The graph in responses.

pub(crate) mod body;
mod diagram;
mod dot;
mod graphml;
pub(crate) mod grouped;
mod mermaid;
pub(crate) mod reach;
#[cfg(test)]
mod tests;

use federation_application::{Assessment, GraphView, GroupedGraph, ProjectState};

use crate::params::graph::GraphFormat;
use body::GraphBody;
use diagram::Diagram;
use grouped::GroupedGraphBody;

/// Returns the key figures and the risk of a project, or `None` if metrics are switched off.
pub type AssessProject<'a> = &'a dyn Fn(&ProjectState) -> Option<Assessment>;

/// Formats a graph as JSON, as in the responses of the API. `with_kpis` adds the key figures to the
/// nodes.
#[must_use]
pub fn write_graph(view: &GraphView, assess: AssessProject<'_>, with_kpis: bool) -> Vec<u8> {
    // Writing JSON to memory does not fail.
    serde_json::to_vec(&GraphBody::new(view, assess, with_kpis)).unwrap_or_default()
}

/// Formats a graph.
pub(crate) fn format(
    view: &GraphView,
    format: GraphFormat,
    assess: AssessProject<'_>,
    with_kpis: bool,
) -> Vec<u8> {
    match format {
        GraphFormat::Json => write_graph(view, assess, with_kpis),
        other => draw(&Diagram::from(view), other),
    }
}

/// Formats a graph of groups.
pub(crate) fn format_grouped(graph: &GroupedGraph, format: GraphFormat) -> Vec<u8> {
    match format {
        GraphFormat::Json => serde_json::to_vec(&GroupedGraphBody::from(graph)).unwrap_or_default(),
        other => draw(&Diagram::from(graph), other),
    }
}

fn draw(diagram: &Diagram<'_>, format: GraphFormat) -> Vec<u8> {
    let text = match format {
        GraphFormat::GraphMl => graphml::write(diagram),
        GraphFormat::Mermaid => mermaid::write(diagram),
        GraphFormat::Dot | GraphFormat::Json => dot::write(diagram),
    };
    text.into_bytes()
}
