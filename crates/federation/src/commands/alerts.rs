//! `federation alerts`.

use serde_json::{Value, json};

use super::graph::ConnectionArgs;
use super::projects::client::Client;
use super::projects::table::{ago, bare, fitted, now, text, trimmed};
use super::projects::{accepted, json as json_of};
use crate::output;

/// Arguments of `alerts`.
#[derive(Debug, clap::Args)]
pub struct AlertsArgs {
    #[command(flatten)]
    connection: ConnectionArgs,

    /// Print the JSON response instead of text.
    #[arg(long, global = true, help_heading = "Output")]
    json: bool,

    /// List resolved alerts too.
    #[arg(long)]
    all: bool,

    /// List only alerts of this severity: info, warning or critical.
    #[arg(long, value_name = "SEVERITY")]
    #[arg(value_parser = ["info", "warning", "critical"])]
    severity: Option<String>,

    /// Show the list again at each change until interrupted.
    #[arg(long)]
    watch: bool,

    #[command(subcommand)]
    command: Option<AlertsCommand>,
}

#[derive(Debug, clap::Subcommand)]
enum AlertsCommand {
    /// Show one alert with its timeline.
    Show {
        /// Number of the alert.
        #[arg(value_parser = clap::value_parser!(u64).range(1..))]
        id: u64,
    },
    /// Acknowledge an alert.
    Ack {
        /// Number of the alert.
        #[arg(value_parser = clap::value_parser!(u64).range(1..))]
        id: u64,

        /// Add a comment.
        #[arg(long, value_name = "TEXT")]
        comment: Option<String>,
    },
    /// Comment on an alert.
    Comment {
        /// Number of the alert.
        #[arg(value_parser = clap::value_parser!(u64).range(1..))]
        id: u64,

        /// The comment.
        text: String,
    },
    /// Resolve an alert. Its projects open no other alert until they have been online and are down
    /// again; a metric rule opens none until its condition has stopped holding.
    Resolve {
        /// Number of the alert.
        #[arg(value_parser = clap::value_parser!(u64).range(1..))]
        id: u64,

        /// Add a comment.
        #[arg(long, value_name = "TEXT")]
        comment: Option<String>,
    },
}

const COLLECTION: &str = "/api/fed/alerts";

/// Runs the subcommand.
///
/// # Errors
/// Fails if the service cannot be reached or rejects the request.
pub fn run(args: &AlertsArgs) -> anyhow::Result<()> {
    let client = args.connection.client()?;
    let edit = |id: &u64, action: &str, comment: Option<&String>, done: &str| {
        let body = comment.map_or_else(|| json!({}), |comment| json!({ "comment": comment }));
        let answer = client.post(&format!("{COLLECTION}/{id}/{action}"), body.to_string())?;
        let answer = accepted(answer)?;
        anyhow::Ok(if args.json { answer.body().to_owned() } else { format!("{done} {id}") })
    };
    let text = match &args.command {
        None if args.watch => return watch(&client, args),
        None => list(&client, args, None)?.0,
        Some(AlertsCommand::Show { id }) => {
            let answer = accepted(client.get(&format!("{COLLECTION}/{id}"))?)?;
            if args.json { answer.body().to_owned() } else { details(&json_of(&answer)?) }
        }
        Some(AlertsCommand::Ack { id, comment }) => {
            edit(id, "acknowledge", comment.as_ref(), "acknowledged alert")?
        }
        Some(AlertsCommand::Comment { id, text }) => {
            edit(id, "comment", Some(text), "commented on alert")?
        }
        Some(AlertsCommand::Resolve { id, comment }) => {
            edit(id, "resolve", comment.as_ref(), "resolved alert")?
        }
    };
    Ok(output::print(&text)?)
}

/// Returns the list, and the position after which it changes.
fn list(
    client: &Client,
    args: &AlertsArgs,
    after: Option<&str>,
) -> anyhow::Result<(String, Option<String>)> {
    let status = if args.all { None } else { Some("status=open,acknowledged".to_owned()) };
    let severity = args.severity.as_ref().map(|severity| format!("severity={severity}"));
    let index = after.map(|index| format!("index={index}&wait=20s"));
    let query: Vec<_> = status.into_iter().chain(severity).chain(index).collect();
    let answer = accepted(client.get(&format!("{COLLECTION}?{}", query.join("&")))?)?;
    let index = answer.index().map(str::to_owned);
    let text = if args.json { answer.body().to_owned() } else { table_of(&json_of(&answer)?) };
    Ok((text, index))
}

