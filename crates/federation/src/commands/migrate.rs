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

/// Brings the database to the newest form.
///
/// # Errors
/// When it cannot be reached, or refuses.
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
    versions.iter().map(|version| format!("migrated to {version}\n")).collect()
}
