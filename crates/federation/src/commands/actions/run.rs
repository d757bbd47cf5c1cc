//! `federation actions run`.

use std::io::IsTerminal as _;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context as _, bail};
use federation_domain::{ActionOrderDraft, ProjectStatus, Slug};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Map, Value, json};

use super::{COLLECTION, show};
use crate::commands::projects::client::Client;
use crate::commands::projects::{accepted, json as json_of};
use crate::output;

/// Interval at which the state of the run is read.
const POLL: Duration = Duration::from_millis(500);

/// Projects to ask. Without any of these, all projects.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct Selection {
    /// Ask only this project; repeatable.
    #[arg(long = "project", value_name = "SLUG", value_parser = Slug::parse)]
    projects: Vec<Slug>,

    /// Ask only projects with this tag; repeatable.
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<String>,

    /// Ask only projects with this status; repeatable.
    #[arg(long = "status", value_name = "STATUS", value_parser = ProjectStatus::parse)]
    statuses: Vec<ProjectStatus>,

    /// Ask no project, and show who would be asked.
    #[arg(long)]
    dry_run: bool,

    /// Show a progress bar.
    #[arg(long)]
    watch: bool,

    /// Do not wait for the replies.
    #[arg(long, conflicts_with_all = ["watch", "dry_run"])]
    no_wait: bool,
}

/// Arguments of `actions run`.
#[derive(Debug, clap::Args)]
pub(super) struct RunArgs {
    /// Name of the action, such as audit.security.
    action: String,

    #[command(flatten)]
    selection: Selection,

    /// Send these parameters: a JSON object.
    #[arg(long, value_name = "JSON", default_value = "{}")]
    params: String,

    /// Let each project take this long, from 1s to 1h.
    #[arg(long, value_name = "TIME", default_value = "30s")]
    timeout: String,

    /// Ask at most this many projects at the same time, from 1 to 1000.
    #[arg(long, value_name = "N", default_value = "50")]
    max_concurrency: u16,

    /// Allow that a project is asked twice if a replica of the service stops.
    #[arg(long)]
    idempotent: bool,

    /// Ask projects that are offline too.
    #[arg(long)]
    include_offline: bool,
}

impl RunArgs {
    /// Returns the arguments of an action with default settings.
    pub(super) fn of_verb(action: &str, selection: Selection) -> Self {
        Self {
            action: action.to_owned(),
            selection,
            params: "{}".to_owned(),
            timeout: "30s".to_owned(),
            max_concurrency: 50,
            idempotent: false,
            include_offline: false,
        }
    }

    fn body(&self) -> anyhow::Result<Value> {
        let params: Map<String, Value> =
            serde_json::from_str(&self.params).context("--params: expected a JSON object")?;
        let draft = ActionOrderDraft {
            action: self.action.clone(),
            timeout: Some(self.timeout.clone()),
            max_concurrency: Some(self.max_concurrency.into()),
            ..ActionOrderDraft::default()
        };
        if let Err(faults) = draft.parse() {
            let faults: Vec<_> = faults.iter().map(ToString::to_string).collect();
            bail!("{}", faults.join("; "));
        }
        let Selection { projects, tags, statuses, .. } = &self.selection;
        let targets = if projects.is_empty() && tags.is_empty() && statuses.is_empty() {
            json!({ "all": true })
        } else {
            json!({
                "slugs": projects.iter().map(Slug::as_str).collect::<Vec<_>>(),
                "tags": tags,
                "status": statuses.iter().map(|status| status.as_str()).collect::<Vec<_>>(),
            })
        };
        Ok(json!({
            "action": self.action,
            "targets": targets,
            "params": params,
            "timeout": self.timeout,
            "max_concurrency": self.max_concurrency,
            "idempotent": self.idempotent,
            "include_offline": self.include_offline,
        }))
    }
}

/// Requests the action, waits for the end of the run, and prints it.
///
/// # Errors
/// Fails if a project that was asked is not done.
pub(super) fn run(client: &Client, args: &RunArgs, json: bool) -> anyhow::Result<()> {
    let body = args.body()?.to_string();
    if args.selection.dry_run {
        let answer = accepted(client.post(&format!("{COLLECTION}?dry_run=true"), body)?)?;
        let text = if json { answer.body().to_owned() } else { show::plan(&json_of(&answer)?) };
        return Ok(output::print(&text)?);
    }
    let created = json_of(&accepted(client.post(COLLECTION, body)?)?)?;
    let id = created["id"].as_str().context("the response has no id")?.to_owned();
    if args.selection.no_wait {
        return Ok(output::print(&if json { created.to_string() } else { id })?);
    }
    eprintln!("run {id} is in progress; cancel it with `federation actions cancel {id}`");
    let run = wait(client, &id, args.selection.watch)?;
    output::print(&if json { run.to_string() } else { show::run(&run) })?;
    judge(&run)
}

/// Waits until the run has ended. Returns it with its targets.
fn wait(client: &Client, id: &str, watch: bool) -> anyhow::Result<Value> {
    let bar = if watch && std::io::stderr().is_terminal() {
        ProgressBar::new(0)
    } else {
        ProgressBar::hidden()
    };
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len} {msg}") {
        bar.set_style(style);
    }
    loop {
        let run = json_of(&accepted(client.get(&format!("{COLLECTION}/{id}?limit=1"))?)?)?;
        let count = |name: &str| run["counts"][name].as_u64().unwrap_or(0);
        bar.set_length(count("total"));
        bar.set_position(count("total") - count("waiting") - count("asked"));
        bar.set_message(format!("{} asked", count("asked")));
        if matches!(run["status"].as_str(), Some("ended" | "cancelled")) {
            bar.finish_and_clear();
            return json_of(&accepted(client.get(&format!("{COLLECTION}/{id}"))?)?);
        }
        sleep(POLL);
    }
}

/// Fails if a project that was asked is not done.
fn judge(run: &Value) -> anyhow::Result<()> {
    let targets = run["targets"].as_array().map(Vec::as_slice).unwrap_or_default();
    let asked = targets.iter().filter(|target| !target["asked_at"].is_null());
    let (done, asked) = asked.fold((0, 0), |(done, asked), target| {
        (done + usize::from(target["outcome"] == "done"), asked + 1)
    });
    if done < asked {
        bail!("{} of {asked} projects that were asked are not done", asked - done);
    }
    Ok(())
}
