//! `federation maintenance`.

use federation_domain::Slug;
use serde_json::{Value, json};

use super::graph::ConnectionArgs;
use super::projects::table::{bare, fitted, text};
use super::projects::{accepted, json as json_of};
use crate::output;

/// Arguments of `maintenance`.
#[derive(Debug, clap::Args)]
pub struct MaintenanceArgs {
    #[command(flatten)]
    connection: ConnectionArgs,

    /// Print the JSON response instead of text.
    #[arg(long, global = true, help_heading = "Output")]
    json: bool,

    #[command(subcommand)]
    command: MaintenanceCommand,
}

#[derive(Debug, clap::Subcommand)]
enum MaintenanceCommand {
    /// List the maintenance windows.
    List,
    /// Start a window, now or later. No alert opens for its projects until it ends.
    Start(Box<StartArgs>),
    /// End a window.
    End {
        /// Number of the window.
        #[arg(value_parser = clap::value_parser!(u64).range(1..))]
        id: u64,
    },
}

#[derive(Debug, clap::Args)]
struct StartArgs {
    /// Cover this project. May be repeated.
    #[arg(long, value_name = "SLUG", value_parser = Slug::parse)]
    project: Vec<Slug>,

    /// Cover all projects with this tag. May be repeated.
    #[arg(long, value_name = "TAG")]
    tag: Vec<String>,

    /// Cover all projects.
    #[arg(long, conflicts_with_all = ["project", "tag"])]
    all: bool,

    /// Duration, such as 90m or 2h.
    #[arg(long = "for", value_name = "DURATION", conflicts_with = "until")]
    duration: Option<String>,

    /// End, such as 2026-11-29T04:00:00Z.
    #[arg(long, value_name = "TIME")]
    until: Option<String>,

    /// Start, such as 2026-11-29T02:00:00Z [default: now].
    #[arg(long, value_name = "TIME")]
    from: Option<String>,

    /// Repeat every week on these days, comma-separated: mon, tue, wed, thu, fri, sat, sun.
    #[arg(
        long, value_name = "DAYS", value_delimiter = ',', requires_all = ["at", "zone", "duration"],
        conflicts_with = "until"
    )]
    weekly: Vec<String>,

    /// With --weekly: the local time of the start, such as 02:30.
    #[arg(long, value_name = "HH:MM", requires = "weekly")]
    at: Option<String>,

    /// With --weekly: the time zone, such as Europe/Berlin.
    #[arg(long, value_name = "ZONE", requires = "weekly")]
    zone: Option<String>,

    /// Reason, which is shown in the list.
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

const COLLECTION: &str = "/api/fed/maintenance";

/// Runs the subcommand.
///
/// # Errors
/// Fails if the service cannot be reached or rejects the request.
pub fn run(args: &MaintenanceArgs) -> anyhow::Result<()> {
    let client = args.connection.client()?;
    let text = match &args.command {
        MaintenanceCommand::List => {
            let answer = accepted(client.get(COLLECTION)?)?;
            if args.json { answer.body().to_owned() } else { table_of(&json_of(&answer)?) }
        }
        MaintenanceCommand::Start(start) => {
            let answer = accepted(client.post(COLLECTION, start.body().to_string())?)?;
            let id = text(&json_of(&answer)?["id"]);
            if args.json { answer.body().to_owned() } else { format!("window {id} is created") }
        }
        MaintenanceCommand::End { id } => {
            accepted(client.delete(&format!("{COLLECTION}/{id}"))?)?;
            if args.json { String::new() } else { format!("window {id} has ended") }
        }
    };
    if text.is_empty() { Ok(()) } else { Ok(output::print(&text)?) }
}

impl StartArgs {
    fn body(&self) -> Value {
        let projects: Vec<&str> = self.project.iter().map(Slug::as_str).collect();
        let weekly = (!self.weekly.is_empty()).then(|| {
            json!({
                "days": self.weekly, "at": self.at, "duration": self.duration, "zone": self.zone,
            })
        });
        // A weekly window has its duration within `weekly`.
        let duration = if weekly.is_some() { None } else { self.duration.as_deref() };
        json!({
            "all": self.all, "projects": projects, "tags": self.tag, "from": self.from,
            "until": self.until, "duration": duration, "weekly": weekly, "reason": self.reason,
        })
    }
}

