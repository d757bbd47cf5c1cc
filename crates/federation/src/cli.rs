//! The command line: which subcommand runs, and what is said when it cannot.

use std::ffi::OsString;
use std::future::Future;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::builder::Resettable;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Args as _, CommandFactory as _, FromArgMatches as _};

use crate::commands::{bench, completions, config, health, heartbeat, keys, migrate, projects};
use crate::settings::{ServeArgs, api_keys};
use crate::{dotenv, log, serve};

/// Exit code of a command line that is not understood.
const USAGE: u8 = 2;

/// How long calls that block may take to finish at the end, when nobody needs their results.
const RUNTIME_END: Duration = Duration::from_millis(500);

/// Knows every project of a federation, and whether it is alive.
///
/// Settings come from flags, from the environment and from a file .env in the working directory;
/// each goes before those named after it. An empty variable counts as unset.
#[derive(Debug, clap::Parser)]
#[command(name = "federation", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// What to do; without a subcommand: `serve`.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Run the service (also without a subcommand).
    Serve(Box<ServeArgs>),
    /// Bring the database to the newest form.
    Migrate(migrate::MigrateArgs),
    /// Publish heartbeats over NATS for one project, until told to end.
    Heartbeat(heartbeat::HeartbeatArgs),
    /// Check files of settings.
    #[command(subcommand)]
    Config(config::ConfigCommand),
    /// Ask a running service for its projects, and change them.
    Projects(projects::ProjectsArgs),
    /// Make, list and take back API keys, in the file that the service reads.
    Keys(keys::KeysArgs),
    /// Ask a running service whether it is ready; exit code 0 or 1, for health checks.
    Health(health::HealthArgs),
    /// Measure a running service: how much it takes in, how fast it answers.
    #[command(subcommand)]
    Bench(bench::BenchCommand),
    /// Print completions for a shell.
    Completions(completions::CompletionsArgs),
}

/// Runs the program: loads `.env`, parses the arguments, does what they say.
///
/// Exit codes: 0 done, 1 failed or refused, 2 not understood.
#[must_use]
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    if let Err(error) = dotenv::load(Path::new(".env")) {
        return fail(&error);
    }
    let code = match parse(args.into_iter().collect()) {
        Ok(command) => run(command).unwrap_or_else(|error| fail(&error)),
        Err(error) => explain(&error),
    };
    log::flush();
    code
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
        Command::Keys(args) => keys::run(&args)?,
        Command::Health(args) => health::run(&args)?,
        Command::Bench(command) => bench::run(command)?,
        Command::Completions(args) => completions::run(&args)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn block_on(work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("the runtime cannot start")?;
    let done = runtime.block_on(work);
    // Dropped, it would wait without limit for calls that block, such as those of a file's store.
    runtime.shutdown_timeout(RUNTIME_END);
    done
}

/// The whole command line, with the settings of `serve` at the top too, for help and completions.
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

fn plain() -> clap::Command {
    Cli::command().mut_subcommands(prepare)
}

/// Values of the environment are kept out of help texts, and empty ones count as unset, but for
/// settings that protect the API.
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
        // Help at the top lists the settings of `serve`.
        Some("-h" | "--help" | "help") if args.len() == 2 => {
            documented().try_get_matches_from_mut(&args)?;
        }
        Some("-V" | "--version") => {}
        // A flag in front belongs to `serve`, which need not be named.
        None => args.insert(1, "serve".into()),
        Some(flag) if flag.starts_with('-') => args.insert(1, "serve".into()),
        Some(_) => {}
    }
    let mut command = plain();
    let matches = command.try_get_matches_from_mut(args)?;
    Cli::from_arg_matches(&matches).map(|cli| cli.command)
}

/// Says what clap found; a value of a setting is named by its variable, where it may come from.
fn explain(error: &clap::Error) -> ExitCode {
    if error.kind() == ErrorKind::ValueValidation
        && let Some(sentence) = setting_sentence(error)
    {
        eprintln!("error: {sentence}");
        return ExitCode::from(USAGE);
    }
    // Where the terminal has gone away there is nobody left to tell.
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
    Some(format!("{variable}: {given:?} does not work: {why}"))
}

/// Prints the error with its chain in one line; an error of several lines keeps them.
fn fail(error: &anyhow::Error) -> ExitCode {
    log::print_error(&format!("error: {error:#}"));
    ExitCode::FAILURE
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(args: &[&str]) -> Result<Command, clap::Error> {
        parse(std::iter::once("federation").chain(args.iter().copied()).map(Into::into).collect())
    }

    #[test]
    fn the_definition_of_the_command_line_holds() {
        documented().debug_assert();
        plain().debug_assert();
    }

    #[test]
    fn without_a_subcommand_it_serves() {
        for args in [&[][..], &["--service-port", "9"], &["serve", "--service-port", "9"]] {
            assert!(matches!(parsed(args), Ok(Command::Serve(_))), "{args:?}");
        }
        assert!(parsed(&["nonsense"]).is_err());
    }

    #[test]
    fn a_wrong_value_is_explained_by_the_name_of_its_variable() {
        let error = parsed(&["--heartbeat-stale-threshold-seconds", "x"]).unwrap_err();
        assert_eq!(
            setting_sentence(&error).unwrap(),
            "HEARTBEAT_STALE_THRESHOLD_SECONDS: \"x\" does not work: seconds above 0, such as 30 or \
             0.5, are allowed"
        );
    }
}