fn watch(client: &Client, args: &AlertsArgs) -> anyhow::Result<()> {
    let (mut shown, mut index) = list(client, args, None)?;
    output::print(&shown)?;
    loop {
        let (text, next) = list(client, args, index.as_deref())?;
        if text != shown {
            output::print(&format!("\n{text}"))?;
            shown = text;
        }
        index = next;
    }
}

/// Formats a line per alert.
fn table_of(alerts: &Value) -> String {
    let alerts = alerts.as_array().map(Vec::as_slice).unwrap_or_default();
    if alerts.is_empty() {
        return "no alerts".to_owned();
    }
    let mut table = bare();
    table.set_header(["ID", "SEVERITY", "STATUS", "TITLE", "SINCE", "AFFECTED"]);
    let now = now();
    for alert in alerts {
        let affected = alert["affected"].as_array().map(Vec::as_slice).unwrap_or_default();
        let names: Vec<_> = affected.iter().take(5).map(|one| text(&one["project"])).collect();
        let count = alert["affected_count"].as_u64().unwrap_or_default();
        let affected = match count {
            0 => "-".to_owned(),
            count => format!("{count}: {}", names.join(", ")),
        };
        table.add_row([
            text(&alert["id"]),
            text(&alert["severity"]),
            text(&alert["status"]),
            text(&alert["title"]),
            ago(&alert["started_at"], now),
            affected,
        ]);
    }
    fitted(&mut table, 4, output::columns())
}

/// Formats one alert with its timeline.
fn details(alert: &Value) -> String {
    let heading = format!("{}: {}", text(&alert["id"]), text(&alert["title"]));
    let mut facts = bare();
    let keys = [
        "status",
        "severity",
        "rule",
        "started_at",
        "created_at",
        "resolved_at",
        "acknowledged_by",
    ];
    for key in keys {
        if !alert[key].is_null() {
            facts.add_row([key.replace('_', " "), text(&alert[key])]);
        }
    }
    let mut affected = bare();
    for one in alert["affected"].as_array().into_iter().flatten() {
        let path = one["path"].as_array().into_iter().flatten();
        let path: Vec<_> = path.map(text).collect();
        affected.add_row([text(&one["project"]), text(&one["status"]), path.join(" → ")]);
    }
    let mut timeline = bare();
    for event in alert["events"].as_array().into_iter().flatten() {
        let told = told(&event["details"]);
        timeline.add_row([text(&event["at"]), text(&event["kind"]), text(&event["actor"]), told]);
    }
    let parts = [heading, text(&alert["description"])];
    let tables = [facts, affected, timeline].map(|table| trimmed(&table));
    let parts = parts.into_iter().chain(tables).filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join("\n\n")
}

/// Formats what is special about an event.
fn told(details: &Value) -> String {
    if let Some(projects) = details["projects"].as_array() {
        let name = |one: &Value| if one.is_string() { text(one) } else { text(&one["project"]) };
        let names: Vec<_> = projects.iter().take(5).map(name).collect();
        let count = details["count"].as_u64().unwrap_or_default();
        return if count > 5 {
            format!("{} and others", names.join(", "))
        } else {
            names.join(", ")
        };
    }
    for key in ["text", "into", "former"] {
        if !details[key].is_null() {
            return text(&details[key]);
        }
    }
    String::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alert_is_shown_with_its_cause_and_its_timeline() {
        let alert = json!({
            "id": 1, "title": "db is offline", "description": "Project db is offline.",
            "status": "open", "severity": "warning", "rule": "a-rule",
            "started_at": "2026-11-24T12:00:00Z",
            "affected": [{"project": "web", "status": "offline", "path": ["web", "api", "db"]}],
            "events": [
                {"at": "2026-11-24T12:01:00Z", "kind": "opened", "actor": "service", "details": {}},
                {"at": "2026-11-24T12:01:00Z", "kind": "affected", "actor": "service",
                 "details": {"count": 1, "projects": [{"project": "web"}]}},
            ],
        });
        let shown = details(&alert);
        assert!(shown.starts_with("1: db is offline\n\nProject db is offline."), "{shown}");
        assert!(shown.contains("rule        a-rule"), "{shown}");
        assert!(
            shown.contains("web → api → db") && shown.contains("affected  service  web"),
            "{shown}"
        );
    }

    #[test]
    fn a_list_without_alerts_says_so() {
        assert_eq!(table_of(&json!([])), "no alerts");
    }
}
