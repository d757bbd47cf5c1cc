//! Mermaid flowcharts.

use std::fmt::Write as _;

use super::diagram::{Diagram, NodeStatus};

/// Formats a graph for Mermaid.
///
/// Nodes have numbers as ids, because a slug may be a keyword of Mermaid, such as `end`.
pub(super) fn write(diagram: &Diagram<'_>) -> String {
    let mut text = String::from("flowchart LR\n");
    for (id, node) in diagram.nodes.iter().enumerate() {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  n{id}[\"{}\"]:::{}", escaped(&node.label), node.status);
    }
    for edge in &diagram.edges {
        let arrow = if edge.is_stale { "-.->" } else { "-->" };
        let kind = escaped(&edge.kind);
        let _ = writeln!(text, "  n{} {arrow}|{kind}| n{}", edge.from, edge.to);
    }
    for status in NodeStatus::ALL {
        let (fill, stroke) = (status.fill(), status.stroke());
        let dashes = match status {
            NodeStatus::Unresolved => ",stroke-dasharray:4",
            _ => "",
        };
        let _ =
            writeln!(text, "  classDef {status} fill:{fill},stroke:{stroke},color:#1b1b1b{dashes}");
    }
    text
}

/// Replaces all characters that have a meaning in Mermaid, in Markdown or in HTML by their codes. A
/// label that starts like a list, such as `1. a`, would be an error.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for (place, character) in text.chars().enumerate() {
        let is_plain = character.is_alphanumeric() || matches!(character, ' ' | '/');
        if is_plain || (character == '-' && place > 0) {
            escaped.push(character);
        } else {
            let _ = write!(escaped, "#{};", u32::from(character));
        }
    }
    escaped
}
