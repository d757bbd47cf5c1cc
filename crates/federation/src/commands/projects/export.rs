//! `federation projects export`: the catalog as a list that the service can start with.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use federation_domain::{Registration, RegistrationDraft};
use serde_json::Value;

use crate::files::replace::{self, Existing, Modes, folder};
use crate::output::{self, plain};
use crate::projects_file;

/// Those of a file that anybody makes; of one that is replaced, its own.
const MODES: Modes = Modes { new: 0o666, kept: (0, 0o777) };

/// Arguments of `projects export`.
#[derive(Debug, clap::Args)]
pub struct ExportArgs {
    /// Write to this file instead of standard output; it appears whole or not at all.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Replace the file if there is one.
    #[arg(long, requires = "output")]
    force: bool,
}

/// Writes the projects of this answer, by slug. Who cannot stand in such a list is named on
/// standard error and left out.
///
/// # Errors
/// When somebody was left out, after the others were written; when the file is there already, or
/// cannot be written.
pub(super) fn run(args: &ExportArgs, answer: &Value) -> anyhow::Result<()> {
    let projects = answer.as_array().context("the answer is no list of projects")?;
    let (listed, left_out) = registrations(projects);
    let text = projects_file::write(&listed)?;
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
    bail!("left out, because a list cannot name them:\n  {}", left_out.join("\n  "))
}

/// The projects as they are registered, and why the others cannot be.
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

/// What the service says of a project. A field that is absent or null, as rows of other programs
/// may have it, is an empty text, which no field allows.
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

/// Writes the file whole or not at all.
fn write(file: &Path, text: &str, existing: Existing) -> anyhow::Result<()> {
    // A link stays one: what it leads to is replaced.
    let place = fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
    if !folder(&place).is_dir() {
        bail!("there is no folder {}", folder(&place).display());
    }
    match replace::write(&place, text, MODES, existing) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            bail!("is there already; --force replaces it")
        }
        written => written.context("cannot be written"),
    }
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt as _;

    use serde_json::json;

    use super::*;

    #[test]
    fn who_has_no_namespace_is_left_out_by_name() {
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
    fn a_file_that_is_there_is_replaced_only_when_that_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("p.yaml");
        write(&file, "one", Existing::Keep).unwrap();
        let refusal = write(&file, "two", Existing::Keep).unwrap_err();
        assert_eq!(refusal.to_string(), "is there already; --force replaces it");
        assert_eq!(fs::read_to_string(&file).unwrap(), "one");
        fs::set_permissions(&file, Permissions::from_mode(0o640)).unwrap();
        let link = folder.path().join("link.yaml");
        std::os::unix::fs::symlink("p.yaml", &link).unwrap();
        write(&link, "two", Existing::Replace).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "two");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o640);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "nothing is left beside it");
        let nowhere = write(&folder.path().join("no/p.yaml"), "", Existing::Keep).unwrap_err();
        assert!(nowhere.to_string().starts_with("there is no folder "), "{nowhere}");
    }
}
