//! The command line: parsing, dispatch and error messages.

use std::ffi::OsString;
use std::future::Future;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::builder::Resettable;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Args as _, CommandFactory as _, FromArgMatches as _};

use crate::commands::{
    actions, alerts, bench, completions, config, edges, graph, health, heartbeat, keys,
    maintenance, man, metrics, migrate, notifications, projects, status, verify,
};
use crate::dotenv::{self, Origins};
use crate::settings::{ServeArgs, api_keys};
use crate::{log, serve};

/// Exit code for an invalid command line.
const USAGE: u8 = 2;

/// Deadline for blocking calls that still run at exit. Their results are not needed.
const RUNTIME_END: Duration = Duration::from_millis(500);

/// Track every project of a federation and whether it is alive.
///
/// Every setting is a flag and an environment variable. Flags override the environment, which
/// overrides the file .env in the working directory. An empty variable counts as unset.
#[derive(Debug, clap::Parser)]
#[command(name = "federation", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// Subcommands. `serve` is the default.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Run the service (the default).
    Serve(Box<ServeArgs>),
    /// Apply pending database migrations.
    Migrate(migrate::MigrateArgs),
    /// Publish heartbeats for one project until interrupted.
    Heartbeat(heartbeat::HeartbeatArgs),
    /// Check configuration files.
    #[command(subcommand)]
    Config(config::ConfigCommand),
    /// List, explain, watch and change the projects of a running service.
    Projects(projects::ProjectsArgs),
    /// Send and show metrics of the projects of a running service.
    Metrics(metrics::MetricsArgs),
    /// Show which project uses which, for people or for other tools.
    Graph(graph::GraphArgs),
    /// Show the projects that are affected if a project fails.
    Impact(graph::ImpactArgs),
    /// List, declare, remove and import edges.
    Edges(edges::EdgesArgs),
    /// List, show, acknowledge, comment on and resolve alerts.
    Alerts(alerts::AlertsArgs),
    /// Request actions of many projects at once, and show the outcomes.
    Actions(actions::ActionsArgs),
    /// Request a security audit (audit.security) of all projects that allow it.
    Sweep(actions::VerbArgs),
    /// Request new graph summaries (graph.refresh) of all projects that allow it.
    Refresh(actions::VerbArgs),
    /// List, retry and test notifications about incidents.
    Notifications(notifications::NotificationsArgs),
    /// List, start and end maintenance windows, in which no alert opens.
    Maintenance(maintenance::MaintenanceArgs),
    /// Check from this machine whether projects are reachable at their hub URLs.
    Verify(verify::VerifyArgs),
    /// Create, list and revoke API keys.
    Keys(keys::KeysArgs),
    /// Show the state of a running service on one screen.
    Status(status::StatusArgs),
    /// Exit with 0 if a running service is ready and with 1 otherwise.
    Health(health::HealthArgs),
    /// Measure the throughput and latency of a running service.
    #[command(subcommand)]
    Bench(bench::BenchCommand),
    /// Print a completion script for a shell.
    Completions(completions::CompletionsArgs),
    /// Print or write the manual pages.
    Man(man::ManArgs),
}

/// Loads `.env`, parses the arguments and runs the command.
///
/// The exit code is 0 for success, 1 for a failure and 2 for an invalid command line.
#[must_use]
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args: Vec<OsString> = args.into_iter().collect();
    let origins = match dotenv::load(Path::new(".env"), &with_all_variables()) {
        Ok(origins) => origins.without(|variable| has_flag_of(&args, variable)),
        Err(error) => return fail(&error, &Origins::default()),
    };
    let code = match parse(args) {
        Ok(command) => run(command).unwrap_or_else(|error| fail(&error, &origins)),
        Err(error) => explain(&error, &origins),
    };
    log::flush();
    code
}

/// Returns whether a flag overrides a variable.
fn has_flag_of(args: &[OsString], variable: &str) -> bool {
    let command = documented();
    let all = std::iter::once(&command).chain(command.get_subcommands());
    let is_it = |arg: &&clap::Arg| arg.get_env().is_some_and(|name| name == variable);
    let flags: Vec<String> = all
        .flat_map(clap::Command::get_arguments)
        .filter(is_it)
        .filter_map(|arg| arg.get_long().map(|flag| format!("--{flag}")))
        .collect();
    let name = |arg: &OsString| arg.to_string_lossy().split('=').next().map(str::to_owned);
    args.iter().filter_map(name).any(|given| flags.contains(&given))
}

fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Serve(args) => {
            log::init(&args.log)?;
            let settings = args.resolve()?;
            block_on(serve::serve(settings))?;
        }
        Command::Migrate(args) => block_on(migrate::run(args))?,
        Command::Heartbeat(args) => block_on(heartbeat::run(args))?,
        Command::Config(command) => config::run(&command)?,
        Command::Projects(args) => projects::run(&args)?,
        Command::Metrics(args) => metrics::run(&args)?,
        Command::Graph(args) => graph::run(&args)?,
        Command::Impact(args) => graph::run_impact(&args)?,
        Command::Edges(args) => edges::run(&args)?,
        Command::Alerts(args) => alerts::run(&args)?,
        Command::Actions(args) => actions::run(&args)?,
        Command::Sweep(args) => actions::run_verb("audit.security", &args)?,
        Command::Refresh(args) => actions::run_verb("graph.refresh", &args)?,
        Command::Notifications(args) => block_on(notifications::run(args))?,
        Command::Maintenance(args) => maintenance::run(&args)?,
        Command::Verify(args) => block_on(verify::run(args))?,
        Command::Keys(args) => keys::run(&args)?,
        Command::Status(args) => status::run(&args)?,
        Command::Health(args) => health::run(&args)?,
        Command::Bench(command) => bench::run(command)?,
        Command::Completions(args) => completions::run(&args, documented())?,
        Command::Man(args) => man::run(&args, documented())?,
    }
    Ok(ExitCode::SUCCESS)
}

