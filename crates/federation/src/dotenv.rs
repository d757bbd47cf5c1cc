//! The file `.env` in the working directory.

mod parse;

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;
use std::io;
use std::path::Path;

use anyhow::{Context as _, bail};

use self::parse::{Part, Statement, statements};
use crate::settings::api_keys;

/// Variables of this program that are not settings of the command line.
const LOG_VARIABLES: [&str; 2] = ["RUST_LOG", "NO_COLOR"];

/// Loads the variables of the file into the environment of the process, except those that are already
/// set. An empty variable counts as unset.
///
/// The file may belong to other programs too. A line that cannot be read is an error only if it sets
/// a variable of this program. A missing file is ignored, and so is a folder, which is a Python
/// environment.
///
/// `command` is the command line whose variables are those of this program.
///
/// Call this before any thread is started, because later the environment cannot be changed safely.
///
/// Returns where the variables come from that were set.
///
/// # Errors
/// Fails without changing anything if the file cannot be read or a variable of this program is
/// invalid. The error names line and rule but not the value, which may be a password.
pub fn load(file: &Path, command: &clap::Command) -> anyhow::Result<Origins> {
    let shown = file.display();
    let bytes = match std::fs::read(file) {
        Ok(bytes) => bytes,
        Err(error) => match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::IsADirectory => {
                return Ok(Origins::default());
            }
            _ => return Err(error).with_context(|| format!("cannot read {shown}")),
        },
    };
    if matches!(bytes.as_slice(), [0xff, 0xfe, ..] | [0xfe, 0xff, ..]) {
        bail!("{shown}: expected UTF-8, got UTF-16");
    }
    let text = String::from_utf8_lossy(&bytes);
    let own = own_variables(command);
    let environment = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let values = read(&text, |name| own.contains(name), environment)
        .map_err(|invalid| anyhow::anyhow!("{shown}:{invalid}"))?;
    let values: Vec<_> = values.into_iter().filter(|(name, _)| is_open(name)).collect();
    let origin = |(name, (line, _)): &(String, (usize, String))| {
        own.contains(name).then(|| (name.clone(), format!("{shown}:{line}")))
    };
    let origins = Origins(values.iter().filter_map(origin).collect());
    apply(values.into_iter().map(|(name, (_, value))| (name, value)))
        .with_context(|| format!("cannot load {shown}"))?;
    Ok(origins)
}

/// Places of the variables of this program that were taken from a file, such as `.env:3`.
#[derive(Debug, Default)]
pub struct Origins(HashMap<String, String>);

impl Origins {
    /// Forgets variables whose values are not used.
    #[must_use]
    pub fn without(mut self, overridden: impl Fn(&str) -> bool) -> Self {
        self.0.retain(|name, _| !overridden(name));
        self
    }

    /// Prefixes an error with the place of the setting that it names first.
    #[must_use]
    pub fn locate(&self, error: String) -> String {
        let names = error.split(':').next().unwrap_or_default();
        match names.split(", ").find_map(|name| self.0.get(name)) {
            Some(origin) => format!("{origin}: {error}"),
            None => error,
        }
    }
}

/// Returns the names of all variables that this program reads.
fn own_variables(command: &clap::Command) -> HashSet<String> {
    fn collect(command: &clap::Command, names: &mut HashSet<String>) {
        let variables = command.get_arguments().filter_map(clap::Arg::get_env);
        names.extend(variables.map(|name| name.to_string_lossy().into_owned()));
        command.get_subcommands().for_each(|command| collect(command, names));
    }
    let mut names = LOG_VARIABLES.map(str::to_owned).into();
    collect(command, &mut names);
    names
}

/// Returns whether the file may set a variable. An empty variable that protects the API must reach
/// the check that rejects it.
fn is_open(name: &str) -> bool {
    std::env::var_os(name).is_none_or(|value| value.is_empty() && !api_keys::protects(name))
}

/// An invalid line.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{line}: {name}: {rule}")]
struct InvalidLine {
    line: usize,
    name: String,
    rule: &'static str,
}

