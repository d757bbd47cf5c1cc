//! `federation projects`: a client of a running service.

pub(super) mod client;
mod explanation;
mod export;
mod history;
mod list;
mod register;
mod table;
mod watch;

use anyhow::{Context as _, bail};
use federation_domain::Slug;
use serde_json::Value;

use self::client::{Answer, Client};
use self::export::ExportArgs;
use self::list::ListArgs;
use self::register::RegisterArgs;
use self::watch::WatchArgs;
use super::api_key::ApiKeyArgs;
use crate::output;

/// Arguments of `projects`.
#[derive(Debug, clap::Args)]
pub struct ProjectsArgs {
    /// The service to ask.
    #[arg(long, env = "FEDERATION_URL", value_name = "URL", global = true)]
    #[arg(default_value = "http://127.0.0.1:8001")]
    pub url: String,

    /// The key to show to the service.
    #[command(flatten)]
    pub key: ApiKeyArgs,

    /// Print JSON, as the service gives it.
    #[arg(long, global = true)]
    pub json: bool,

    /// What to do.
    #[command(subcommand)]
    pub command: ProjectsCommand,
}

/// Subcommands of `projects`.
#[derive(Debug, clap::Subcommand)]
pub enum ProjectsCommand {
    /// List all projects, or those that are asked for.
    List(ListArgs),
    /// Show one project.
    Get {
        /// Its slug.
        #[arg(value_parser = Slug::parse)]
        slug: Slug,
    },
    /// Tell why a project has its status, in words and numbers.
    Explain {
        /// Its slug.
        #[arg(value_parser = Slug::parse)]
        slug: Slug,
    },
    /// Tell what happened to a project, newest first, and how it spent its time.
    History {
        /// Its slug.
        #[arg(value_parser = Slug::parse)]
        slug: Slug,

        /// The most changes to show, up to 1000 [default: 50].
        #[arg(long, value_name = "N")]
        limit: Option<u32>,

        /// Only changes before this revision.
        #[arg(long, value_name = "REVISION")]
        before: Option<u64>,
    },
    /// Write all projects as a list that the service can start with, such as config/projects.yaml.
    Export(ExportArgs),
    /// Show what changes as it happens: a table on a terminal, else a line for each change; until
    /// Ctrl-C.
    Watch(WatchArgs),
    /// Register a project, or replace the metadata of one.
    Register(RegisterArgs),
    /// Remove a project.
    Remove {
        /// Its slug.
        #[arg(value_parser = Slug::parse)]
        slug: Slug,
    },
}

const COLLECTION: &str = "/api/fed/projects";

/// Does what the subcommand says.
///
/// # Errors
/// When the service cannot be reached, or refuses; then with what it says.
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
            show(args, &answer, history::words)?
        }
        ProjectsCommand::Export(export) => {
            if args.json {
                bail!("an export is YAML; `projects list --json` gives JSON");
            }
            return export::run(export, &json(&accepted(client.get(COLLECTION)?)?)?);
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

/// The query for a page of the log; the service checks it.
fn page(limit: Option<u32>, before: Option<u64>) -> String {
    let limit = limit.map(|limit| format!("limit={limit}"));
    let before = before.map(|before| format!("before={before}"));
    let given: Vec<_> = limit.into_iter().chain(before).collect();
    if given.is_empty() { String::new() } else { format!("?{}", given.join("&")) }
}

fn accepted(answer: Answer) -> anyhow::Result<Answer> {
    if answer.is_success() { Ok(answer) } else { bail!("{}", answer.problem()) }
}

/// The answer as it is for programs, or as people like to read it.
fn show(
    args: &ProjectsArgs,
    answer: &Answer,
    for_people: impl FnOnce(&Value) -> String,
) -> anyhow::Result<String> {
    let value = json(answer)?;
    Ok(if args.json { answer.body().to_owned() } else { for_people(&value) })
}

fn json(answer: &Answer) -> anyhow::Result<Value> {
    answer.json().context("the answer is not JSON; is this the federation service?")
}
