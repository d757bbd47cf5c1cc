//! `federation metrics`: sends and shows metrics of projects of a running service.

mod show;

use anyhow::{Context as _, bail};
use federation_domain::{MetricType, Slug};
use serde_json::{Map, Value, json};

use super::api_key::ApiKeyArgs;
use super::projects::client::{Client, ServiceResponse};
use crate::output;

/// Arguments of `metrics`.
#[derive(Debug, clap::Args)]
pub struct MetricsArgs {
    /// Connect to the service at this URL.
    #[arg(long, env = "FEDERATION_URL", value_name = "URL", global = true)]
    #[arg(help_heading = "Connection")]
    #[arg(default_value = "http://127.0.0.1:8001")]
    pub url: String,

    /// The API key.
    #[command(flatten)]
    pub key: ApiKeyArgs,

    /// Print the JSON response instead of text.
    #[arg(long, global = true, help_heading = "Output")]
    pub json: bool,

    /// The subcommand.
    #[command(subcommand)]
    pub command: MetricsCommand,
}

/// Subcommands of `metrics`.
#[derive(Debug, clap::Subcommand)]
pub enum MetricsCommand {
    /// Send values of metrics of a project.
    Send {
        /// Slug of the project.
        #[arg(value_parser = Slug::parse)]
        slug: Slug,

        /// Values, such as coverage.percent=84.2. A value that is neither a number nor true or false
        /// is a text; put it in double quotes to send a number as a text.
        #[arg(required = true, value_name = "TYPE=VALUE", value_parser = assignment)]
        values: Vec<(MetricType, Value)>,

        /// Time at which the values were observed, such as 2026-11-28T12:00:00Z [default: now].
        #[arg(long, value_name = "TIME")]
        at: Option<String>,
    },
    /// Show the newest values of a project, or the history of some of its metrics.
    Show {
        /// Slug of the project.
        #[arg(value_parser = Slug::parse)]
        slug: Slug,

        /// Show the history of this metric; may be repeated.
        #[arg(long = "type", value_name = "TYPE", value_parser = MetricType::parse)]
        types: Vec<MetricType>,

        /// Show the course since this time: a duration such as 24h, or a time [default: 24h].
        #[arg(long, value_name = "TIME", requires = "types")]
        since: Option<String>,

        /// Show a point for each step, such as 5m [default: chosen for the range].
        #[arg(long, value_name = "DURATION", requires = "types")]
        step: Option<String>,

        /// Reduce the samples of a step by avg, min, max, last, sum or count [default: avg].
        #[arg(long, value_name = "FUNCTION", requires = "types")]
        agg: Option<String>,
    },
    /// Show the newest value of a metric in each project that reports it.
    List {
        /// Type of the metric, such as coverage.percent.
        #[arg(value_name = "TYPE", value_parser = MetricType::parse)]
        metric: MetricType,

        /// Order: slug, value, or -value for the largest first [default: slug].
        #[arg(long, value_name = "ORDER", allow_hyphen_values = true)]
        sort: Option<String>,

        /// Show at most this many projects, up to 1000 [default: 100].
        #[arg(long, value_name = "N")]
        limit: Option<u32>,
    },
}

/// Runs the subcommand.
///
/// # Errors
/// Fails if the service cannot be reached or rejects the request.
pub fn run(args: &MetricsArgs) -> anyhow::Result<()> {
    let client = Client::new(&args.url)?.with_key(&args.key)?;
    match &args.command {
        MetricsCommand::Send { slug, values, at } => {
            let mut metrics = Map::new();
            for (metric, value) in values {
                if metrics.insert(metric.to_string(), value.clone()).is_some() {
                    bail!("{metric}: expected each metric once, got it twice");
                }
            }
            let mut body = json!({ "metrics": metrics });
            if let Some(at) = at {
                body["observed_at"] = Value::from(at.as_str());
            }
            accepted(client.post(&format!("/api/fed/projects/{slug}/metrics"), body.to_string())?)?;
            if !args.json {
                output::print(&format!("sent {} of {slug}", counted(values.len())))?;
            }
            Ok(())
        }
        MetricsCommand::List { metric, sort, limit } => {
            let mut query = url::form_urlencoded::Serializer::new(String::new());
            query.append_pair("type", metric.as_str());
            if let Some(sort) = sort {
                query.append_pair("sort", sort);
            }
            if let Some(limit) = limit {
                query.append_pair("limit", &limit.to_string());
            }
            let answer = client.get(&format!("/api/fed/metrics?{}", query.finish()))?;
            print(args, &accepted(answer)?, show::across)
        }
        MetricsCommand::Show { slug, types, since, step, agg } => {
            let query = query(types, [("step", step), ("agg", agg)], since.as_deref());
            let answer = accepted(client.get(&format!("/api/fed/metrics/{slug}{query}"))?)?;
            print(args, &answer, |body| {
                if types.is_empty() {
                    show::newest(body)
                } else {
                    show::course(body, output::columns())
                }
            })
        }
    }
}

