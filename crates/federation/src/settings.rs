//! Settings, from the environment, a file `.env` or flags.
//!
//! Each section has what was given (`…Args`, read by clap) and a `resolve` that turns it into
//! what the program uses, or into an error that names the setting. Texts that may bear a password
//! are [`Secret`]s, which clap takes as they are, so that no error message of clap repeats them.

pub(crate) mod api_keys;
pub mod bus;
pub mod catalog;
pub mod database;
pub mod http;
pub mod liveness;
pub mod log;
pub mod publisher;
pub mod value;

use std::path::PathBuf;

use federation_domain::LivenessRule;
use federation_http::HttpSettings;
use federation_nats::NatsSettings;

pub use self::bus::BusArgs;
pub use self::catalog::CatalogArgs;
pub use self::database::{Database, DatabaseArgs};
pub use self::http::{AuthSettings, HttpArgs};
pub use self::liveness::LivenessArgs;
pub use self::log::{LogArgs, LogFormat, LogLevel};
pub use self::publisher::{Publisher, PublisherArgs};
pub use self::value::{Secret, SettingError};

/// Settings of `federation serve`, as given.
#[derive(Debug, Clone, clap::Args)]
pub struct ServeArgs {
    /// The database.
    #[command(flatten)]
    pub database: DatabaseArgs,

    /// Whether the database is brought to the newest form at start.
    #[arg(long, env, value_name = "BOOL", value_parser = value::boolean, default_value = "true")]
    #[arg(num_args = 0..=1, default_missing_value = "true", help_heading = "Database")]
    pub auto_migrate: bool,

    /// The bus.
    #[command(flatten)]
    pub bus: BusArgs,

    /// The REST API.
    #[command(flatten)]
    pub http: HttpArgs,

    /// The catalog.
    #[command(flatten)]
    pub catalog: CatalogArgs,

    /// The liveness rule.
    #[command(flatten)]
    pub liveness: LivenessArgs,

    /// The log.
    #[command(flatten)]
    pub log: LogArgs,
}

/// Settings of the service, checked.
#[derive(Debug, Clone)]
pub struct ServeSettings {
    /// Where the catalog is kept.
    pub database: Database,
    /// Whether to migrate at start.
    pub auto_migrate: bool,
    /// How to reach NATS, yet to be [checked](bus::check); none where the bus is switched off.
    pub bus: Option<NatsSettings>,
    /// Where to listen, checked for exposure.
    pub http: HttpSettings,
    /// Who may use the API; none: everyone.
    pub auth: Option<AuthSettings>,
    /// The static list of projects.
    pub projects_file: PathBuf,
    /// Whether projects that leave it are removed.
    pub projects_file_prune: bool,
    /// Whether unknown projects register themselves by their heartbeats.
    pub auto_register: bool,
    /// Whether the catalog can be asked over NATS.
    pub catalog_on_nats: bool,
    /// Whether silent projects are asked directly before they are called offline.
    pub probe_before_offline: bool,
    /// When a silent project is degraded and offline.
    pub rule: LivenessRule,
    /// Names of settings that are given and have no effect any more; for one line in the log.
    pub obsolete: Vec<&'static str>,
}

impl ServeArgs {
    /// The settings, checked whole.
    ///
    /// # Errors
    /// The first setting that does not work.
    pub fn resolve(self) -> Result<ServeSettings, SettingError> {
        let obsolete = self.liveness.heartbeat_stale_check_interval_seconds.as_ref();
        let bus = self.bus.resolve();
        Ok(ServeSettings {
            database: self.database.resolve()?,
            auto_migrate: self.auto_migrate,
            probe_before_offline: self.liveness.probes(bus.is_some())?,
            bus,
            http: self.http.resolve()?,
            auth: self.http.auth()?,
            rule: self.liveness.resolve()?,
            obsolete: obsolete
                .map(|_| "HEARTBEAT_STALE_CHECK_INTERVAL_SECONDS")
                .into_iter()
                .collect(),
            projects_file: self.catalog.projects_file,
            projects_file_prune: self.catalog.projects_file_prune,
            auto_register: self.catalog.auto_register,
            catalog_on_nats: self.catalog.catalog_on_nats,
        })
    }
}
