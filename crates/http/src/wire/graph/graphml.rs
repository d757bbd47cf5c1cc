//! GraphML.

use std::fmt::Write as _;

use federation_application::GraphView;

use super::{label, shown_status};
use crate::wire::timestamp::Timestamp;

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
pub(super) fn write(view: &GraphView) -> String {
    let mut text = String::from(HEAD);
    for node in &view.nodes {
        let tags: Vec<_> = node.state.iter().flat_map(|state| state.project.tags.iter()).collect();
        // Writing to a String cannot fail.
        let _ = writeln!(text, "    <node id=\"{}\">", node.slug);
        data(&mut text, "label", label(node));
        data(&mut text, "status", shown_status(node));
        data(&mut text, "tags", &tags.join(", "));
        text.push_str("    </node>\n");
    }
    for edge in &view.edges {
        let (key, claims) = (&edge.key, &edge.claims);
        let sources: Vec<_> = claims.sources.iter().map(|source| source.as_str()).collect();
        let seen = Timestamp(claims.last_seen_at).text();
        let _ = writeln!(
            text,
            "    <edge id=\"{key}\" source=\"{}\" target=\"{}\">",
            key.from(),
            key.to()
        );
        data(&mut text, "kind", key.kind().as_str());
        data(&mut text, "strength", &claims.strength.to_string());
        data(&mut text, "sources", &sources.join(", "));
        data(&mut text, "last_seen_at", &String::from_utf8_lossy(&seen));
        data(&mut text, "stale", if claims.stale { "true" } else { "false" });
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
