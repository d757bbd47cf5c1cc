//! Edges from files.

use std::io;
use std::path::Path;

use anyhow::{Context as _, bail};
use serde_json::{Map, Value};

use crate::files;
use crate::output::plain;

/// Size limit of a file, in bytes.
const MAX_BYTES: u64 = 64 * 1024 * 1024;

/// Maximum number of edges in one request.
pub(super) const AT_ONCE: usize = 1_000;

/// An edge in the form of the API, and its place in the file.
#[derive(Debug, PartialEq)]
pub(super) struct PlacedEdge {
    pub(super) edge: Value,
    place: String,
}

/// Reads the edges of a file.
///
/// # Errors
/// Fails if the file cannot be read or is invalid.
pub(super) fn read(path: &Path) -> anyhow::Result<Vec<PlacedEdge>> {
    let name = path.display();
    let bytes =
        files::read_at_most(path, MAX_BYTES).with_context(|| format!("cannot read {name}"))?;
    let Some(bytes) = bytes else { bail!("{name}: expected at most {MAX_BYTES} bytes, got more") };
    let text = String::from_utf8(bytes).map_err(io::Error::other);
    let text = text.with_context(|| format!("{name}: expected UTF-8"))?;
    let text = text.trim_start_matches('\u{feff}');
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    let edges = match ending.to_ascii_lowercase().as_str() {
        "csv" => csv(text),
        "json" => json(text),
        "dot" | "gv" => dot(text),
        _ => bail!("{name}: expected a file that ends in .csv, .json, .dot or .gv"),
    };
    edges.map_err(|problem| anyhow::anyhow!("{name}: {problem}"))
}

/// Returns the place in the file of a field in a request with these edges: `line 7: from` for
/// `[3].from`.
pub(super) fn place_in_file(field: &str, edges: &[PlacedEdge]) -> String {
    let in_file = || {
        let (index, field) = field.strip_prefix('[')?.split_once(']')?;
        let place = &edges.get(index.parse::<usize>().ok()?)?.place;
        let field = field.strip_prefix('.').map(|field| format!(": {}", plain(field)));
        Some(place.clone() + &field.unwrap_or_default())
    };
    in_file().unwrap_or_else(|| plain(field))
}

fn on_line(number: usize, edge: Map<String, Value>) -> PlacedEdge {
    PlacedEdge { edge: Value::Object(edge), place: format!("line {number}") }
}

/// Parses a JSON array. Edges have no line there, so their place is their number, from 1.
fn json(text: &str) -> Result<Vec<PlacedEdge>, String> {
    let edges: Vec<Value> = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let placed = (1..).zip(edges);
    Ok(placed.map(|(number, edge)| PlacedEdge { edge, place: format!("edge {number}") }).collect())
}

/// Parses CSV with a header that names the columns. A cell may be in double quotes.
fn csv(text: &str) -> Result<Vec<PlacedEdge>, String> {
    let mut lines = (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty());
    let (_, header) = lines.next().ok_or("expected a header with the columns from and to")?;
    let columns: Vec<String> = cells(header).iter().map(|cell| cell.to_lowercase()).collect();
    for required in ["from", "to"] {
        if !columns.iter().any(|column| column == required) {
            return Err(format!("line 1: expected a column {required}"));
        }
    }
    let mut edges = Vec::new();
    for (number, line) in lines {
        let cells = cells(line);
        if cells.len() > columns.len() {
            return Err(format!("line {number}: expected {} cells, got more", columns.len()));
        }
        let mut edge = Map::new();
        for (column, cell) in columns.iter().zip(cells).filter(|(_, cell)| !cell.is_empty()) {
            let value = match column.as_str() {
                "strength" => number_of(&cell).ok_or_else(|| {
                    format!("line {number}: strength: expected a number from 0 to 1, got {cell:?}")
                })?,
                _ => cell.into(),
            };
            edge.insert(column.clone(), value);
        }
        edges.push(on_line(number, edge));
    }
    Ok(edges)
}

fn number_of(text: &str) -> Option<Value> {
    text.parse::<f64>().ok().and_then(serde_json::Number::from_f64).map(Value::Number)
}

