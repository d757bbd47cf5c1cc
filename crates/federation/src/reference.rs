//! Reference of all settings, generated from the definition of the command line.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use clap::Arg;

use crate::cli;

/// Commands in the order of the reference. Client commands share a heading.
const COMMANDS: [(&str, Option<&str>); 7] = [
    ("serve", None),
    ("migrate", None),
    ("heartbeat", None),
    ("projects", Some("Client commands")),
    ("metrics", Some("Client commands")),
    ("keys", Some("Client commands")),
    ("health", Some("Client commands")),
];

const INTRODUCTION: &str = "\
# Configuration

<!-- Generated from the command line. Change the help texts and run
     UPDATE_DOCS=1 cargo test -p federation reference -->

Every setting is an environment variable and a flag. A flag overrides the environment, and the
environment overrides the file `.env` in the working directory. The flag is the name in lower case
with hyphens, `--service-port` for `SERVICE_PORT`, unless the table names another. An empty variable
counts as unset, except `FEDERATION_API_KEYS` and `FEDERATION_KEYS_FILE`, which are rejected.

`.env` is read as python-dotenv and Docker Compose read it. A value may contain spaces, `$` and JSON.
Single quotes keep a value as it is, and double quotes allow escapes such as `\\n`. `${NAME}` and
`${NAME:-default}` are replaced, except in single quotes; `$NAME` is not. A comment starts with a
space and `#`. The last line of a variable counts. The file may contain lines of other programs,
which are never an error.

The projects file and the file of API keys are YAML in UTF-8, with or without a byte order mark.
Merge keys (`<<: *base`) are applied, and top-level keys that begin with `x-` are ignored.

A Postgres URL takes the parameters of libpq for TLS: `sslmode` is `disable`, `allow`, `prefer` (the
default), `require`, `verify-ca` or `verify-full`. `sslrootcert` names a file of root certificates;
without it the certificates of the system are used. `sslcert` and `sslkey` name a client certificate.
Behind PgBouncer in transaction mode, or another pooler, add `pgbouncer=true`: then each operation is
one transaction that keeps nothing in the session.

Booleans are `true`, `false`, `1`, `0`, `yes`, `no`, `on` or `off`; a flag without a value means
`true`. Seconds may have a fraction and are at most one year. An invalid setting ends the program
with exit code 1 or 2 and a line that names the setting, its line if it stands in `.env`, the
expected value and the given one. Passwords are never repeated.

`federation serve` and `federation heartbeat` log to standard error. `RUST_LOG` overrides `LOG_LEVEL`
with a filter such as `federation_nats=debug`. `NO_COLOR` turns colours off.
";

const ENV_HEADER: &str = "\
# Every setting with its default. Copy this file to .env and uncomment the lines that you change.
# Flags override the environment, which overrides .env. docs/CONFIGURATION.md has the details.
#
# The file is read as python-dotenv and Docker Compose read it. A value may contain spaces, $ and
# JSON. ${NAME} is replaced by the variable NAME, except in single quotes. A comment starts with a
# space and #. Lines of other programs are ignored.
";

/// Line length of `.env.example`.
const COLUMNS: usize = 100;

struct Group {
    heading: String,
    settings: Vec<Setting>,
}

struct Setting {
    name: String,
    /// The flag, if it cannot be derived from the name.
    flag: Option<String>,
    kind: &'static str,
    default: String,
    /// True if the default is computed, so that `default` describes it in words.
    is_computed: bool,
    help: String,
}

/// Returns the reference of all settings as Markdown.
#[must_use]
pub fn markdown() -> String {
    let mut text = INTRODUCTION.to_owned();
    for group in groups() {
        // Writing to a String cannot fail.
        let _ =
            write!(text, "\n## {}\n\n| setting | value | default | description |\n", group.heading);
        text.push_str("|---|---|---|---|\n");
        for setting in group.settings {
            let flag = setting.flag.map(|flag| format!(" (`--{flag}`)")).unwrap_or_default();
            let default = match setting.default.as_str() {
                "" => "none".to_owned(),
                words if setting.is_computed => words.to_owned(),
                value => format!("`{value}`"),
            };
            let (name, kind, help) = (setting.name, setting.kind, setting.help.replace('|', "\\|"));
            let _ = writeln!(text, "| `{name}`{flag} | {kind} | {default} | {help} |");
        }
    }
    text
}

