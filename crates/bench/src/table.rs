//! The whole table: each figure beside its limit, measured in one run.

mod cost;
mod figures;
mod generator;
mod line;
mod postgres;
mod process;
mod rows;
mod world;

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::ValueEnum as _;
use serde_json::json;

use self::line::Line;
use self::rows::Row;
use self::world::World;

/// Arguments of `table`.
#[derive(Debug, clap::Args)]
pub(crate) struct TableArgs {
    /// Which rows [default: all].
    #[arg(value_enum, value_name = "ROW")]
    rows: Vec<Row>,

    /// Shorter times, and 100,000 projects where it is a million.
    #[arg(long)]
    quick: bool,

    /// Also write all figures here.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,

    /// The service, built for release.
    #[arg(long, value_name = "PATH")]
    binary: PathBuf,

    /// Where the generator is taken from, as when an older service is measured [default: the same].
    #[arg(long, value_name = "PATH")]
    generator: Option<PathBuf>,

    /// The NATS server.
    #[arg(long, value_name = "PATH", env = "NATS_SERVER")]
    nats_server: PathBuf,

    /// The folder of Postgres' programs (psql, pgbench).
    #[arg(long, value_name = "FOLDER")]
    postgres_bin: PathBuf,

    /// A Postgres cluster that writes to disk (fsync) and that nobody else uses now.
    #[arg(long, value_name = "URL")]
    postgres_url: String,
}

/// Measures, prints, and fails where a row could not be measured; a target that is missed is no
/// failure.
pub(crate) fn run(args: &TableArgs) -> anyhow::Result<()> {
    let rows = if args.rows.is_empty() { Row::value_variants() } else { &args.rows };
    let world = World::new(args)?;
    let before = load_average();
    let mut lines = Vec::new();
    let mut failures = Vec::new();
    for row in rows {
        eprintln!("measuring {row}");
        match row.measure(&world) {
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
            "quick": args.quick,
            "lines": lines.iter().map(Line::to_json).collect::<Vec<_>>(),
            "failures": failures,
        });
        std::fs::write(file, serde_json::to_string_pretty(&whole)?)
            .with_context(|| format!("writing {}", file.display()))?;
    }
    if !failures.is_empty() {
        bail!("could not be measured:\n  {}", failures.join("\n  "));
    }
    Ok(())
}

fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Over one minute: a busy machine has other figures.
fn load_average() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or("?").to_owned()
}
