//! `federation graph` and `federation impact`.

mod tree;

use std::io::IsTerminal as _;

use clap::ValueEnum;
use federation_domain::{Slug, Strength};
use serde_json::Value;

use super::api_key::ApiKeyArgs;
use super::projects::client::Client;
use super::projects::table::{ago, bare, now, text, trimmed};
use super::projects::{accepted, json};
use crate::output;

/// Connection to the service.
#[derive(Debug, clap::Args)]
pub struct ConnectionArgs {
    /// Connect to the service at this URL.
    #[arg(long, env = "FEDERATION_URL", value_name = "URL", global = true)]
    #[arg(help_heading = "Connection")]
    #[arg(default_value = "http://127.0.0.1:8001")]
    pub url: String,

    /// The API key.
    #[command(flatten)]
    pub key: ApiKeyArgs,
}

impl ConnectionArgs {
    pub(super) fn client(&self) -> anyhow::Result<Client> {
        Client::new(&self.url)?.with_key(&self.key)
    }
}

/// Arguments of `graph`.
#[derive(Debug, clap::Args)]
pub struct GraphArgs {
    #[command(flatten)]
    connection: ConnectionArgs,

    /// Show only the neighbourhood of this project.
    #[arg(long, value_name = "SLUG", value_parser = Slug::parse)]
    around: Option<Slug>,

    /// Show projects at most this many edges away from the one in --around.
    #[arg(long, value_name = "N", requires = "around", default_value_t = 1)]
    #[arg(value_parser = clap::value_parser!(u8).range(1..=20))]
    depth: u8,

    /// Show only edges of at least this strength.
    #[arg(long, value_name = "0..1", value_parser = strength)]
    min_strength: Option<Strength>,

    /// Show stale edges and edges to projects that are not registered too.
    #[arg(long)]
    all: bool,

    /// Format of the output.
    #[arg(long, value_enum, default_value_t = OutputFormat::Text, help_heading = "Output")]
    format: OutputFormat,
}

/// Format of the output of `graph`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum OutputFormat {
    /// A table for people.
    Text,
    /// The JSON response.
    Json,
    /// Graphviz.
    Dot,
    /// GraphML.
    Graphml,
    /// A Mermaid flowchart.
    Mermaid,
}

impl OutputFormat {
    fn parameter(self) -> &'static str {
        match self {
            Self::Text | Self::Json => "json",
            Self::Dot => "dot",
            Self::Graphml => "graphml",
            Self::Mermaid => "mermaid",
        }
    }
}

pub(super) fn strength(text: &str) -> Result<Strength, String> {
    let number = text.parse().map_err(|_| "expected a number from 0 to 1".to_owned())?;
    Strength::new(number).map_err(|_| "expected a number from 0 to 1".to_owned())
}

/// Runs `graph`.
///
/// # Errors
/// Fails if the service cannot be reached or rejects the request.
pub fn run(args: &GraphArgs) -> anyhow::Result<()> {
    let mut path = format!("/api/fed/graph?format={}", args.format.parameter());
    if let Some(around) = &args.around {
        path.push_str(&format!("&around={around}&depth={}", args.depth));
    }
    if let Some(strength) = args.min_strength {
        path.push_str(&format!("&min_strength={strength}"));
    }
    if args.all {
        path.push_str("&include=stale,unresolved");
    }
    let answer = accepted(args.connection.client()?.get(&path)?)?;
    let shown = match args.format {
        OutputFormat::Text => table_of(&json(&answer)?),
        _ => answer.body().to_owned(),
    };
    Ok(output::print(&shown)?)
}

/// Formats a line per edge.
fn table_of(graph: &Value) -> String {
    let edges = graph["edges"].as_array().map(Vec::as_slice).unwrap_or_default();
    if edges.is_empty() {
        return "no edges".to_owned();
    }
    let mut table = bare();
    table.set_header(["FROM", "TO", "KIND", "STRENGTH", "SOURCES", "LAST SEEN"]);
    let now = now();
    for edge in edges {
        let seen = ago(&edge["last_seen_at"], now);
        let is_stale = edge["stale"].as_bool() == Some(true);
        table.add_row([
            text(&edge["from"]),
            text(&edge["to"]),
            text(&edge["kind"]),
            text(&edge["strength"]),
            text(&edge["sources"]),
            if is_stale { format!("{seen} (stale)") } else { seen },
        ]);
    }
    trimmed(&table)
}

/// Arguments of `impact`.
#[derive(Debug, clap::Args)]
pub struct ImpactArgs {
    #[command(flatten)]
    connection: ConnectionArgs,

    /// Slug of the project.
    #[arg(value_parser = Slug::parse)]
    slug: Slug,

    /// Show the projects that it needs instead of those that it affects.
    #[arg(long)]
    needs: bool,

    /// Print the JSON response instead of text.
    #[arg(long, help_heading = "Output")]
    json: bool,
}

/// Runs `impact`.
///
/// # Errors
/// Fails if the service cannot be reached or rejects the request.
pub fn run_impact(args: &ImpactArgs) -> anyhow::Result<()> {
    let question = if args.needs { "dependencies" } else { "impact" };
    let path = format!("/api/fed/projects/{}/{question}", args.slug);
    let answer = accepted(args.connection.client()?.get(&path)?)?;
    if args.json {
        return Ok(output::print(answer.body())?);
    }
    let has_colors = std::io::stdout().is_terminal()
        && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty());
    Ok(output::print(&tree::write(&json(&answer)?, args.needs, has_colors))?)
}