/// Returns the text of `.env.example`.
#[must_use]
pub fn env_example() -> String {
    let mut text = ENV_HEADER.to_owned();
    for group in groups() {
        let rule = "-".repeat(COLUMNS.saturating_sub(group.heading.len() + 7));
        let _ = write!(text, "\n# --- {} {rule}\n", group.heading);
        for setting in group.settings {
            let default = if setting.is_computed {
                format!(" Default: {}.", setting.default)
            } else {
                String::new()
            };
            text.push('\n');
            for line in wrapped(&format!("{}{default}", setting.help), COLUMNS - 2) {
                let _ = writeln!(text, "# {line}");
            }
            let value = if setting.is_computed { "" } else { &setting.default };
            let _ = writeln!(text, "#{}={value}", setting.name);
        }
    }
    text
}

fn groups() -> Vec<Group> {
    let command = cli::plain();
    let mut groups: Vec<Group> = Vec::new();
    let mut seen = BTreeSet::new();
    for (name, shared_heading) in COMMANDS {
        let arguments =
            command.find_subcommand(name).into_iter().flat_map(clap::Command::get_arguments);
        for argument in arguments {
            let Some(setting) = Setting::of(argument).filter(|it| seen.insert(it.name.clone()))
            else {
                continue;
            };
            let heading = shared_heading.or(argument.get_help_heading()).unwrap_or("Other");
            match groups.iter_mut().find(|group| group.heading == heading) {
                Some(group) => group.settings.push(setting),
                None => groups.push(Group { heading: heading.to_owned(), settings: vec![setting] }),
            }
        }
    }
    groups
}

impl Setting {
    fn of(argument: &Arg) -> Option<Self> {
        let name = argument.get_env()?.to_string_lossy().into_owned();
        let flag = argument.get_long()?;
        let text = argument.get_long_help().or_else(|| argument.get_help())?.to_string();
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let (help, computed) = match text.split_once(" [default: ") {
            Some((help, default)) => (help, default.trim_end_matches(['.', ']'])),
            None => (text.as_str(), ""),
        };
        let given: Vec<_> =
            argument.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
        let value_name = argument.get_value_names().and_then(|names| names.first());
        Some(Self {
            flag: (name.to_ascii_lowercase().replace('_', "-") != flag).then(|| flag.to_owned()),
            kind: kind(value_name.map_or("", |name| name.as_str())),
            is_computed: !computed.is_empty(),
            default: if computed.is_empty() { given.join(",") } else { computed.to_owned() },
            help: format!("{}.", help.trim_end_matches('.')),
            name,
        })
    }
}

/// Describes the values behind a value name of the command line.
fn kind(value_name: &str) -> &'static str {
    match value_name {
        "BOOL" => "boolean",
        "SECONDS" => "seconds",
        "DURATION" => "duration",
        "PORT" => "0 to 65535",
        "URL" => "URL",
        "FILE" => "path",
        "HOST" => "host",
        "NUMBER" | "DAYS" => "whole number",
        "ORIGINS" => "origins",
        "LEVEL" => "error, warning, info, debug, trace",
        "WHEN" => "auto, on, off",
        "FORMAT" => "auto, text, logfmt, json",
        "POLICY" => "off, public, all",
        _ => "text",
    }
}

fn wrapped(text: &str, columns: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last_mut().filter(|line| line.len() + word.len() < columns);
        match line {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) => {
                line.push(' ');
                line.push_str(word);
            }
            None => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// Compares a file of the repository with its generated text, or writes it.
    fn check(file: &str, generated: &str) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(file);
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(&path, generated).unwrap();
        }
        let written = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            written == generated,
            "{file} is out of date; run UPDATE_DOCS=1 cargo test -p federation reference"
        );
    }

    #[test]
    fn the_reference_describes_every_setting_of_the_program() {
        check("docs/CONFIGURATION.md", &markdown());
    }

    #[test]
    fn the_example_names_every_setting_of_the_program() {
        check(".env.example", &env_example());
    }

    #[test]
    fn a_computed_default_is_words_and_a_given_one_is_a_value() {
        let groups = groups();
        let settings: Vec<_> = groups.iter().flat_map(|group| &group.settings).collect();
        let find = |name: &str| settings.iter().find(|setting| setting.name == name).unwrap();
        let degraded = find("HEARTBEAT_DEGRADED_THRESHOLD_SECONDS");
        assert!(degraded.is_computed && degraded.default.starts_with("two intervals"));
        let port = find("SERVICE_PORT");
        assert_eq!(
            (port.default.as_str(), port.is_computed, port.kind),
            ("8001", false, "0 to 65535")
        );
        assert_eq!(find("FEDERATION_KEYS_FILE").flag.as_deref(), Some("keys-file"));
    }
}
