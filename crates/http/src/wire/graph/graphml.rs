//! GraphML.

use std::fmt::Write as _;

use super::diagram::Diagram;

const HEAD: &str = "\
<?xml version=\"1.0\" encoding=\"UTF-8\"?>
<graphml xmlns=\"http://graphml.graphdrawing.org/xmlns\" \
xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" \
xsi:schemaLocation=\"http://graphml.graphdrawing.org/xmlns \
http://graphml.graphdrawing.org/xmlns/1.0/graphml.xsd\">
  <key id=\"label\" for=\"node\" attr.name=\"label\" attr.type=\"string\"/>
  <key id=\"status\" for=\"node\" attr.name=\"status\" attr.type=\"string\"/>
  <key id=\"tags\" for=\"node\" attr.name=\"tags\" attr.type=\"string\"/>
  <key id=\"kind\" for=\"edge\" attr.name=\"kind\" attr.type=\"string\"/>
  <key id=\"strength\" for=\"edge\" attr.name=\"strength\" attr.type=\"double\"/>
  <key id=\"sources\" for=\"edge\" attr.name=\"sources\" attr.type=\"string\"/>
  <key id=\"last_seen_at\" for=\"edge\" attr.name=\"last_seen_at\" attr.type=\"string\"/>
  <key id=\"stale\" for=\"edge\" attr.name=\"stale\" attr.type=\"boolean\"/>
  <graph id=\"federation\" edgedefault=\"directed\">
";

/// Formats a graph as GraphML.
///
/// Ids are XML name tokens: slugs, or numbers of groups, whose names may contain any character.
pub(super) fn write(diagram: &Diagram<'_>) -> String {
    let mut text = String::from(HEAD);
    let is_token = |id: &str| id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    let ids = diagram.nodes.iter().enumerate().map(|(place, node)| {
        if is_token(&node.id) { node.id.to_string() } else { format!("group.{place}") }
    });
    let ids: Vec<String> = ids.collect();
    for (node, id) in diagram.nodes.iter().zip(&ids) {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "    <node id=\"{id}\">");
        data(&mut text, "label", &node.label);
        data(&mut text, "status", node.status.as_str());
        data(&mut text, "tags", &node.tags);
        text.push_str("    </node>\n");
    }
    for edge in &diagram.edges {
        let (from, to) = (&ids[edge.from], &ids[edge.to]);
        // Neither slugs nor kinds contain dots.
        let id = format!("{from}.{to}.{}", edge.kind);
        let _ = writeln!(text, "    <edge id=\"{id}\" source=\"{from}\" target=\"{to}\">");
        data(&mut text, "kind", &edge.kind);
        data(&mut text, "strength", &edge.strength.to_string());
        data(&mut text, "sources", &edge.sources);
        if let Some(seen) = &edge.last_seen_at {
            data(&mut text, "last_seen_at", &String::from_utf8_lossy(&seen.text()));
        }
        data(&mut text, "stale", if edge.is_stale { "true" } else { "false" });
        text.push_str("    </edge>\n");
    }
    text.push_str("  </graph>\n</graphml>\n");
    text
}

fn data(text: &mut String, key: &str, value: &str) {
    let _ = writeln!(text, "      <data key=\"{key}\">{}</data>", escaped(value));
}

/// Escapes text. Characters that XML 1.0 does not allow are replaced.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            character if character.is_control() => escaped.push(' '),
            character => escaped.push(character),
        }
    }
    escaped
}
