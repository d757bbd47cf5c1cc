//! `federation projects export`.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use federation_domain::{DeclaredEdge, EdgeKey, Registration, RegistrationDraft, Strength};
use serde_json::Value;

use crate::files::replace::{self, Existing, Modes, folder};
use crate::output::{self, plain};
use crate::projects_file;

/// A new file has the usual permissions and a replaced file keeps its own.
const MODES: Modes = Modes { new: 0o666, kept: (0, 0o777) };

/// Arguments of `projects export`.
#[derive(Debug, clap::Args)]
pub struct ExportArgs {
    /// Write to this file instead of standard output. The file is written atomically.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Replace an existing file.
    #[arg(long, requires = "output")]
    force: bool,
}

/// Writes the projects and the declared edges of these responses, ordered by slug. Projects that are
/// invalid in a projects file are left out.
///
/// # Errors
/// Fails if the file exists or cannot be written. Fails after writing the others if a project was
/// left out, and names it.
pub(super) fn run(args: &ExportArgs, projects: &Value, claims: &Value) -> anyhow::Result<()> {
    let projects = projects.as_array().context("expected a list of projects in the response")?;
    let claims = claims.as_array().context("expected a list of edges in the response")?;
    let (listed, left_out) = registrations(projects);
    let text = projects_file::write(&listed, &edges(claims));
    match &args.output {
        None => output::print(&text)?,
        Some(file) => {
            let how = if args.force { Existing::Replace } else { Existing::Keep };
            write(file, &text, how).with_context(|| file.display().to_string())?;
        }
    }
    if left_out.is_empty() {
        return Ok(());
    }
    bail!("left out projects that are invalid in a projects file:\n  {}", left_out.join("\n  "))
}

/// Returns the valid registrations, and the errors of the others.
fn registrations(projects: &[Value]) -> (Vec<Registration>, Vec<String>) {
    let mut left_out = Vec::new();
    let mut listed = Vec::with_capacity(projects.len());
    for project in projects {
        match draft(project).parse() {
            Ok(registration) => listed.push(registration),
            Err(faults) => {
                let faults: Vec<_> = faults.iter().map(ToString::to_string).collect();
                let slug = project["slug"].as_str().unwrap_or("a project without a slug");
                left_out.push(format!("{}: {}", plain(slug), faults.join("; ")));
            }
        }
    }
    (listed, left_out)
}

/// Returns the declared edges. A claim of the API counts more than one of a file, and observed edges are
/// left out.
fn edges(claims: &[Value]) -> Vec<DeclaredEdge> {
    let mut edges = BTreeMap::new();
    for source in ["file", "api"] {
        for claim in claims.iter().filter(|claim| claim["source"] == source) {
            let key = claim["id"].as_str().and_then(|id| EdgeKey::parse(id).ok());
            let strength = claim["strength"].as_f64().and_then(|one| Strength::new(one).ok());
            if let (Some(key), Some(strength)) = (key, strength) {
                edges.insert(key.clone(), DeclaredEdge { key, strength, details: None });
            }
        }
    }
    edges.into_values().collect()
}

/// Converts a project of the service. A missing or null field, which other programs may write,
/// becomes an empty string, which is never valid.
fn draft(project: &Value) -> RegistrationDraft {
    let text = |key: &str| project[key].as_str().unwrap_or_default().to_owned();
    let texts = |key: &str| {
        let list = project[key].as_array().into_iter().flatten();
        list.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    RegistrationDraft {
        slug: text("slug"),
        name: text("name"),
        hub_url: text("hub_url"),
        mesh_namespace: text("mesh_namespace"),
        tags: texts("tags"),
        heartbeat_interval_seconds: project["heartbeat_interval_seconds"].as_f64(),
        allow_fanout: Some(texts("allow_fanout")),
    }
}

/// Writes the file atomically.
fn write(file: &Path, text: &str, existing: Existing) -> anyhow::Result<()> {
    // If the path is a link, its target is replaced and the link stays.
    let place = fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
    if !folder(&place).is_dir() {
        bail!("expected an existing folder, got {}", folder(&place).display());
    }
    match replace::write(&place, text, MODES, existing) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            bail!("the file exists; replace it with --force")
        }
        written => written.context("cannot write the file"),
    }
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt as _;

    use serde_json::json;

    use super::*;

    #[test]
    fn a_project_without_a_namespace_is_left_out_and_named() {
        let good = json!({"slug": "a", "name": "A", "hub_url": "http://h", "mesh_namespace": "hub.a",
            "tags": ["t"], "heartbeat_interval_seconds": 1.5, "allow_fanout": ["x"]});
        let mut bad = good.clone();
        bad["slug"] = json!("b");
        bad["mesh_namespace"] = Value::Null;
        let (listed, left_out) = registrations(&[good, bad]);
        assert_eq!(listed.len(), 1);
        assert_eq!(listed[0].tags.iter().collect::<Vec<_>>(), ["t"]);
        assert_eq!(listed[0].heartbeat_interval.unwrap().as_seconds(), 1.5);
        assert!(left_out[0].starts_with("b: mesh_namespace: expected at most 100"), "{left_out:?}");
    }

    #[test]
    fn declared_edges_are_exported_once_and_observed_ones_are_not() {
        let claim = |id: &str, source: &str, strength: f64| json!({"id": id, "source": source, "strength": strength});
        let claims = [
            claim("a/b/api", "api", 0.9),
            claim("a/b/api", "file", 0.5),
            claim("a/c/queue", "file", 0.1),
            claim("a/d/api", "observed", 0.5),
        ];
        let exported = edges(&claims);
        let shown = exported.iter().map(|edge| format!("{} {}", edge.key, edge.strength));
        assert_eq!(shown.collect::<Vec<_>>(), ["a/b/api 0.9", "a/c/queue 0.1"]);
    }

    #[test]
    fn an_existing_file_is_replaced_only_with_force() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("p.yaml");
        write(&file, "one", Existing::Keep).unwrap();
        let refusal = write(&file, "two", Existing::Keep).unwrap_err();
        assert_eq!(refusal.to_string(), "the file exists; replace it with --force");
        assert_eq!(fs::read_to_string(&file).unwrap(), "one");
        fs::set_permissions(&file, Permissions::from_mode(0o640)).unwrap();
        let link = folder.path().join("link.yaml");
        std::os::unix::fs::symlink("p.yaml", &link).unwrap();
        write(&link, "two", Existing::Replace).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "two");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o640);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "a temporary file remains");
        let nowhere = write(&folder.path().join("no/p.yaml"), "", Existing::Keep).unwrap_err();
        assert!(nowhere.to_string().starts_with("expected an existing folder, got "), "{nowhere}");
    }
}