/// Returns the values of the file with their lines. If a variable is set more than once, the last value applies.
/// References are replaced by the variable of the environment or, if it is not set there, of an
/// earlier line.
fn read(
    text: &str,
    is_own: impl Fn(&str) -> bool,
    environment: impl Fn(&str) -> Option<String>,
) -> Result<HashMap<String, (usize, String)>, InvalidLine> {
    let mut values: HashMap<String, (usize, String)> = HashMap::new();
    for Statement { line, name, value } in statements(text) {
        let value = match value {
            Ok(parts) => {
                let earlier = |name: &str| values.get(name).map(|(_, value)| value.clone());
                let lookup = |name: &str| environment(name).or_else(|| earlier(name));
                let value: String = parts.into_iter().map(|part| expand(part, lookup)).collect();
                check(value)
            }
            Err(rule) => Err(rule),
        };
        match value {
            Ok(value) => {
                values.insert(name, (line, value));
            }
            Err(rule) if is_own(&name) => return Err(InvalidLine { line, name, rule }),
            Err(_) => {}
        }
    }
    Ok(values)
}

fn expand(part: Part, lookup: impl Fn(&str) -> Option<String>) -> String {
    match part {
        Part::Text(text) => text,
        Part::Reference { name, default } => lookup(&name).unwrap_or(default),
    }
}

fn check(value: String) -> Result<String, &'static str> {
    if value.contains(char::REPLACEMENT_CHARACTER) {
        return Err("expected UTF-8");
    }
    if value.contains('\0') { Err("expected a value without NUL characters") } else { Ok(value) }
}

/// Sets variables. A function of `dotenvy` does it, because changing the environment is unsafe code.
fn apply(values: impl Iterator<Item = (String, String)>) -> Result<(), dotenvy::Error> {
    let mut text = String::new();
    for (name, value) in values.filter(|(name, _)| can_be_set(name)) {
        let mut quoted = String::with_capacity(value.len());
        for c in value.chars() {
            match c {
                '\n' => quoted.push_str("\\n"),
                '\\' | '"' | '$' => quoted.extend(['\\', c]),
                c => quoted.push(c),
            }
        }
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{name}=\"{quoted}\"");
    }
    dotenvy::from_read_override(text.as_bytes())
}

