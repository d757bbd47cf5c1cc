//! Settings from flags, the environment and a `.env` file.
//!
//! Each section has arguments parsed by clap (`…Args`) and a `resolve` method that checks them and
//! returns the values that the program uses, or an error that names the setting. Text that may
//! contain a password is a [`Secret`], which clap accepts unchecked, so no error of clap repeats it.
//!
//! `reference.rs` generates docs/CONFIGURATION.md and .env.example from these arguments.

pub mod alerts;
pub(crate) mod api_keys;
pub mod bus;
pub mod catalog;
pub mod database;
pub mod fanout;
pub mod http;
pub mod incidents;
pub mod liveness;
pub mod log;
pub mod metrics;
pub mod publisher;
pub mod value;

use std::path::PathBuf;
use std::time::Duration;

use federation_application::SeriesSettings;
use federation_domain::{IncidentRule, LivenessRule};
use federation_http::HttpSettings;
use federation_nats::{NatsSettings, PlainSubjects};

pub use self::alerts::{AlertsArgs, AlertsSettings};
pub use self::bus::BusArgs;
pub use self::catalog::CatalogArgs;
pub use self::database::{Database, DatabaseArgs};
pub use self::fanout::{FanoutArgs, FanoutSettings};
pub use self::http::{AuthSettings, ClientSettings, HttpArgs};
pub use self::incidents::IncidentArgs;
pub use self::liveness::LivenessArgs;
pub use self::log::{LogArgs, LogFormat, LogLevel};
pub use self::metrics::MetricsArgs;
pub use self::publisher::{Publisher, PublisherArgs};
pub use self::value::{Secret, SettingError};

/// Settings of `federation serve`, before they are checked.
#[derive(Debug, Clone, clap::Args)]
pub struct ServeArgs {
    /// The database.
    #[command(flatten)]
    pub database: DatabaseArgs,

    /// Apply pending database migrations at start.
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

    /// Incidents.
    #[command(flatten)]
    pub incidents: IncidentArgs,

    /// The metrics of projects.
    #[command(flatten)]
    pub metrics: MetricsArgs,

    /// Fan-out of actions.
    #[command(flatten)]
    pub fanout: FanoutArgs,
    /// Notifications.
    #[command(flatten)]
    pub alerts: AlertsArgs,

    /// The log.
    #[command(flatten)]
    pub log: LogArgs,
}

/// Checked settings of the service.
#[derive(Debug, Clone)]
pub struct ServeSettings {
    /// Database of the catalog.
    pub database: Database,
    /// Apply pending migrations at start.
    pub auto_migrate: bool,
    /// NATS connection, to be [checked](bus::check). `None` runs without NATS.
    pub bus: Option<NatsSettings>,
    /// Address to listen on.
    pub http: HttpSettings,
    /// Properties of the REST API that depend on its clients.
    pub clients: ClientSettings,
    /// Time between the signal to stop and the end of the REST API.
    pub shutdown_delay: Duration,
    /// API keys. `None` allows anonymous access.
    pub auth: Option<AuthSettings>,
    /// The projects file.
    pub projects_file: PathBuf,
    /// Remove projects that leave the projects file.
    pub projects_file_prune: bool,
    /// Register unknown projects from their heartbeats.
    pub auto_register: bool,
    /// Listened time without a heartbeat after which a project that registered itself is removed.
    /// `None` keeps it.
    pub auto_register_expire: Option<Duration>,
    /// Maximum number of projects.
    pub max_projects: usize,
    /// Retention of entries of the change log.
    pub change_retention: Duration,
    /// Ask projects at their hub URLs.
    pub verify_endpoints: bool,
    /// Answer catalog queries over NATS.
    pub catalog_on_nats: bool,
    /// Acceptance of messages on subjects that no project owns.
    pub plain_subjects: PlainSubjects,
    /// Maximum number of projects in one graph.
    pub graph_max_nodes: usize,
    /// Ping a silent project before it is reported offline.
    pub probe_before_offline: bool,
    /// Metrics that projects report. `None` switches them off.
    pub metrics: Option<SeriesSettings>,
    /// Serve `/metrics/projects`.
    pub export_project_metrics: bool,
    /// Fan-out of actions. `None` switches it off.
    pub fanout: Option<FanoutSettings>,
    /// Channels and routes of notifications.
    pub alerts: AlertsSettings,
    /// Rule for degraded and offline projects.
    pub rule: LivenessRule,
    /// Rule for incidents.
    pub incidents: IncidentRule,
    /// Names of obsolete settings that are set.
    pub obsolete: Vec<&'static str>,
}

impl ServeArgs {
    /// Checks all settings.
    ///
    /// # Errors
    /// Returns the first invalid setting.
    pub fn resolve(self) -> Result<ServeSettings, SettingError> {
        let obsolete = self.liveness.heartbeat_stale_check_interval_seconds.as_ref();
        let bus = self.bus.resolve();
        Ok(ServeSettings {
            database: self.database.resolve()?,
            auto_migrate: self.auto_migrate,
            probe_before_offline: self.liveness.probes(bus.is_some())?,
            fanout: self.fanout.resolve(bus.is_some())?,
            bus,
            http: self.http.resolve()?,
            auth: self.http.auth()?,
            clients: self.http.clients()?,
            shutdown_delay: self.http.shutdown_delay,
            metrics: self.metrics.resolve()?,
            plain_subjects: self.metrics.plain_subjects,
            export_project_metrics: self.metrics.export_project_metrics,
            rule: self.liveness.resolve()?,
            incidents: self.incidents.rule(),
            alerts: self.alerts.resolve(),
            obsolete: obsolete
                .map(|_| "HEARTBEAT_STALE_CHECK_INTERVAL_SECONDS")
                .into_iter()
                .collect(),
            projects_file: self.catalog.projects_file,
            projects_file_prune: self.catalog.projects_file_prune,
            auto_register: self.catalog.auto_register,
            auto_register_expire: Some(self.catalog.auto_register_expire)
                .filter(|expire| !expire.is_zero()),
            max_projects: self.catalog.max_projects,
            change_retention: self.catalog.change_retention,
            verify_endpoints: self.catalog.verify_endpoints,
            catalog_on_nats: self.catalog.catalog_on_nats,
            graph_max_nodes: usize::try_from(self.catalog.graph_max_nodes).unwrap_or(usize::MAX),
        })
    }
}
