//! `federation migrate`.

use crate::settings::{DatabaseArgs, LogArgs};
use crate::store::Store;
use crate::{log, output};

/// Settings of `migrate`.
#[derive(Debug, clap::Args)]
pub struct MigrateArgs {
    /// The database.
    #[command(flatten)]
    pub database: DatabaseArgs,

    /// The log.
    #[command(flatten)]
    pub log: LogArgs,
}

/// Applies pending database migrations.
///
/// # Errors
/// Fails if the database cannot be reached or rejects a migration.
pub async fn run(args: MigrateArgs) -> anyhow::Result<()> {
    log::init(&args.log)?;
    let store = Store::open(&args.database.resolve()?)?;
    let versions = store.migrate().await?;
    Ok(output::print(&report(&versions))?)
}

fn report(versions: &[String]) -> String {
    if versions.is_empty() {
        return "the database is up to date".to_owned();
    }
    versions.iter().map(|version| format!("applied migration {version}\n")).collect()
}
