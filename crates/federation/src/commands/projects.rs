//! `federation projects`: a client of a running service.

pub(super) mod client;
mod explanation;
mod export;
mod history;
mod list;
mod marks;
mod register;
pub(super) mod table;
mod watch;

use anyhow::{Context as _, bail};
use federation_domain::Slug;
use serde_json::Value;

use self::client::{Client, ServiceResponse};
use self::export::ExportArgs;
use self::list::ListArgs;
use self::register::RegisterArgs;
use self::watch::WatchArgs;
use super::api_key::ApiKeyArgs;
use crate::output;
use crate::settings::value::whole_number;

/// Arguments of `projects`.
#[derive(Debug, clap::Args)]
pub struct ProjectsArgs {
    /// Connect to the service at this URL.
    #[arg(long, env = "FEDERATION_URL", value_name = "URL", global = true)]
    #[arg(help_heading = "Connection")]
    #[arg(default_value = "http://127.0.0.1:8001")]
    pub url: String,

    /// The API key.
    #[command(flatten)]
    pub key: ApiKeyArgs,

    /// Print the JSON response instead of text.
    #[arg(long, global = true, help_heading = "Output")]
    pub json: bool,

    /// The subcommand.
    #[command(subcommand)]
    pub command: ProjectsCommand,
}

/// Subcommands of `projects`.
#[derive(Debug, clap::Subcommand)]
pub enum ProjectsCommand {
    /// List projects.
    List(ListArgs),
    /// Show one project.
    Get {
        /// Slug of the project.
        #[arg(value_parser = Slug::parse)]
        slug: Slug,
    },
    /// Explain why a project has its status.
    Explain {
        /// Slug of the project.
        #[arg(value_parser = Slug::parse)]
        slug: Slug,
    },
    /// Show the changes of a project, newest first, and its uptime.
    History {
        /// Slug of the project.
        #[arg(value_parser = Slug::parse)]
        slug: Slug,

        /// Show at most this many changes, up to 1000 [default: 50].
        #[arg(long, value_name = "N", value_parser = whole_number::<u32>)]
        limit: Option<u32>,

        /// Show only changes before this revision.
        #[arg(long, value_name = "REVISION", value_parser = whole_number::<u64>)]
        before: Option<u64>,
    },
    /// Write all projects and their declared edges to a projects file, such as config/projects.yaml.
    Export(ExportArgs),
    /// Show changes as they happen until interrupted, in a live table on a terminal and as lines
    /// otherwise.
    Watch(WatchArgs),
    /// Register a project or replace its metadata.
    Register(RegisterArgs),
    /// Remove a project.
    Remove {
        /// Slug of the project.
        #[arg(value_parser = Slug::parse)]
        slug: Slug,
    },
}

const COLLECTION: &str = "/api/fed/projects";

/// Runs the subcommand.
///
/// # Errors
/// Fails if the service cannot be reached or rejects the request.
pub fn run(args: &ProjectsArgs) -> anyhow::Result<()> {
    let client = Client::new(&args.url)?.with_key(&args.key)?;
    let text = match &args.command {
        ProjectsCommand::List(list) => list.run(&client, args.json)?,
        ProjectsCommand::Get { slug } => {
            let answer = accepted(client.get(&format!("{COLLECTION}/{slug}"))?)?;
            show(args, &answer, |project| table::details(project, table::now()))?
        }
        ProjectsCommand::Explain { slug } => {
            let answer = accepted(client.get(&format!("{COLLECTION}/{slug}/explain"))?)?;
            show(args, &answer, explanation::words)?
        }
        ProjectsCommand::History { slug, limit, before } => {
            let query = page(*limit, *before);
            let answer = accepted(client.get(&format!("{COLLECTION}/{slug}/history{query}"))?)?;
            show(args, &answer, |history| history::words(history, output::columns()))?
        }
        ProjectsCommand::Export(export) => {
            if args.json {
                bail!("--json: not supported by `export`, which writes YAML; use `list --json`");
            }
            let projects = json(&accepted(client.get(COLLECTION)?)?)?;
            let edges = json(&accepted(client.get("/api/fed/edges")?)?)?;
            return export::run(export, &projects, &edges);
        }
        ProjectsCommand::Watch(watch) => return watch::run(&client, watch, args.json),
        ProjectsCommand::Register(registration) => {
            let answer = accepted(client.post(COLLECTION, registration.body()?)?)?;
            show(args, &answer, table::registered)?
        }
        ProjectsCommand::Remove { slug } => {
            accepted(client.delete(&format!("{COLLECTION}/{slug}"))?)?;
            if args.json { String::new() } else { format!("removed {slug}") }
        }
    };
    if text.is_empty() { Ok(()) } else { Ok(output::print(&text)?) }
}

/// Returns the query for a page of the log. The service checks its values.
fn page(limit: Option<u32>, before: Option<u64>) -> String {
    let limit = limit.map(|limit| format!("limit={limit}"));
    let before = before.map(|before| format!("before={before}"));
    let given: Vec<_> = limit.into_iter().chain(before).collect();
    if given.is_empty() { String::new() } else { format!("?{}", given.join("&")) }
}

pub(super) fn accepted(answer: ServiceResponse) -> anyhow::Result<ServiceResponse> {
    if answer.is_success() { Ok(answer) } else { bail!("{}", answer.problem()) }
}

/// Returns the response as JSON for programs or as text for people.
fn show(
    args: &ProjectsArgs,
    answer: &ServiceResponse,
    for_people: impl FnOnce(&Value) -> String,
) -> anyhow::Result<String> {
    let value = json(answer)?;
    Ok(if args.json { answer.body().to_owned() } else { for_people(&value) })
}

pub(super) fn json(answer: &ServiceResponse) -> anyhow::Result<Value> {
    answer.json().context("expected JSON in the response; is this URL the federation service?")
}
