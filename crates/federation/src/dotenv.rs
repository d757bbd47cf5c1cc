//! The file `.env` of the working directory.

use std::cell::Cell;
use std::collections::HashSet;
use std::io::{self, Read};
use std::path::Path;

use anyhow::{Context as _, bail};

use crate::settings::api_keys;

/// Takes the variables of the file into the environment of the process, except those that the
/// environment has already; an empty one counts as unset there too. A missing file is fine.
///
/// Call it before any thread is started: the environment of a process is not safe to change later.
///
/// # Errors
/// When the file cannot be read, or a line of it does not parse; nothing is applied then. The error
/// names the line by its number and does not show it, because it may hold a password.
pub fn load(file: &Path) -> anyhow::Result<()> {
    let shown = file.display();
    let text = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error).with_context(|| format!("{shown} cannot be read")),
    };
    let text = text.trim_start_matches('\u{feff}');
    let read = read(text, is_open).with_context(|| format!("{shown} cannot be used"))?;
    match read {
        Contents::Broken { line } => bail!(
            "{shown}:{line}: NAME=VALUE is allowed, the value in quotes where it has spaces or \
             other special characters"
        ),
        Contents::Wanted(text) => dotenvy::from_read_override(text.as_bytes())
            .with_context(|| format!("{shown} cannot be used")),
    }
}

/// Whether the file may set a variable. What protects the API and was set to nothing in the
/// environment must reach the check that refuses it.
fn is_open(name: &str) -> bool {
    std::env::var_os(name).is_none_or(|value| value.is_empty() && !api_keys::protects(name))
}

/// What stands in a file.
#[derive(Debug, PartialEq, Eq)]
enum Contents {
    /// The lines of the variables that are to be set.
    Wanted(String),
    /// A line that does not parse, by its number.
    Broken { line: usize },
}

/// Reads the file to its end or to the first line that does not parse. Of a variable that is set
/// several times the first counts.
fn read(text: &str, is_open: impl Fn(&str) -> bool) -> Result<Contents, dotenvy::Error> {
    let (count, mut taken) = (Cell::new(0), 0);
    let mut lines = text.split_inclusive('\n');
    let (mut wanted, mut names) = (String::new(), HashSet::new());
    for variable in dotenvy::from_read_iter(LineByLine { rest: text, count: &count }) {
        match variable {
            Ok((name, _)) => {
                let own = lines.by_ref().take(count.get() - taken);
                taken = count.get();
                if is_open(&name) && names.insert(name) {
                    wanted.extend(own);
                } else {
                    own.for_each(drop);
                }
            }
            Err(dotenvy::Error::LineParse(broken, _)) => {
                // A value in quotes may go over several lines; it is named by its first.
                let further = broken.trim_end_matches('\n').matches('\n').count();
                let blank = broken.len() - broken.trim_end_matches('\n').len();
                let line = count.get() - further - blank.saturating_sub(1);
                return Ok(Contents::Broken { line });
            }
            Err(error) => return Err(error),
        }
    }
    Ok(Contents::Wanted(wanted))
}

/// Gives one line at a time and counts them, because the parser does not tell where it is.
struct LineByLine<'a> {
    rest: &'a str,
    count: &'a Cell<usize>,
}

impl Read for LineByLine<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let line = self.rest.split_inclusive('\n').next().unwrap_or_default().as_bytes();
        let Some(part) = buffer.get_mut(..line.len()) else {
            return Err(io::Error::other("a line is longer than 8 KiB"));
        };
        part.copy_from_slice(line);
        self.rest = &self.rest[line.len()..];
        self.count.set(self.count.get() + usize::from(!line.is_empty()));
        Ok(line.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_file_is_fine() {
        load(Path::new("/nonexistent/.env")).unwrap();
    }

    #[test]
    fn a_broken_line_is_found_by_its_number() {
        for (text, line) in [
            ("A=1\n# a comment\n\nB='two words' # yes\n", None),
            ("hunter2\n", Some(1)),
            ("# a\r\n\r\nA=1\r\nB=two words\r\n", Some(4)),
            ("A=\"unclosed\n", Some(1)),
            ("A=1\nB=\"unclosed\n\n\n\n", Some(2)),
            ("HUNT=1\nHUNT # twice\n", Some(2)),
            ("A=1\nB='unclosed\nC=2\n", Some(2)),
            ("A='over\ntwo lines'\nB\n", Some(3)),
            ("\nA='over\ntwo lines' more\nB\n", Some(2)),
            ("A", Some(1)),
        ] {
            let broken = match read(text, |_| true).unwrap() {
                Contents::Broken { line } => Some(line),
                Contents::Wanted(_) => None,
            };
            assert_eq!(broken, line, "{text:?}");
        }
    }

    #[test]
    fn what_is_set_elsewhere_is_left_out_with_all_its_lines() {
        let text = "# first\nA=1\nB='over\ntwo lines'\n\nexport C=$A # last\nA=2";
        let wanted = |names: &[&str]| match read(text, |name| names.contains(&name)).unwrap() {
            Contents::Wanted(text) => text,
            Contents::Broken { line } => panic!("{line}"),
        };
        assert_eq!(wanted(&["B"]), "B='over\ntwo lines'\n");
        assert_eq!(wanted(&["A", "C"]), "# first\nA=1\n\nexport C=$A # last\n");
        assert_eq!(wanted(&[]), "");
    }
}
