//! The alerts file, `config/alerts.yaml`: channels, routes and metric rules.
//!
//! The file is checked as a whole, with the secrets that it refers to, before any of it is used.
//! `document` reads its shape and stops at the first error. Then the values are parsed, and all their
//! errors are reported with their positions.

mod channel;
mod document;
mod route;
mod rule;
mod secrets;

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};
use std::time::Duration;

use federation_domain::{ChannelName, MetricRule, Route};
use federation_notify::Channel;

use self::document::Document;
use self::rule::Rules;
use self::secrets::Secrets;
use crate::files;
use crate::files::yaml::{self, Position, Step, Values};

/// Size limit of the file, in bytes.
pub const MAX_BYTES: u64 = 1024 * 1024;

/// Limit on routes.
const MAX_ROUTES: usize = 200;

/// Limit on reported problems, so that a file of another kind does not flood the log.
const MAX_PROBLEMS: usize = 10;

/// The content of the file.
#[derive(Debug, Clone, Default)]
pub struct Alerts {
    /// Channels by name.
    pub channels: BTreeMap<ChannelName, Channel>,
    /// Routes, in the order of the file. Those without `group_wait` have none.
    routes: Vec<(Route, Option<Duration>)>,
    rules: Rules,
}

/// The setting `METRICS`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricsSwitch {
    /// The service takes in metrics.
    On,
    /// The service takes in no metrics, so there can be no rules about them.
    Off,
}

impl From<bool> for MetricsSwitch {
    fn from(is_on: bool) -> Self {
        if is_on { Self::On } else { Self::Off }
    }
}

impl Alerts {
    /// Returns the routes. `group_wait` applies to those that set none.
    #[must_use]
    pub fn routes(&self, group_wait: Duration) -> Vec<Route> {
        let complete = |(route, own): &(Route, Option<Duration>)| {
            let group_wait = time::Duration::try_from(own.unwrap_or(group_wait));
            Route { group_wait: group_wait.unwrap_or_default(), ..route.clone() }
        };
        self.routes.iter().map(complete).collect()
    }

    /// Returns the metric rules that apply: those of the file, and the built-in ones that it does
    /// not replace.
    #[must_use]
    pub fn rules(&self) -> Vec<MetricRule> {
        self.rules.all()
    }

    /// Returns the number of metric rules in the file.
    #[must_use]
    pub fn own_rules(&self) -> usize {
        self.rules.own.len()
    }
}

/// An error of the file.
#[derive(Debug, thiserror::Error)]
pub enum AlertsFileError {
    /// The file does not exist. The service then has no channels.
    #[error("{} does not exist", .0.display())]
    Missing(PathBuf),
    /// The file cannot be read.
    #[error("cannot read {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// The file is too large.
    #[error("{}: expected at most {MAX_BYTES} bytes, got more", .0.display())]
    TooLarge(PathBuf),
    /// The content is invalid. Has at least one problem, in the order of the file.
    #[error("{}", lines(.0))]
    Invalid(Vec<AlertsFileProblem>),
}

/// An invalid value in the file, shown as `config/alerts.yaml:7:11: channels[1].url: …`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertsFileProblem {
    file: String,
    position: Option<Position>,
    problem: String,
}

impl fmt::Display for AlertsFileProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.position {
            Some(Position { line, column }) => {
                write!(f, "{}:{line}:{column}: {}", self.file, self.problem)
            }
            None => write!(f, "{}: {}", self.file, self.problem),
        }
    }
}

fn lines(problems: &[AlertsFileProblem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// Watches the file.
pub(crate) type Watch = files::Watch<Alerts, AlertsFileError>;

/// Reads and checks the file.
///
/// # Errors
/// Fails if the file does not exist, cannot be read, or is invalid.
pub fn read(path: &Path, metrics: MetricsSwitch) -> Result<Alerts, AlertsFileError> {
    let bytes = files::read_at_most(path, MAX_BYTES).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => AlertsFileError::Missing(path.to_owned()),
        _ => AlertsFileError::Unreadable { path: path.to_owned(), source: error },
    })?;
    let bytes = bytes.ok_or_else(|| AlertsFileError::TooLarge(path.to_owned()))?;
    let folder = path.parent().unwrap_or(Path::new("."));
    parse(&path.display().to_string(), &bytes, &Secrets::of_process(folder), metrics)
}

/// Creates a watch that reports the file once and then after each change.
pub(crate) fn watch(path: PathBuf, metrics: MetricsSwitch) -> Watch {
    let read: fn(&Path) -> _ = match metrics {
        MetricsSwitch::On => |path| read(path, MetricsSwitch::On),
        MetricsSwitch::Off => |path| read(path, MetricsSwitch::Off),
    };
    Watch::new(path, read, |error| matches!(error, AlertsFileError::Unreadable { .. }))
}

/// Problems of values, with the path of each.
#[derive(Default)]
struct Problems(Vec<(Vec<Step>, String)>);

impl Problems {
    /// Records a problem of a field, or of the whole entry without one. The problem may start with
    /// the name of the field.
    fn add(&mut self, list: &str, at: usize, field: Option<&str>, problem: &str) {
        let mut path = vec![Step::Key(list.to_owned()), Step::Index(at)];
        path.extend(field.map(|field| Step::Key(field.to_owned())));
        let name = field.map(|field| format!(".{field}")).unwrap_or_default();
        let said = field.and_then(|field| problem.strip_prefix(&format!("{field}: ")));
        self.0.push((path, format!("{list}[{at}]{name}: {}", said.unwrap_or(problem))));
    }
}

fn parse(
    file: &str,
    bytes: &[u8],
    secrets: &Secrets<'_>,
    metrics: MetricsSwitch,
) -> Result<Alerts, AlertsFileError> {
    let problem =
        |position, problem| AlertsFileProblem { file: file.to_owned(), position, problem };
    let invalid = |position, text| AlertsFileError::Invalid(vec![problem(position, text)]);
    let text = yaml::decode(bytes).map_err(|(position, text)| invalid(Some(position), text))?;
    let document = yaml::read(text, PhantomData::<Option<Document>>).map_err(|error| {
        let (position, text) = yaml::explain(&error, Values::Hidden);
        invalid(position, text)
    })?;
    let Document { channels, routes, rules } = document.flatten().unwrap_or_default();
    let mut problems = Problems::default();
    let channels = channel::check(channels.unwrap_or_default(), secrets, &mut problems);
    let routes = route::check(routes.unwrap_or_default(), &channels, &mut problems);
    let rules = rules.unwrap_or_default();
    if metrics == MetricsSwitch::Off && !rules.is_empty() {
        let problem = "rules: expected none, because METRICS is off; remove them or set METRICS=on";
        problems.0.push((vec![Step::Key("rules".to_owned())], problem.to_owned()));
    }
    let rules = rule::check(rules, &mut problems);
    if problems.0.is_empty() {
        return Ok(Alerts { channels, routes, rules });
    }
    let more = problems.0.len().saturating_sub(MAX_PROBLEMS);
    let mut shown: Vec<_> = problems
        .0
        .into_iter()
        .take(MAX_PROBLEMS)
        .map(|(path, text_of_problem)| problem(yaml::find(text, &path), text_of_problem))
        .collect();
    if more > 0 {
        shown.push(problem(None, format!("and {more} more")));
    }
    Err(AlertsFileError::Invalid(shown))
}

#[cfg(test)]
mod tests;
