//! Observed statements of the service.

use std::collections::BTreeMap;
use std::fmt;

use anyhow::{Context as _, anyhow};
use serde_json::Value;

use crate::clock::Moment;

/// A status of a project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    Online,
    Degraded,
    Offline,
}

impl Status {
    /// Parses the name of a status.
    ///
    /// # Errors
    /// Fails if the name is unknown.
    pub(crate) fn parse(name: &str) -> anyhow::Result<Self> {
        match name {
            "online" => Ok(Self::Online),
            "degraded" => Ok(Self::Degraded),
            "offline" => Ok(Self::Offline),
            _ => Err(anyhow!("unknown status {name}")),
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Online => "online",
            Self::Degraded => "degraded",
            Self::Offline => "offline",
        })
    }
}

/// Status of a project in a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shown {
    pub(crate) status: Status,
    /// Set if the service reports the status as known.
    pub(crate) known: bool,
}

/// The list of projects of a replica at some moment between `asked` and `answered`.
#[derive(Debug, Clone)]
pub(crate) struct Observation {
    pub(crate) replica: usize,
    pub(crate) asked: Moment,
    pub(crate) answered: Moment,
    pub(crate) projects: BTreeMap<String, Shown>,
}

/// Parses the response to `GET /api/fed/projects`.
///
/// # Errors
/// Fails if the response is malformed.
pub(crate) fn projects(body: &str) -> anyhow::Result<BTreeMap<String, Shown>> {
    let list: Vec<Value> = serde_json::from_str(body).context("invalid list of projects")?;
    let of = |project: &Value| {
        let text = |name| project[name].as_str().with_context(|| format!("{name}: {project}"));
        let known = project["status_known"].as_bool().context("status_known")?;
        Ok((text("slug")?.to_owned(), Shown { status: Status::parse(text("status")?)?, known }))
    };
    list.iter().map(of).collect()
}

/// An entry of the change log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LogEntry {
    pub(crate) revision: i64,
    pub(crate) slug: String,
    pub(crate) kind: String,
    pub(crate) from: Option<Status>,
    pub(crate) to: Option<Status>,
    /// Time of the change according to the log.
    pub(crate) at: Moment,
    pub(crate) cause: String,
    /// `false` if it is about another entity than a project.
    pub(crate) of_project: bool,
}

/// Condition of a replica according to its metrics.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Condition {
    /// Set if the bus is connected and heard.
    pub(crate) on_the_bus: bool,
    /// Set if the store accepts changes.
    pub(crate) store_up: bool,
    /// Total deafness of all sources.
    pub(crate) deaf_seconds: f64,
    /// Largest age of the newest proof of hearing among all sources, or `None` without proofs.
    pub(crate) heard_ago_seconds: Option<f64>,
}

impl Condition {
    /// Parses the response to `GET /metrics`.
    pub(crate) fn parse(metrics: &str) -> Self {
        let values = |name: &str| -> Vec<f64> {
            let lines = metrics.lines().filter(|line| line.starts_with(name));
            lines.filter_map(|line| line.rsplit_once(' ')?.1.parse().ok()).collect()
        };
        let is_one = |name| values(name).first().is_some_and(|value| *value > 0.5);
        let ages = values("federation_source_heard_ago_seconds{");
        Self {
            on_the_bus: is_one("federation_nats_connection_status "),
            store_up: is_one("federation_store_up "),
            deaf_seconds: values("federation_source_deaf_seconds{").iter().sum(),
            heard_ago_seconds: ages.into_iter().reduce(f64::max),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_projects_is_parsed() {
        let list = r#"[{"slug":"a","status":"degraded","status_known":true,"id":1}]"#;
        let expected = Shown { status: Status::Degraded, known: true };
        assert_eq!(projects(list).unwrap(), BTreeMap::from([("a".to_owned(), expected)]));
        projects(r#"[{"slug":"a","status":"late","status_known":true}]"#).unwrap_err();
        projects(r#"[{"slug":"a","status":"online"}]"#).unwrap_err();
    }

    #[test]
    fn metrics_are_parsed() {
        let metrics = "# TYPE federation_store_up gauge\n\
                       federation_nats_connection_status 1\n\
                       federation_source_deaf_seconds{source=\"nats\"} 1.5\n\
                       federation_source_deaf_seconds{source=\"http\"} 2.0\n\
                       federation_source_heard_ago_seconds{source=\"nats\"} 0.25\n\
                       federation_source_heard_ago_seconds{source=\"http\"} 0.01\n\
                       federation_store_up 0\n";
        let expected = Condition {
            on_the_bus: true,
            store_up: false,
            deaf_seconds: 3.5,
            heard_ago_seconds: Some(0.25),
        };
        assert_eq!(Condition::parse(metrics), expected);
        assert_eq!(Condition::parse(""), Condition::default());
    }
}
