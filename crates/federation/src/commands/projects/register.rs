//! `federation projects register`.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde_json::{Map, Value, json};

use crate::settings::value::number_of_seconds;

/// Arguments of `projects register`. The service checks the values.
#[derive(Debug, clap::Args)]
pub struct RegisterArgs {
    /// Use this slug.
    #[arg(long, required_unless_present = "file")]
    slug: Option<String>,

    /// Use this display name.
    #[arg(long, required_unless_present = "file")]
    name: Option<String>,

    /// Use this base URL of the project.
    #[arg(long, value_name = "URL", required_unless_present = "file")]
    hub_url: Option<String>,

    /// Use this NATS subject prefix [default: hub.SLUG].
    #[arg(long, value_name = "PREFIX")]
    mesh_namespace: Option<String>,

    /// Add this tag; repeatable.
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<String>,

    /// Use this heartbeat interval instead of the default of the service.
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true)]
    #[arg(value_parser = number_of_seconds)]
    heartbeat_interval: Option<f64>,

    /// Read the registration as JSON from this file; `-` is standard input.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["slug", "name", "hub_url", "mesh_namespace", "tags", "heartbeat_interval"])]
    file: Option<PathBuf>,
}

impl RegisterArgs {
    /// Returns the body of the request.
    pub(super) fn body(&self) -> anyhow::Result<String> {
        match &self.file {
            Some(path) if path == Path::new("-") => read(std::io::stdin().lock()),
            Some(path) => File::open(path)
                .map_err(anyhow::Error::from)
                .and_then(read)
                .with_context(|| format!("cannot read {}", path.display())),
            None => Ok(Value::Object(self.fields()).to_string()),
        }
    }

    fn fields(&self) -> Map<String, Value> {
        let slug = self.slug.as_deref().unwrap_or_default();
        let namespace = self.mesh_namespace.clone().unwrap_or_else(|| format!("hub.{slug}"));
        let mut fields = Map::new();
        fields.insert("slug".to_owned(), json!(slug));
        fields.insert("name".to_owned(), json!(self.name));
        fields.insert("hub_url".to_owned(), json!(self.hub_url));
        fields.insert("mesh_namespace".to_owned(), json!(namespace));
        fields.insert("tags".to_owned(), json!(self.tags));
        if let Some(seconds) = self.heartbeat_interval {
            fields.insert("heartbeat_interval_seconds".to_owned(), json!(seconds));
        }
        fields
    }
}

/// Reads at most one byte more than the service accepts, so that the service reports the limit.
fn read(source: impl Read) -> anyhow::Result<String> {
    const MAX_BYTES: u64 = 64 * 1024;
    let mut text = String::new();
    source.take(MAX_BYTES + 1).read_to_string(&mut text)?;
    Ok(text)
}
