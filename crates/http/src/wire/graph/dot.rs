//! Graphviz DOT.

use std::fmt::Write as _;

use super::diagram::Diagram;

/// Formats a graph for Graphviz.
pub(super) fn write(diagram: &Diagram<'_>) -> String {
    let mut text =
        String::from("digraph federation {\n  node [shape=box, style=\"rounded,filled\"];\n");
    let ids: Vec<String> = diagram.nodes.iter().map(|node| identity(&node.id)).collect();
    for (node, id) in diagram.nodes.iter().zip(&ids) {
        let tooltip = quoted(&format!("{}: {}", node.id, node.status));
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "  {id} [label={}, tooltip={tooltip}, fillcolor=\"{}\"];",
            quoted(&node.label),
            node.status.fill()
        );
    }
    for edge in &diagram.edges {
        let style = if edge.is_stale { "dashed" } else { "solid" };
        let _ = writeln!(
            text,
            "  {} -> {} [label={}, style={style}, penwidth={:.2}];",
            ids[edge.from],
            ids[edge.to],
            quoted(&edge.kind),
            0.5 + 2.0 * edge.strength
        );
    }
    text.push_str("}\n");
    text
}

/// Quotes an id. Only a quote is escaped in it; a backslash before the closing quote is not allowed.
fn identity(id: &str) -> String {
    let plain: String = id.chars().map(|c| if is_unusual(c) { '?' } else { c }).collect();
    format!("\"{}\"", plain.replace('"', "\\\""))
}

fn is_unusual(character: char) -> bool {
    character.is_control() || matches!(character, '\\' | '\u{fffe}' | '\u{ffff}')
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
            // Graphviz copies them to SVG, which is XML.
            '\u{fffe}' | '\u{ffff}' => quoted.push('\u{fffd}'),
            character if character.is_control() => quoted.push(' '),
            character => quoted.push(character),
        }
    }
    quoted.push('"');
    quoted
}