/// Prints a response as it is, or as text for people.
fn print(
    args: &MetricsArgs,
    answer: &ServiceResponse,
    for_people: impl FnOnce(&Value) -> String,
) -> anyhow::Result<()> {
    if args.json {
        return Ok(output::print(answer.body())?);
    }
    let context = "expected JSON in the response; is this URL the federation service?";
    Ok(output::print(&for_people(&answer.json().context(context)?))?)
}

fn counted(metrics: usize) -> String {
    if metrics == 1 { "1 metric".to_owned() } else { format!("{metrics} metrics") }
}

/// Returns the query. The service checks its values.
fn query(types: &[MetricType], given: [(&str, &Option<String>); 2], since: Option<&str>) -> String {
    if types.is_empty() {
        return String::new();
    }
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    for metric in types {
        query.append_pair("type", metric.as_str());
    }
    if let Some(since) = since {
        // A duration counts back from now.
        let is_duration = since.ends_with(['s', 'm', 'h', 'd', 'w']);
        let from = if is_duration { format!("-{since}") } else { since.to_owned() };
        query.append_pair("from", &from);
    }
    for (name, value) in given {
        if let Some(value) = value {
            query.append_pair(name, value);
        }
    }
    format!("?{}", query.finish())
}

fn accepted(answer: ServiceResponse) -> anyhow::Result<ServiceResponse> {
    if answer.is_success() { Ok(answer) } else { bail!("{}", answer.problem()) }
}

/// Parses `TYPE=VALUE`.
fn assignment(text: &str) -> Result<(MetricType, Value), String> {
    let (metric, value) = text.split_once('=').ok_or_else(|| {
        format!("expected TYPE=VALUE, such as coverage.percent=84.2, got {text:?}")
    })?;
    let metric = MetricType::parse(metric).map_err(|error| error.to_string())?;
    let parsed = serde_json::from_str(value)
        .ok()
        .filter(|value: &Value| value.is_number() || value.is_boolean() || value.is_string());
    Ok((metric, parsed.unwrap_or_else(|| Value::from(value))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_a_number_a_boolean_or_a_text() {
        for (text, expected) in [
            ("a.b=84.2", json!(84.2)),
            ("a.b=-1e3", json!(-1e3)),
            ("a.b=true", json!(true)),
            ("a.b=1.4.0", json!("1.4.0")),
            ("a.b=\"12\"", json!("12")),
            ("a.b=x=y", json!("x=y")),
            ("a.b=[1]", json!("[1]")),
            ("a.b=", json!("")),
        ] {
            let (metric, value) = assignment(text).unwrap();
            assert_eq!((metric.as_str(), value), ("a.b", expected), "{text}");
        }
        for bad in ["a.b", "A=1", "=1"] {
            assert!(assignment(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_duration_counts_back_from_now() {
        let types = [MetricType::parse("a.b").unwrap()];
        let step = Some("5m".to_owned());
        let of = |since| query(&types, [("step", &step), ("agg", &None)], since);
        assert_eq!(of(Some("24h")), "?type=a.b&from=-24h&step=5m");
        assert_eq!(
            of(Some("2026-11-28T12:00:00Z")),
            "?type=a.b&from=2026-11-28T12%3A00%3A00Z&step=5m"
        );
        assert_eq!(query(&[], [("step", &step), ("agg", &None)], None), "");
    }
}