/// Returns whether `dotenvy` accepts a name. Others are not read by any program that we know.
fn can_be_set(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str) -> Result<HashMap<String, String>, String> {
        let environment = |name: &str| (name == "OUTSIDE").then(|| "outer".to_owned());
        let values = read(text, |name| name.starts_with("OUR"), environment);
        let values = values.map_err(|error| error.to_string())?;
        Ok(values.into_iter().map(|(name, (_, value))| (name, value)).collect())
    }

    fn value(text: &str) -> String {
        values(text).unwrap().remove("A").unwrap_or_else(|| panic!("no A in {text:?}"))
    }

    #[test]
    fn values_are_read_as_python_dotenv_and_compose_read_them() {
        for (text, expected) in [
            ("A=b", "b"),
            ("A=", ""),
            ("A=''", ""),
            ("export A=b", "b"),
            ("export\tA=b", "b"),
            ("  A = b ", "b"),
            ("'A'=b", "b"),
            ("\u{feff}A=b", "b"),
            ("A=b\r\nC=d\r\n", "b"),
            ("A=b c d", "b c d"),
            ("A=b # comment", "b"),
            ("A=b#c", "b#c"),
            ("A=#b", "#b"),
            ("A= # comment", ""),
            ("A='b # c' # comment", "b # c"),
            ("A=\"b # c\"", "b # c"),
            ("A=b\"c", "b\"c"),
            ("A=b'c", "b'c"),
            ("A='b \"c\"'", "b \"c\""),
            ("A='b\\'c'", "b'c"),
            ("A='b\\nc'", "b\\nc"),
            ("A='C:\\dir\\'", "C:\\dir\\"),
            ("A=\"b\\nc\\td\\\\\\\"\"", "b\nc\td\\\""),
            ("A=\"b\\dc\"", "b\\dc"),
            ("A=\"b\nc\"", "b\nc"),
            ("A='b\nc'\nD=e", "b\nc"),
            ("A=C:\\dir\\new", "C:\\dir\\new"),
            ("A=[\"b...\",\"c...\"]", "[\"b...\",\"c...\"]"),
            ("A={\"b\": \"c\"}", "{\"b\": \"c\"}"),
            ("A=pa$$word", "pa$$word"),
            ("A=pa$word", "pa$word"),
            ("A=\"pa$word\"", "pa$word"),
            ("A=b=c", "b=c"),
            ("A=\"${OUTSIDE}\"", "outer"),
            ("A=${OUTSIDE}/x", "outer/x"),
            ("A='${OUTSIDE}'", "${OUTSIDE}"),
            ("A=\"\\${OUTSIDE}\"", "${OUTSIDE}"),
            ("A=${ABSENT}", ""),
            ("A=${ABSENT:-b c}", "b c"),
            ("A=${ABSENT-b}", "b"),
            ("A=${OUTSIDE:-b}", "outer"),
            ("A=${OUTSIDE:0:3}", "${OUTSIDE:0:3}"),
            ("A=${unclosed", "${unclosed"),
            ("OUTSIDE=inner\nA=${OUTSIDE}", "outer"),
            ("B=b\nA=${B}c", "bc"),
            ("A=1\nA=2", "2"),
        ] {
            assert_eq!(value(text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_line_of_another_program_is_never_an_error() {
        let text = "PROMPT=a multi word value\nJSON={\"a\": \"b # c\"}\nnonsense here\n{\n\
                    X=\"unclosed\nY='a' b\nZ\n=\n: = :\nKEY: value\n<<<<<<< HEAD\nexport\nA=b\n";
        let values = values(text).unwrap();
        assert_eq!(values["PROMPT"], "a multi word value");
        assert_eq!(values["A"], "b");
        assert!(!values.contains_key("X") && !values.contains_key("Y"));
    }

    #[test]
    fn a_missing_quote_hides_no_further_line() {
        let values = values("X=\"unclosed\nOUR=[\"b\"]\nA='\nC='d'\n").unwrap();
        assert_eq!(values["OUR"], "[\"b\"]");
        assert_eq!(values["C"], "d");
    }

    #[test]
    fn an_invalid_line_of_ours_is_reported_by_line_and_rule() {
        for (text, expected) in [
            ("OUR=\"hunter2\n", "1: OUR: expected a closing quote"),
            ("A=1\n\nOUR='hunter2\nB=2\n", "3: OUR: expected a closing quote"),
            ("A='1\n2'\nOUR='a' hunter2\n", "3: OUR: expected a comment or the end of the line"),
            ("# c\r\nOUR hunter2\r\n", "2: OUR: expected NAME=VALUE"),
            ("export OUR\n", "1: OUR: expected NAME=VALUE"),
            ("OUR: hunter2\n", "1: OUR: expected NAME=VALUE"),
            ("OUR=hunter2\u{fffd}\n", "1: OUR: expected UTF-8"),
            ("OUR=hunter2\0\n", "1: OUR: expected a value without NUL"),
        ] {
            let error = values(text).unwrap_err();
            assert!(error.starts_with(expected) && !error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn an_error_is_prefixed_with_the_line_of_its_setting() {
        let place = ("OUR".to_owned(), ".env:3".to_owned());
        let origins = Origins(HashMap::from([place]));
        for (error, expected) in [
            ("OUR: expected a port", ".env:3: OUR: expected a port"),
            ("OTHER, OUR: expected one", ".env:3: OTHER, OUR: expected one"),
            ("OTHER: expected OUR: x", "OTHER: expected OUR: x"),
            ("OURS: expected a port", "OURS: expected a port"),
        ] {
            assert_eq!(origins.locate(error.to_owned()), expected);
        }
        let overridden = origins.without(|name| name == "OUR");
        assert_eq!(overridden.locate("OUR: x".to_owned()), "OUR: x");
    }

    #[test]
    fn a_missing_file_and_a_folder_are_ignored() {
        let command = crate::cli::with_all_variables();
        load(Path::new("/nonexistent/.env"), &command).unwrap();
        load(Path::new("/"), &command).unwrap();
    }

    #[test]
    fn the_settings_of_every_subcommand_are_ours() {
        let own = own_variables(&crate::cli::with_all_variables());
        for name in
            ["DATABASE_URL", "PROJECT_SLUG", "FEDERATION_API_KEY", "PROJECTS_FILE", "RUST_LOG"]
        {
            assert!(own.contains(name), "{name}");
        }
        assert!(!own.contains("PROMPT"));
    }
}
