//! Tree of the projects that a project affects or needs.

use std::collections::HashMap;
use std::fmt::Write as _;

use serde_json::Value;

use crate::commands::projects::table::text;

/// Formats the answer about what a project affects, or needs, with statuses in colour if asked.
pub(super) fn write(reach: &Value, needs: bool, has_colors: bool) -> String {
    let mut children: HashMap<String, Vec<&Value>> = HashMap::new();
    let projects = reach["projects"].as_array().map(Vec::as_slice).unwrap_or_default();
    for project in projects {
        // The path leads from the project to the one in question.
        children.entry(text(&project["path"][1])).or_default().push(project);
    }
    let root = text(&reach["project"]);
    let mut tree = format!("{root}  {}\n", status(reach, has_colors));
    branch(&mut tree, &children, &root, "", has_colors);
    tree.push_str(&summary(reach, needs, projects.len()));
    tree
}

fn branch(
    tree: &mut String,
    children: &HashMap<String, Vec<&Value>>,
    of: &str,
    indent: &str,
    has_colors: bool,
) {
    let of = children.get(of).map(Vec::as_slice).unwrap_or_default();
    for (place, project) in of.iter().enumerate() {
        let is_last = place + 1 == of.len();
        let (line, below) = if is_last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
        let id = text(&project["id"]);
        let stale = if project["stale"].as_bool() == Some(true) { ", stale" } else { "" };
        // Writing to a String cannot fail.
        let _ = writeln!(
            tree,
            "{indent}{line}{id}  {}  (strength {}{stale})",
            status(project, has_colors),
            text(&project["strength"])
        );
        branch(tree, children, &id, &format!("{indent}{below}"), has_colors);
    }
}

fn summary(reach: &Value, needs: bool, shown: usize) -> String {
    let total = reach["total"].as_u64().unwrap_or_default();
    let down = reach["down"].as_u64().unwrap_or_default();
    let mut line = match (total, needs) {
        (0, false) => return "no project depends on it".to_owned(),
        (0, true) => return "it depends on no project".to_owned(),
        (1, false) => "1 project is affected".to_owned(),
        (_, false) => format!("{total} projects are affected"),
        (1, true) => "1 project is needed".to_owned(),
        (_, true) => format!("{total} projects are needed"),
    };
    let _ = write!(line, ", {down} down now");
    if (shown as u64) < total {
        let _ = write!(line, "; the nearest {shown} are shown");
    }
    line
}

/// Returns the status. A status that is not known has a question mark.
fn status(project: &Value, has_colors: bool) -> String {
    let Some(status) = project["status"].as_str() else { return "not registered".to_owned() };
    let is_known = project["status_known"].as_bool() == Some(true);
    let color = match status {
        _ if !is_known => "2",
        "online" => "32",
        "degraded" => "33",
        _ => "31",
    };
    let shown = format!("{}{}", text(&project["status"]), if is_known { "" } else { "?" });
    if has_colors { format!("\u{1b}[{color}m{shown}\u{1b}[0m") } else { shown }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn reach() -> Value {
        let project = |id: &str, path: &[&str], status: &str, known: bool| {
            json!({
                "id": id, "status": status, "status_known": known, "strength": 0.5,
                "stale": false, "path": path
            })
        };
        json!({
            "project": "veria", "status": "offline", "status_known": true, "total": 4, "down": 1,
            "projects": [
                project("docs", &["docs", "veria"], "online", true),
                project("bus", &["bus", "veria"], "offline", false),
                project("portal", &["portal", "docs", "veria"], "degraded", true),
                {"id": "ghost", "path": ["ghost", "docs", "veria"], "strength": 1, "stale": true},
            ]
        })
    }

    #[test]
    fn the_tree_follows_the_paths() {
        let expected = "\
veria  offline
├─ docs  online  (strength 0.5)
│  ├─ portal  degraded  (strength 0.5)
│  └─ ghost  not registered  (strength 1, stale)
└─ bus  offline?  (strength 0.5)
4 projects are affected, 1 down now";
        assert_eq!(write(&reach(), false, false), expected);
    }

    #[test]
    fn statuses_are_in_colour_on_a_terminal() {
        let shown = write(&reach(), false, true);
        assert!(shown.starts_with("veria  \u{1b}[31moffline\u{1b}[0m\n"), "{shown:?}");
        assert!(shown.contains("\u{1b}[2moffline?\u{1b}[0m"), "{shown:?}");
    }

    #[test]
    fn a_foreign_text_cannot_control_the_terminal() {
        let reach = json!({
            "project": "a", "status": "\u{1b}[2J", "status_known": true, "total": 0
        });
        assert!(!write(&reach, true, false).contains('\u{1b}'));
    }
}