fn block_on(work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the async runtime")?;
    let done = runtime.block_on(work);
    // Dropping the runtime would wait for blocking calls, such as those of SQLite, without a
    // deadline.
    runtime.shutdown_timeout(RUNTIME_END);
    done
}

/// Returns the command line with the settings of `serve` at the top level too, for help and
/// completions.
#[must_use]
pub fn documented() -> clap::Command {
    let command = plain();
    let about = command.get_about().cloned().unwrap_or_default();
    let long_about = command.get_long_about().cloned().unwrap_or_default();
    ServeArgs::augment_args(command)
        .about(about)
        .long_about(long_about)
        .subcommand_required(false)
        .mut_args(|arg| arg.hide_env_values(true))
}

/// Returns the command line with the variables of all settings, including empty ones.
pub(crate) fn with_all_variables() -> clap::Command {
    Cli::command()
}

/// Returns the command line without the settings of `serve` at the top level.
pub(crate) fn plain() -> clap::Command {
    Cli::command().mut_subcommands(prepare)
}

/// Hides values of the environment in help texts and makes empty variables count as unset, except
/// those that protect the API.
fn prepare(command: clap::Command) -> clap::Command {
    command.mut_subcommands(prepare).mut_args(|arg| {
        let empty = arg.get_env().is_some_and(|name| {
            !api_keys::protects(&name.to_string_lossy())
                && std::env::var_os(name).is_some_and(|value| value.is_empty())
        });
        let arg = arg.hide_env_values(true);
        if empty { arg.env(Resettable::Reset) } else { arg }
    })
}

fn parse(mut args: Vec<OsString>) -> Result<Command, clap::Error> {
    let first = args.get(1).map(|first| first.to_string_lossy().into_owned());
    match first.as_deref() {
        // The help of the program lists the settings of `serve`.
        Some("-h" | "--help" | "help") if args.len() == 2 => {
            documented().try_get_matches_from_mut(&args)?;
        }
        Some("-V" | "--version") => {}
        // A leading flag belongs to `serve`.
        None => args.insert(1, "serve".into()),
        Some(flag) if flag.starts_with('-') => args.insert(1, "serve".into()),
        Some(_) => {}
    }
    let mut command = plain();
    let matches = command.try_get_matches_from_mut(args)?;
    Cli::from_arg_matches(&matches).map(|cli| cli.command)
}

/// Prints an error of clap. An invalid setting is named by its variable.
fn explain(error: &clap::Error, origins: &Origins) -> ExitCode {
    if error.kind() == ErrorKind::ValueValidation
        && let Some(sentence) = setting_sentence(error)
    {
        eprintln!("error: {}", origins.locate(sentence));
        return ExitCode::from(USAGE);
    }
    // If standard error is closed, the message is lost.
    let _ = error.print();
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(USAGE))
}

fn setting_sentence(error: &clap::Error) -> Option<String> {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.as_str()),
        _ => None,
    };
    let argument = text(ContextKind::InvalidArg)?;
    let flag = argument.split([' ', '[', '=']).next()?;
    let given = text(ContextKind::InvalidValue)?;
    let command = documented();
    let all = std::iter::once(&command).chain(command.get_subcommands());
    let variable = all
        .flat_map(clap::Command::get_arguments)
        .find(|arg| arg.get_long() == flag.strip_prefix("--"))?
        .get_env()?
        .to_string_lossy()
        .into_owned();
    let why = std::error::Error::source(error)?;
    Some(format!("{variable}: {why}, got {given:?}"))
}

/// Prints the error with its causes.
fn fail(error: &anyhow::Error, origins: &Origins) -> ExitCode {
    log::print_error(&format!("error: {}", origins.locate(format!("{error:#}"))));
    ExitCode::FAILURE
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(args: &[&str]) -> Result<Command, clap::Error> {
        parse(std::iter::once("federation").chain(args.iter().copied()).map(Into::into).collect())
    }

    #[test]
    fn the_command_line_is_consistent() {
        documented().debug_assert();
        plain().debug_assert();
    }

    #[test]
    fn serve_is_the_default_command() {
        for args in [&[][..], &["--service-port", "9"], &["serve", "--service-port", "9"]] {
            assert!(matches!(parsed(args), Ok(Command::Serve(_))), "{args:?}");
        }
        assert!(parsed(&["nonsense"]).is_err());
    }

    #[test]
    fn a_flag_overrides_its_variable() {
        let args: Vec<OsString> =
            ["federation", "--service-port=9", "--keys-file", "f"].map(Into::into).into();
        for (variable, is_overridden) in [
            ("SERVICE_PORT", true),
            ("FEDERATION_KEYS_FILE", true),
            ("SERVICE_HOST", false),
            ("PATH", false),
        ] {
            assert_eq!(has_flag_of(&args, variable), is_overridden, "{variable}");
        }
    }

    #[test]
    fn an_invalid_value_is_reported_under_the_name_of_its_variable() {
        let error = parsed(&["--heartbeat-stale-threshold-seconds", "x"]).unwrap_err();
        assert_eq!(
            setting_sentence(&error).unwrap(),
            "HEARTBEAT_STALE_THRESHOLD_SECONDS: expected a number of seconds above 0, such as 30 or \
             0.5, got \"x\""
        );
    }
}
