//! `federation actions`, `federation sweep` and `federation refresh`.

mod key;
mod run;
mod show;

use federation_domain::RunId;
use serde_json::Value;

use self::key::KeyArgs;
use self::run::{RunArgs, Selection};
use super::graph::ConnectionArgs;
use super::projects::{accepted, json as json_of};
use crate::output;

const COLLECTION: &str = "/api/fed/actions";

/// Arguments of `actions`.
#[derive(Debug, clap::Args)]
pub struct ActionsArgs {
    #[command(flatten)]
    connection: ConnectionArgs,

    /// Print the JSON response instead of text.
    #[arg(long, global = true, help_heading = "Output")]
    json: bool,

    #[command(subcommand)]
    command: ActionsCommand,
}

#[derive(Debug, clap::Subcommand)]
enum ActionsCommand {
    /// Request an action of many projects and wait for their replies. Exit with 0 only if each project
    /// that was asked is done.
    Run(RunArgs),
    /// List the newest runs.
    List {
        /// List only runs of this action.
        #[arg(long, value_name = "ACTION")]
        action: Option<String>,
    },
    /// Show a run with the outcome at each project.
    Show {
        /// Id of the run.
        #[arg(value_parser = RunId::parse)]
        id: RunId,
    },
    /// Cancel a run. No further project is asked.
    Cancel {
        /// Id of the run.
        #[arg(value_parser = RunId::parse)]
        id: RunId,
    },
    /// Print the key with which a project checks requests.
    Key(KeyArgs),
}

/// Arguments of `sweep` and `refresh`.
#[derive(Debug, clap::Args)]
pub struct VerbArgs {
    #[command(flatten)]
    connection: ConnectionArgs,

    #[command(flatten)]
    selection: Selection,

    /// Print the JSON response instead of text.
    #[arg(long, help_heading = "Output")]
    json: bool,
}

/// Runs the subcommand.
///
/// # Errors
/// Fails if the service cannot be reached or rejects the request, or if a project that was asked is
/// not done.
pub fn run(args: &ActionsArgs) -> anyhow::Result<()> {
    let text = match &args.command {
        ActionsCommand::Run(run) => return run::run(&args.connection.client()?, run, args.json),
        ActionsCommand::Key(key) => key.render()?,
        ActionsCommand::List { action } => {
            let query = action.as_ref().map(|action| format!("?action={action}"));
            let path = format!("{COLLECTION}{}", query.unwrap_or_default());
            let answer = accepted(args.connection.client()?.get(&path)?)?;
            if args.json { answer.body().to_owned() } else { show::list(&json_of(&answer)?) }
        }
        ActionsCommand::Show { id } => {
            let answer = accepted(args.connection.client()?.get(&format!("{COLLECTION}/{id}"))?)?;
            if args.json { answer.body().to_owned() } else { show::run(&json_of(&answer)?) }
        }
        ActionsCommand::Cancel { id } => {
            let path = format!("{COLLECTION}/{id}/cancel");
            let answer = accepted(args.connection.client()?.post(&path, String::new())?)?;
            let run: Value = json_of(&answer)?;
            let said = format!("run {id} is {}", run["status"].as_str().unwrap_or("unknown"));
            if args.json { answer.body().to_owned() } else { said }
        }
    };
    Ok(output::print(&text)?)
}

/// Requests an action of the plan of all projects that allow it.
///
/// # Errors
/// See [`run`].
pub fn run_verb(action: &str, args: &VerbArgs) -> anyhow::Result<()> {
    let run = RunArgs::of_verb(action, args.selection.clone());
    run::run(&args.connection.client()?, &run, args.json)
}
