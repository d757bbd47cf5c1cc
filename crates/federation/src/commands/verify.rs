//! `federation verify`.

use std::sync::Arc;

use anyhow::{Context as _, bail};
use federation_application::{SystemClock, probe_all};
use federation_domain::{EndpointAnswer, HubUrl, Slug, Unreachable};
use federation_notify::{HttpProbe, OutboundPolicy, PROBE_TIMEOUT};
use serde_json::{Value, json};

use super::graph::ConnectionArgs;
use super::projects::table::{bare, text, trimmed};
use super::projects::{accepted, json as json_of};
use crate::output;
use crate::settings::value::boolean;

/// Arguments of `verify`.
#[derive(Debug, clap::Args)]
pub struct VerifyArgs {
    /// Slugs of the projects [default: all].
    #[arg(value_name = "SLUG", value_parser = Slug::parse)]
    slugs: Vec<Slug>,

    #[command(flatten)]
    connection: ConnectionArgs,

    /// Permit connections to loopback and private addresses.
    #[arg(long, env, value_name = "BOOL", value_parser = boolean, default_value = "true")]
    #[arg(num_args = 0..=1, default_missing_value = "true")]
    outbound_private: bool,

    /// Print JSON instead of a table.
    #[arg(long, help_heading = "Output")]
    json: bool,
}

type Answer = Result<EndpointAnswer, Unreachable>;

/// Asks projects and prints their answers.
///
/// # Errors
/// Fails if the service cannot be reached, a slug is unknown or a project is not reachable.
pub async fn run(args: VerifyArgs) -> anyhow::Result<()> {
    let projects = projects(&args)?;
    let policy = OutboundPolicy { allow_private: args.outbound_private };
    let clock = Arc::new(SystemClock::start());
    let probe = HttpProbe::new(policy, PROBE_TIMEOUT, clock);
    let (slugs, hub_urls): (Vec<_>, Vec<_>) = projects.into_iter().unzip();
    let answers = probe_all(&probe, hub_urls).await;
    let verified: Value = slugs.iter().zip(&answers).map(|(slug, one)| shown(slug, one)).collect();
    output::print(&if args.json { verified.to_string() } else { table_of(&verified) })?;
    match answers.iter().filter(|answer| answer.is_err()).count() {
        0 => Ok(()),
        count => bail!("{count} of {} projects cannot be reached", answers.len()),
    }
}

/// Returns slugs and hub URLs of the projects to ask, in order of the slugs.
fn projects(args: &VerifyArgs) -> anyhow::Result<Vec<(String, HubUrl)>> {
    let client = args.connection.client()?;
    let listed =
        json_of(&accepted(client.get("/api/fed/projects?fields=slug,hub_url&sort=slug")?)?)?;
    let listed = listed.as_array().context("expected a list of projects in the response")?;
    let mut projects = Vec::new();
    for project in listed {
        let text = |key: &str| project[key].as_str().unwrap_or_default();
        let slug = text("slug");
        if args.slugs.is_empty() || args.slugs.iter().any(|wanted| wanted.as_str() == slug) {
            projects.push((slug.to_owned(), HubUrl::parse(text("hub_url"))?));
        }
    }
    let is_listed = |slug: &Slug| projects.iter().any(|(known, _)| known == slug.as_str());
    if let Some(unknown) = args.slugs.iter().find(|slug| !is_listed(slug)) {
        bail!("project '{unknown}' not found");
    }
    Ok(projects)
}

fn shown(slug: &str, answer: &Answer) -> Value {
    let reached = answer.as_ref().ok();
    let endpoints = reached.into_iter().flat_map(|answer| answer.endpoints.iter().cloned());
    let endpoints = endpoints.map(|(name, path)| (name, Value::from(path)));
    json!({
        "slug": slug,
        "reachable": reached.is_some(),
        "failure": answer.as_ref().err().map(|error| &error.reason),
        "latency_ms": reached.map(EndpointAnswer::latency_ms),
        "version": reached.and_then(|answer| answer.facts.version()),
        "tools": reached.map_or(&[][..], |answer| answer.facts.tools()),
        "endpoints": endpoints.collect::<serde_json::Map<_, _>>(),
    })
}

/// Formats a line per project.
fn table_of(verified: &Value) -> String {
    let mut table = bare();
    table.set_header(["SLUG", "REACHABLE", "LATENCY", "VERSION", "TOOLS", "FAILURE"]);
    for one in verified.as_array().into_iter().flatten() {
        let latency = one["latency_ms"].as_f64().map(|latency| format!("{latency:.0} ms"));
        table.add_row([
            text(&one["slug"]),
            if one["reachable"] == true { "yes" } else { "no" }.to_owned(),
            latency.unwrap_or_else(|| "-".to_owned()),
            text(&one["version"]),
            text(&one["tools"]),
            text(&one["failure"]),
        ]);
    }
    trimmed(&table)
}
