//! The list of projects, `config/projects.yaml`.
//!
//! The file is checked as a whole before any project of it is used. `document` reads its shape and
//! stops at the first error. Then the domain parses the values, and all their errors are reported
//! with their positions (`files/yaml.rs`).

mod document;
mod edges;
mod export;
mod maintenance;
mod watch;

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use federation_domain::{DeclaredEdge, MaintenancePlan, Registration};

use self::document::{Document, ProjectDraft};
pub(crate) use self::export::write;
pub(crate) use self::watch::{Watch, watch};
use crate::files;
use crate::files::yaml::{self, Position, Step, Values};

/// Size limit of the file, in bytes. It fits some hundred thousand projects.
pub const MAX_BYTES: u64 = 64 * 1024 * 1024;

/// Limit on reported problems, so that a file of another kind does not flood the log.
const MAX_PROBLEMS: usize = 10;

/// The content of the file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ProjectsList {
    /// All projects.
    pub projects: Vec<Registration>,
    /// Edges between projects, which need not be in the file.
    pub edges: Vec<DeclaredEdge>,
    /// Maintenance windows.
    pub maintenance: Vec<MaintenancePlan>,
}

impl From<Vec<Registration>> for ProjectsList {
    fn from(projects: Vec<Registration>) -> Self {
        Self { projects, ..Self::default() }
    }
}

/// An error of the list of projects.
#[derive(Debug, thiserror::Error)]
pub enum ProjectsFileError {
    /// The file does not exist. The service treats it as an empty list.
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
    /// The file has no list, not even an empty one. It may be half written.
    #[error(
        "{} has no list of projects; write `projects: []` if there are none", .0.display()
    )]
    NoList(PathBuf),
    /// The content is invalid. Has at least one problem, in the order of the file.
    #[error("{}", lines(.0))]
    Invalid(Vec<ProjectsFileProblem>),
}

/// An invalid value in the file, shown as `config/projects.yaml:7:11: projects[1].slug: …`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectsFileProblem {
    file: String,
    position: Option<Position>,
    problem: String,
}

impl fmt::Display for ProjectsFileProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.position {
            Some(Position { line, column }) => {
                write!(f, "{}:{line}:{column}: {}", self.file, self.problem)
            }
            None => write!(f, "{}: {}", self.file, self.problem),
        }
    }
}

fn lines(problems: &[ProjectsFileProblem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// Reads and checks the file.
///
/// # Errors
/// Fails if the file does not exist, cannot be read, has no list or is invalid.
pub fn read(path: &Path) -> Result<ProjectsList, ProjectsFileError> {
    let bytes = files::read_at_most(path, MAX_BYTES).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => ProjectsFileError::Missing(path.to_owned()),
        _ => ProjectsFileError::Unreadable { path: path.to_owned(), source: error },
    })?;
    let bytes = bytes.ok_or_else(|| ProjectsFileError::TooLarge(path.to_owned()))?;
    let list = parse(&path.display().to_string(), &bytes)?;
    list.ok_or_else(|| ProjectsFileError::NoList(path.to_owned()))
}

/// Checks the content of a file with this name. Returns `None` if it has no list.
///
/// # Errors
/// Returns [`ProjectsFileError::Invalid`] with all problems.
fn parse(file: &str, bytes: &[u8]) -> Result<Option<ProjectsList>, ProjectsFileError> {
    let problem =
        |position, problem| ProjectsFileProblem { file: file.to_owned(), position, problem };
    let invalid = |position, text| ProjectsFileError::Invalid(vec![problem(position, text)]);
    let text = yaml::decode(bytes).map_err(|(position, text)| invalid(Some(position), text))?;
    let document = document::read(text).map_err(|error| {
        let (position, text) = yaml::explain(&error, Values::Shown);
        invalid(position, text)
    })?;
    let Some(Document { projects: drafts, edges, maintenance }) = document else {
        return Ok(None);
    };
    let (projects, mut invalid_values) = check(&drafts);
    let edges = edges::check(&drafts, &edges, &mut invalid_values);
    let maintenance = maintenance::check(&maintenance, &mut invalid_values);
    if invalid_values.is_empty() {
        return Ok(Some(ProjectsList { projects, edges, maintenance }));
    }
    let more = invalid_values.len().saturating_sub(MAX_PROBLEMS);
    let mut problems: Vec<_> = invalid_values
        .into_iter()
        .take(MAX_PROBLEMS)
        .map(|value| problem(yaml::find(text, &value.path), value.sentence(text)))
        .collect();
    if more > 0 {
        problems.push(problem(None, format!("and {more} more")));
    }
    Err(ProjectsFileError::Invalid(problems))
}

struct InvalidValue {
    path: Vec<Step>,
    reason: Reason,
}

enum Reason {
    /// The value is not allowed. The sentence starts with the field.
    NotAllowed { project: usize, sentence: String },
    /// A value outside `projects` is invalid. The sentence starts with its path.
    OutsideProjects(String),
    /// An earlier project has the same slug.
    Duplicate { project: usize, slug: String, first: usize },
}

impl InvalidValue {
    fn sentence(&self, text: &str) -> String {
        match &self.reason {
            Reason::NotAllowed { project, sentence } => format!("projects[{project}].{sentence}"),
            Reason::OutsideProjects(sentence) => sentence.clone(),
            Reason::Duplicate { project, slug, first } => {
                let line = yaml::find(text, &path(*first, "slug"))
                    .map_or_else(String::new, |position| format!(" on line {}", position.line));
                format!("projects[{project}].slug: \"{slug}\" appears twice (first{line})")
            }
        }
    }
}

/// Parses all drafts. Returns the projects, and the invalid values in the order of the file.
fn check(drafts: &[ProjectDraft]) -> (Vec<Registration>, Vec<InvalidValue>) {
    let mut projects: Vec<Registration> = Vec::with_capacity(drafts.len());
    let mut invalid = Vec::new();
    let mut seen = HashMap::with_capacity(drafts.len());
    for (at, ProjectDraft { registration: draft, .. }) in drafts.iter().enumerate() {
        match draft.parse() {
            Ok(registration) => projects.push(registration),
            Err(faults) => invalid.extend(faults.into_iter().map(|fault| InvalidValue {
                path: path(at, &fault.field),
                reason: Reason::NotAllowed { project: at, sentence: fault.to_string() },
            })),
        }
        if let Some(&first) = seen.get(draft.slug.as_str()) {
            let slug = draft.slug.chars().flat_map(char::escape_debug).collect();
            let reason = Reason::Duplicate { project: at, slug, first };
            invalid.push(InvalidValue { path: path(at, "slug"), reason });
        } else {
            seen.insert(draft.slug.as_str(), at);
        }
    }
    (projects, invalid)
}

/// Returns the path of a field of a project. The field may have an index and fields of its own, as in
/// `tags[3]` and `depends_on[1].kind`.
fn path(project: usize, field: &str) -> Vec<Step> {
    let mut path = vec![Step::Key("projects".to_owned()), Step::Index(project)];
    path.extend(steps(field));
    path
}

fn steps(field: &str) -> impl Iterator<Item = Step> {
    field.split('.').flat_map(|part| {
        let (key, index) = part.split_once('[').unwrap_or((part, ""));
        let key = Step::AnyKey(document::spellings(key).map(str::to_owned).collect());
        let index = index.trim_end_matches(']').parse().map(Step::Index);
        std::iter::once(key).chain(index)
    })
}

#[cfg(test)]
mod tests;
