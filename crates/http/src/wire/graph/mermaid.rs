//! Mermaid flowcharts.

use std::collections::HashMap;
use std::fmt::Write as _;

use federation_application::GraphView;
use federation_domain::Slug;

use super::{label, shown_status};

/// Formats a graph for Mermaid.
///
/// Nodes have numbers as ids, because a slug may be a keyword of Mermaid, such as `end`.
pub(super) fn write(view: &GraphView) -> String {
    let mut text = String::from("flowchart LR\n");
    let mut ids: HashMap<&Slug, usize> = HashMap::new();
    for (id, node) in view.nodes.iter().enumerate() {
        ids.insert(&node.slug, id);
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  n{id}[\"{}\"]:::{}", escaped(label(node)), shown_status(node));
    }
    for edge in &view.edges {
        let (Some(from), Some(to)) = (ids.get(edge.key.from()), ids.get(edge.key.to())) else {
            continue;
        };
        let arrow = if edge.claims.stale { "-.->" } else { "-->" };
        let _ = writeln!(text, "  n{from} {arrow}|{}| n{to}", escaped(edge.key.kind().as_str()));
    }
    text.push_str(CLASSES);
    text
}

const CLASSES: &str = "  classDef online fill:#b7e4c7,stroke:#2d6a4f,color:#1b1b1b
  classDef degraded fill:#ffe8a1,stroke:#9a7b00,color:#1b1b1b
  classDef offline fill:#f5b7b1,stroke:#a93226,color:#1b1b1b
  classDef unknown fill:#e0e0e0,stroke:#757575,color:#1b1b1b
  classDef unresolved fill:#ffffff,stroke:#757575,color:#1b1b1b,stroke-dasharray:4
";

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
