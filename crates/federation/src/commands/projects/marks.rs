//! Marks of projects in a table: open incidents and maintenance.

use std::collections::BTreeMap;

use serde_json::Value;

use super::client::Client;
use super::table::text;
use super::{accepted, json};

const ALERTS: &str = "/api/fed/alerts?status=open,acknowledged";
const MAINTENANCE: &str = "/api/fed/maintenance";

/// The open incidents and maintenance windows.
#[derive(Debug, Default)]
pub(super) struct Marks {
    /// Numbers of the incidents by project.
    incidents: BTreeMap<String, Vec<String>>,
    /// The open windows.
    windows: Vec<Value>,
}

impl Marks {
    /// Asks the service.
    pub(super) fn fetch(client: &Client) -> anyhow::Result<Self> {
        let alerts = json(&accepted(client.get(ALERTS)?)?)?;
        let windows = json(&accepted(client.get(MAINTENANCE)?)?)?;
        Ok(Self::of(&alerts, &windows))
    }

    pub(super) fn of(alerts: &Value, windows: &Value) -> Self {
        let mut incidents = BTreeMap::<_, Vec<_>>::new();
        for alert in alerts.as_array().into_iter().flatten() {
            let affected = alert["affected"].as_array().into_iter().flatten();
            for project in affected.chain([alert]).filter_map(|one| one["project"].as_str()) {
                incidents.entry(project.to_owned()).or_default().push(text(&alert["id"]));
            }
        }
        let windows = windows.as_array().into_iter().flatten();
        let windows = windows.filter(|window| window["open"] == true).cloned().collect();
        Self { incidents, windows }
    }

    /// Returns the marks of a project, as in `incident 7, maintenance`.
    pub(super) fn of_project(&self, project: &Value) -> String {
        let incidents = project["slug"].as_str().and_then(|slug| self.incidents.get(slug));
        let mut marks: Vec<_> =
            incidents.into_iter().flatten().map(|id| format!("incident {id}")).collect();
        if self.windows.iter().any(|window| covers(window, project)) {
            marks.push("maintenance".to_owned());
        }
        marks.join(", ")
    }
}

fn covers(window: &Value, project: &Value) -> bool {
    let names = |key: &str| window[key].as_array().map(Vec::as_slice).unwrap_or_default();
    let tags = project["tags"].as_array().map(Vec::as_slice).unwrap_or_default();
    window["all"] == true
        || names("projects").contains(&project["slug"])
        || names("tags").iter().any(|tag| tags.contains(tag))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_project_is_marked_with_its_incidents_and_an_open_window() {
        let alerts = json!([
            {"id": 7, "project": "db", "affected": [{"project": "web"}]},
            {"id": 9, "project": "web", "affected": []},
        ]);
        let window = |open: bool, tag: &str| json!({"open": open, "all": false, "projects": ["api"], "tags": [tag]});
        let marks = Marks::of(&alerts, &json!([window(false, "closed"), window(true, "night")]));
        let of = |slug: &str, tags: &[&str]| marks.of_project(&json!({"slug": slug, "tags": tags}));
        assert_eq!(of("db", &["closed"]), "incident 7");
        assert_eq!(of("web", &["night"]), "incident 7, incident 9, maintenance");
        assert_eq!(of("api", &[]), "maintenance");
        assert_eq!(of("docs", &[]), "");
        let all = Marks::of(&json!([]), &json!([{"open": true, "all": true}]));
        assert_eq!(all.of_project(&json!({"slug": "docs"})), "maintenance");
    }
}
