//! The table, which compares the service with the reference programs in one run.

mod environment;
mod figures;
mod generator;
mod line;
mod postgres;
mod process;
mod rows;

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::ValueEnum as _;
use serde_json::json;

use self::environment::{Environment, EnvironmentArgs};
use self::line::Line;
use self::rows::Row;

/// Arguments of `table`.
#[derive(Debug, clap::Args)]
pub(crate) struct TableArgs {
    /// Measure these rows [default: all].
    #[arg(value_enum, value_name = "ROW")]
    rows: Vec<Row>,

    /// Also write the results to this file.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,

    /// The processes to measure.
    #[command(flatten)]
    environment: EnvironmentArgs,
}

/// Measures the rows and prints the table.
///
/// # Errors
/// Fails if a row could not be measured. A missed target is not an error.
pub(crate) fn run(args: &TableArgs) -> anyhow::Result<()> {
    let rows = if args.rows.is_empty() { Row::value_variants() } else { &args.rows };
    let environment = Environment::new(&args.environment)?;
    let before = load_average();
    let mut lines = Vec::new();
    let mut failures = Vec::new();
    for row in rows {
        eprintln!("measuring {row}");
        match row.measure(&environment) {
            Ok(measured) => lines.extend(measured),
            Err(error) => failures.push(format!("{row}: {error:#}")),
        }
    }
    println!("{}", line::table(&lines));
    println!("{} processors, load {before} before, {} after", processors(), load_average());
    if let Some(file) = &args.json {
        let whole = json!({
            "processors": processors(),
            "load_before": before,
            "load_after": load_average(),
            "quick": args.environment.quick,
            "lines": lines.iter().map(Line::to_json).collect::<Vec<_>>(),
            "failures": failures,
        });
        std::fs::write(file, serde_json::to_string_pretty(&whole)?)
            .with_context(|| format!("writing {}", file.display()))?;
    }
    if !failures.is_empty() {
        bail!("some rows could not be measured:\n  {}", failures.join("\n  "));
    }
    Ok(())
}

fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Returns the load average over one minute. The results of a busy machine are not comparable.
fn load_average() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or("?").to_owned()
}
