//! `federation edges`.

mod import;

use std::path::PathBuf;

use anyhow::bail;
use federation_domain::{EdgeKind, Slug, Strength};
use serde_json::{Value, json};

use super::graph::{ConnectionArgs, strength};
use super::projects::table::{ago, bare, now, text, trimmed};
use super::projects::{accepted, json as json_of};
use crate::output;

/// Arguments of `edges`.
#[derive(Debug, clap::Args)]
pub struct EdgesArgs {
    #[command(flatten)]
    connection: ConnectionArgs,

    /// Print the JSON response instead of text.
    #[arg(long, global = true, help_heading = "Output")]
    json: bool,

    #[command(subcommand)]
    command: EdgesCommand,
}

#[derive(Debug, clap::Subcommand)]
enum EdgesCommand {
    /// List the claims about edges, one for each source.
    List {
        /// List only edges that start at this project.
        #[arg(long, value_name = "SLUG", value_parser = Slug::parse)]
        from: Option<Slug>,

        /// List only edges that lead to this project.
        #[arg(long, value_name = "SLUG", value_parser = Slug::parse)]
        to: Option<Slug>,
    },
    /// Declare that a project uses another one.
    Add {
        /// Slug of the project that uses the other one.
        #[arg(value_parser = Slug::parse)]
        from: Slug,

        /// Slug of the project that is used.
        #[arg(value_parser = Slug::parse)]
        to: Slug,

        /// Kind of use: api, queue, shared-schema, secret or another word.
        #[arg(long, default_value = "api", value_parser = EdgeKind::parse)]
        kind: EdgeKind,

        /// Degree to which the project depends on the other one.
        #[arg(long, value_name = "0..1", default_value = "0.5", value_parser = strength)]
        strength: Strength,
    },
    /// Remove a declaration.
    Remove {
        /// Slug of the project that uses the other one.
        #[arg(value_parser = Slug::parse)]
        from: Slug,

        /// Slug of the project that is used.
        #[arg(value_parser = Slug::parse)]
        to: Slug,

        /// Kind of use.
        #[arg(long, default_value = "api", value_parser = EdgeKind::parse)]
        kind: EdgeKind,
    },
    /// Declare the edges in a file: CSV with the columns from, to, kind and strength, JSON as for the
    /// API, or Graphviz DOT. Edges are sent in batches of 1,000; each batch is
    /// applied completely or not at all.
    Import {
        /// File with the edges. Its ending (.csv, .json, .dot or .gv) selects the format.
        file: PathBuf,
    },
}

const COLLECTION: &str = "/api/fed/edges";

/// Runs the subcommand.
///
/// # Errors
/// Fails if the service cannot be reached or rejects the request, or if the file is invalid.
pub fn run(args: &EdgesArgs) -> anyhow::Result<()> {
    let client = args.connection.client()?;
    let text = match &args.command {
        EdgesCommand::List { from, to } => {
            let given = [("from", from), ("to", to)];
            let given = given.iter().filter_map(|(name, slug)| Some((name, slug.as_ref()?)));
            let query: Vec<_> = given.map(|(name, slug)| format!("{name}={slug}")).collect();
            let answer = accepted(client.get(&format!("{COLLECTION}?{}", query.join("&")))?)?;
            if args.json { answer.body().to_owned() } else { table_of(&json_of(&answer)?) }
        }
        EdgesCommand::Add { from, to, kind, strength } => {
            let body = json!({ "strength": strength.get() }).to_string();
            let answer = client.put(&format!("{COLLECTION}/{from}/{to}/{kind}"), body)?;
            let answer = accepted(answer)?;
            let confirmed = format!("{from} uses {to} ({kind}, strength {strength})");
            if args.json { answer.body().to_owned() } else { confirmed }
        }
        EdgesCommand::Remove { from, to, kind } => {
            accepted(client.delete(&format!("{COLLECTION}/{from}/{to}/{kind}"))?)?;
            if args.json { String::new() } else { format!("removed {from}/{to}/{kind}") }
        }
        EdgesCommand::Import { file } => {
            let edges = import::read(file)?;
            for part in edges.chunks(import::AT_ONCE) {
                let body: Vec<_> = part.iter().map(|placed| &placed.edge).collect();
                let body = serde_json::to_string(&body)?;
                let answer = client.post(&format!("{COLLECTION}/_bulk"), body)?;
                if !answer.is_success() {
                    let place = |field: &str| import::place_in_file(field, part);
                    bail!("{}: {}", file.display(), answer.problem_within(place));
                }
            }
            if args.json { String::new() } else { format!("declared {} edges", edges.len()) }
        }
    };
    if text.is_empty() { Ok(()) } else { Ok(output::print(&text)?) }
}

/// Formats a line per claim.
fn table_of(claims: &Value) -> String {
    let claims = claims.as_array().map(Vec::as_slice).unwrap_or_default();
    if claims.is_empty() {
        return "no edges".to_owned();
    }
    let mut table = bare();
    table.set_header(["FROM", "TO", "KIND", "STRENGTH", "SOURCE", "SINCE", "LAST SEEN"]);
    let now = now();
    for claim in claims {
        table.add_row([
            text(&claim["from"]),
            text(&claim["to"]),
            text(&claim["kind"]),
            text(&claim["strength"]),
            text(&claim["source"]),
            ago(&claim["first_seen_at"], now),
            ago(&claim["last_seen_at"], now),
        ]);
    }
    trimmed(&table)
}