/// Splits a line of CSV.
fn cells(line: &str) -> Vec<String> {
    let (mut cells, mut cell, mut is_quoted) = (Vec::new(), String::new(), false);
    let mut characters = line.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' if is_quoted && characters.peek() == Some(&'"') => {
                characters.next();
                cell.push('"');
            }
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => cells.push(std::mem::take(&mut cell).trim().to_owned()),
            character => cell.push(character),
        }
    }
    cells.push(cell.trim().to_owned());
    cells
}

/// Parses the edges of a DOT file: statements such as `"a" -> "b" [label="api"];`. The label is the
/// kind. Chains (`a -> b -> c`) are read too, and everything else is skipped.
fn dot(text: &str) -> Result<Vec<PlacedEdge>, String> {
    let mut edges = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        for statement in line.split(';').filter(|statement| statement.contains("->")) {
            let (chain, attributes) = statement.split_once('[').unwrap_or((statement, ""));
            let chain = chain.rsplit('{').next().unwrap_or(chain);
            let ends: Vec<_> = chain.split("->").map(name).collect();
            if ends.iter().any(String::is_empty) {
                return Err(format!("line {number}: expected a name on each side of ->"));
            }
            for hop in ends.windows(2) {
                let [from, to] = hop else { continue };
                let mut edge = Map::new();
                edge.insert("from".to_owned(), from.as_str().into());
                edge.insert("to".to_owned(), to.as_str().into());
                let kind = label(attributes).map(|kind| ("kind".to_owned(), kind.into()));
                edge.extend(kind);
                edges.push(on_line(number, edge));
            }
        }
    }
    Ok(edges)
}

fn name(text: &str) -> String {
    text.trim().trim_end_matches('}').trim().trim_matches('"').to_owned()
}

/// Returns the value of the attribute `label`.
fn label(attributes: &str) -> Option<String> {
    let rest = attributes.split("label").nth(1)?.trim_start().strip_prefix('=')?.trim_start();
    let value = match rest.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next()?,
        None => rest.split([',', ']', ' ']).next()?,
    };
    (!value.is_empty()).then(|| value.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn edges(placed: Vec<PlacedEdge>) -> Value {
        Value::Array(placed.into_iter().map(|placed| placed.edge).collect())
    }

    #[test]
    fn a_field_of_a_request_has_its_place_in_the_file() {
        let lines = csv("from,to\n\na,b\nc,d\n").unwrap();
        assert_eq!(place_in_file("[1].from", &lines), "line 4: from");
        assert_eq!(place_in_file("[0]", &lines), "line 3");
        assert_eq!(place_in_file("[2].from", &lines), "[2].from");
        assert_eq!(place_in_file("body", &lines), "body");
        let numbered = json(r#"[{"from":"a"},{"from":"b"}]"#).unwrap();
        assert_eq!(place_in_file("[1].to", &numbered), "edge 2: to");
    }

    #[test]
    fn csv_is_read_by_its_header() {
        let text = "to,from,strength,kind\nveria,docs,0.9,api\n\"bus\", docs ,,queue\n\n";
        let expected = json!([
            {"to": "veria", "from": "docs", "strength": 0.9, "kind": "api"},
            {"to": "bus", "from": "docs", "kind": "queue"},
        ]);
        assert_eq!(edges(csv(text).unwrap()), expected);
    }

    #[test]
    fn invalid_csv_is_reported_with_its_line() {
        let error = |text: &str| csv(text).unwrap_err();
        assert!(error("").contains("expected a header"));
        assert_eq!(error("from,kind\na,b"), "line 1: expected a column to");
        assert_eq!(error("from,to\na,b\na,b,c"), "line 3: expected 2 cells, got more");
        assert!(
            error("from,to,strength\na,b,x").starts_with("line 2: strength: expected a number")
        );
    }

    #[test]
    fn edges_of_a_dot_file_are_read() {
        let text = "digraph g {\n  node [shape=box];\n  a [label=\"A\"];\n  \"a\" -> \"b\" \
                    [label=\"queue\", style=solid];\n  b -> c -> d; a->d [label=api]\n}\n";
        let expected = json!([
            {"from": "a", "to": "b", "kind": "queue"},
            {"from": "b", "to": "c"}, {"from": "c", "to": "d"},
            {"from": "a", "to": "d", "kind": "api"},
        ]);
        assert_eq!(edges(dot(text).unwrap()), expected);
        assert_eq!(
            dot("digraph { a -> }").unwrap_err(),
            "line 1: expected a name on each side of ->"
        );
    }
}
