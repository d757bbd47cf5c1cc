//! Graphviz DOT.

use std::fmt::Write as _;

use federation_application::GraphView;

use super::{label, shown_status};

/// Formats a graph for Graphviz.
pub(super) fn write(view: &GraphView) -> String {
    let mut text =
        String::from("digraph federation {\n  node [shape=box, style=\"rounded,filled\"];\n");
    for node in &view.nodes {
        let (slug, status) = (node.slug.as_str(), shown_status(node));
        let (label, tooltip) = (quoted(label(node)), quoted(&format!("{slug}: {status}")));
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "  \"{slug}\" [label={label}, tooltip={tooltip}, fillcolor=\"{}\"];",
            color(status)
        );
    }
    for edge in &view.edges {
        let (key, strength) = (&edge.key, edge.claims.strength.get());
        let style = if edge.claims.stale { "dashed" } else { "solid" };
        let _ = writeln!(
            text,
            "  \"{}\" -> \"{}\" [label=\"{}\", style={style}, penwidth={:.2}];",
            key.from(),
            key.to(),
            key.kind(),
            0.5 + 2.0 * strength
        );
    }
    text.push_str("}\n");
    text
}

/// Quotes a string. A backslash starts an escape such as `\N` in a label, so it is doubled.
fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in text.chars() {
        match character {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            // Graphviz reads HTML entities in labels.
            '&' => quoted.push_str("&amp;"),
            character if character.is_control() => quoted.push(' '),
            character => quoted.push(character),
        }
    }
    quoted.push('"');
    quoted
}

fn color(status: &str) -> &'static str {
    match status {
        "online" => "#b7e4c7",
        "degraded" => "#ffe8a1",
        "offline" => "#f5b7b1",
        "unknown" => "#e0e0e0",
        _ => "#ffffff",
    }
}
