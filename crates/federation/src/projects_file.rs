//! The static list of projects, `config/projects.yaml`.
//!
//! The file is checked whole before anyone sees a project of it. First its shape is read
//! (`document`), where the first fault ends the reading; then each value is parsed by the domain
//! and all faults are collected, and their positions looked up (`files/yaml.rs`).

mod document;
mod export;
mod watch;

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use federation_domain::{Registration, RegistrationDraft};

pub(crate) use self::export::write;
pub(crate) use self::watch::{Watch, watch};
use crate::files;
use crate::files::yaml::{self, Position, Step};

/// The largest file that is read, in bytes: some hundred thousand projects.
pub const MAX_BYTES: u64 = 64 * 1024 * 1024;

/// How many faults of one file are reported, so that a file of another kind does not flood a log.
const MAX_FAULTS: usize = 10;

/// Why the list of projects cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ProjectsFileError {
    /// There is no such file, which the service takes for an empty list.
    #[error("{} does not exist", .0.display())]
    Missing(PathBuf),
    /// It cannot be read.
    #[error("{} cannot be read", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It is too large.
    #[error("{} is too large: at most {MAX_BYTES} bytes are allowed", .0.display())]
    TooLarge(PathBuf),
    /// It has no list, not even an empty one, so its writing may just have begun.
    #[error("{} has no list of projects: `projects: []` says that there are none", .0.display())]
    NoList(PathBuf),
    /// What it says is not valid; at least one fault, in the order of the file.
    #[error("{}", lines(.0))]
    Invalid(Vec<Fault>),
}

/// One thing that is wrong in the file: `config/projects.yaml:7:11: projects[1].slug: …`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    file: String,
    position: Option<Position>,
    problem: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.position {
            Some(Position { line, column }) => {
                write!(f, "{}:{line}:{column}: {}", self.file, self.problem)
            }
            None => write!(f, "{}: {}", self.file, self.problem),
        }
    }
}

fn lines(faults: &[Fault]) -> String {
    faults.iter().map(Fault::to_string).collect::<Vec<_>>().join("\n")
}

/// Reads and checks the file; one without a list is an empty list.
///
/// # Errors
/// When there is none, when it cannot be read, or with everything that is wrong in it.
pub fn read(path: &Path) -> Result<Vec<Registration>, ProjectsFileError> {
    Ok(parse(&path.display().to_string(), &bytes(path)?)?.unwrap_or_default())
}

/// What is in the file, yet to be parsed.
fn bytes(path: &Path) -> Result<Vec<u8>, ProjectsFileError> {
    let unreadable = |error| ProjectsFileError::unreadable(path, error);
    let bytes = files::read_at_most(path, MAX_BYTES).map_err(unreadable)?;
    bytes.ok_or_else(|| ProjectsFileError::TooLarge(path.to_owned()))
}

impl ProjectsFileError {
    fn unreadable(path: &Path, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::NotFound => Self::Missing(path.to_owned()),
            _ => Self::Unreadable { path: path.to_owned(), source },
        }
    }
}

/// Checks the content of a file of this name; none where it has no list.
///
/// # Errors
/// [`ProjectsFileError::Invalid`], with everything that is wrong.
fn parse(file: &str, bytes: &[u8]) -> Result<Option<Vec<Registration>>, ProjectsFileError> {
    let fault = |position, problem| Fault { file: file.to_owned(), position, problem };
    let invalid = |position, problem| ProjectsFileError::Invalid(vec![fault(position, problem)]);
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let position = Position::after(&bytes[..error.valid_up_to()]);
        invalid(Some(position), "this is not UTF-8".to_owned())
    })?;
    let drafts = document::read(text).map_err(|fault| invalid(fault.position, fault.problem))?;
    let Some(drafts) = drafts else { return Ok(None) };
    let (projects, problems) = check(&drafts);
    if problems.is_empty() {
        return Ok(Some(projects));
    }
    let more = problems.len().saturating_sub(MAX_FAULTS);
    let mut faults: Vec<_> = problems
        .into_iter()
        .take(MAX_FAULTS)
        .map(|problem| fault(yaml::find(text, &problem.place), problem.sentence(text)))
        .collect();
    if more > 0 {
        faults.push(fault(None, format!("and {more} more")));
    }
    Err(ProjectsFileError::Invalid(faults))
}

/// Something wrong with a value.
struct Problem {
    place: Vec<Step>,
    what: What,
}

enum What {
    /// It is not allowed; the sentence begins with the field.
    NotAllowed { project: usize, sentence: String },
    /// The slug of one project is that of an earlier one.
    Doubled { project: usize, slug: String, first: usize },
}

impl Problem {
    fn sentence(&self, text: &str) -> String {
        match &self.what {
            What::NotAllowed { project, sentence } => format!("projects[{project}].{sentence}"),
            What::Doubled { project, slug, first } => {
                let line = yaml::find(text, &place(*first, "slug"))
                    .map_or_else(String::new, |position| format!(" on line {}", position.line));
                format!("projects[{project}].slug: \"{slug}\" appears twice (first{line})")
            }
        }
    }
}

/// Parses all values; what is wrong with them, in the order of the file.
fn check(drafts: &[RegistrationDraft]) -> (Vec<Registration>, Vec<Problem>) {
    let mut projects: Vec<Registration> = Vec::with_capacity(drafts.len());
    let mut problems = Vec::new();
    let mut seen = HashMap::with_capacity(drafts.len());
    for (at, draft) in drafts.iter().enumerate() {
        match draft.parse() {
            Ok(registration) => projects.push(registration),
            Err(faults) => problems.extend(faults.into_iter().map(|fault| Problem {
                place: place(at, &fault.field),
                what: What::NotAllowed { project: at, sentence: fault.to_string() },
            })),
        }
        if let Some(&first) = seen.get(draft.slug.as_str()) {
            let slug = draft.slug.chars().flat_map(char::escape_debug).collect();
            let what = What::Doubled { project: at, slug, first };
            problems.push(Problem { place: place(at, "slug"), what });
        } else {
            seen.insert(draft.slug.as_str(), at);
        }
    }
    (projects, problems)
}

/// The place of a project's field, which may have an index: `tags[3]`.
fn place(project: usize, field: &str) -> Vec<Step> {
    let mut place = vec![Step::Key("projects".to_owned()), Step::Index(project)];
    let (key, index) = field.split_once('[').unwrap_or((field, ""));
    place.push(Step::Key(key.to_owned()));
    place.extend(index.trim_end_matches(']').parse().map(Step::Index));
    place
}

#[cfg(test)]
mod tests;