/// Formats a line per window.
fn table_of(windows: &Value) -> String {
    let windows = windows.as_array().map(Vec::as_slice).unwrap_or_default();
    if windows.is_empty() {
        return "no maintenance windows".to_owned();
    }
    let mut table = bare();
    table.set_header(["ID", "OPEN", "COVERS", "FROM", "UNTIL", "EVERY", "REASON"]);
    for window in windows {
        let covers = if window["all"] == true {
            "all".to_owned()
        } else {
            let names = |key: &str| text(&window[key]);
            let tags = names("tags");
            let tags = (tags != "-").then(|| format!("tagged {tags}"));
            let projects = Some(names("projects")).filter(|names| names != "-");
            projects.into_iter().chain(tags).collect::<Vec<_>>().join("; ")
        };
        let open = if window["open"] == true { "yes" } else { "no" };
        table.add_row([
            text(&window["id"]),
            open.to_owned(),
            covers,
            begin(&window["from"]),
            text(&window["until"]),
            weekly(&window["weekly"]),
            text(&window["reason"]),
        ]);
    }
    fitted(&mut table, 3, output::columns())
}

/// Formats the start of a window. One in the projects file that has none begins in 1970.
fn begin(from: &Value) -> String {
    let from = text(from);
    if from.starts_with("1970-01-01T") { "-".to_owned() } else { from }
}

/// Formats a recurrence, such as `sat,sun 02:30 Europe/Berlin for 2h`.
fn weekly(weekly: &Value) -> String {
    let (Some(days), Some(seconds)) =
        (weekly["days"].as_array(), weekly["duration_seconds"].as_u64())
    else {
        return "-".to_owned();
    };
    let days: Vec<&str> = days.iter().filter_map(Value::as_str).collect();
    let duration = match (seconds / 3_600, seconds % 3_600 / 60) {
        (0, minutes) => format!("{minutes}m"),
        (hours, 0) => format!("{hours}h"),
        (hours, minutes) => format!("{hours}h{minutes}m"),
    };
    format!("{} {} {} for {duration}", days.join(","), text(&weekly["at"]), text(&weekly["zone"]))
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[test]
    fn a_list_says_what_each_window_covers() {
        let windows = json!([
            {"id": 1, "open": true, "all": false, "projects": ["a"], "tags": ["db"], "reason": "x"},
            {"id": 2, "open": false, "all": true, "projects": [], "tags": [], "reason": "y"},
        ]);
        let shown = table_of(&windows);
        assert!(shown.contains("a; tagged db") && shown.contains("all"), "{shown}");
        assert_eq!(table_of(&json!([])), "no maintenance windows");
    }

    #[test]
    fn a_recurring_window_says_when_it_recurs_and_needs_no_start() {
        let weekly = json!({
            "days": ["sat", "sun"], "at": "02:30", "duration_seconds": 5_400, "zone": "Europe/Berlin",
        });
        let shown = table_of(&json!([{
            "id": 1, "open": false, "all": true, "from": "1970-01-01T00:00:00.000000Z",
            "until": null, "weekly": weekly, "reason": "backup",
        }]));
        assert!(shown.contains("sat,sun 02:30 Europe/Berlin for 1h30m"), "{shown}");
        assert!(!shown.contains("1970"), "{shown}");
    }

    #[test]
    fn a_weekly_window_has_its_duration_within_the_recurrence() {
        #[derive(clap::Parser)]
        struct Line {
            #[command(flatten)]
            start: StartArgs,
        }
        let parse = |line: &str| Line::try_parse_from(line.split(' '));
        let weekly = "x --tag db --reason r --for 2h --weekly sat,sun --at 02:30";
        let body = parse(&format!("{weekly} --zone Europe/Berlin")).unwrap().start.body();
        assert_eq!(
            body["weekly"],
            json!({
                "days": ["sat", "sun"], "at": "02:30", "duration": "2h", "zone": "Europe/Berlin",
            })
        );
        assert_eq!(body["duration"], Value::Null);
        assert!(parse(weekly).is_err(), "the zone is missing");
        assert!(parse("x --all --reason r --for 2h --at 02:30").is_err(), "the days are missing");
    }
}
