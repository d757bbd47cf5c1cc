//! Where the catalog is kept: `DATABASE_URL`.

use std::path::PathBuf;

use super::value::{Secret, SettingError};

const NAME: &str = "DATABASE_URL";
const ALLOWED: &str = "postgres://…, postgresql://… (also as postgresql+asyncpg://…) and sqlite:PATH \
                       are allowed";

/// Settings of the database, as given.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Database")]
pub struct DatabaseArgs {
    /// Where the catalog is kept: `postgres://…` or `sqlite:PATH`.
    #[arg(long, env, value_name = "URL", default_value = "sqlite:federation.db")]
    #[arg(hide_env_values = true)]
    pub database_url: Secret,
}

impl DatabaseArgs {
    /// The database to use.
    ///
    /// # Errors
    /// When the URL names no database that we know. The error bears no part of the URL beyond its
    /// scheme, because the rest may hold a password.
    pub fn resolve(&self) -> Result<Database, SettingError> {
        Database::parse(self.database_url.expose())
    }
}

/// The database that keeps the catalog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Database {
    /// A Postgres server, by a URL of the form `postgresql://…`.
    Postgres(Secret),
    /// An SQLite file.
    Sqlite(PathBuf),
}

impl Database {
    fn parse(url: &str) -> Result<Self, SettingError> {
        let url = url.trim();
        let refuse = |problem: &str| SettingError::new(NAME, format!("{problem}; {ALLOWED}"));
        let Some((scheme, rest)) = url.split_once(':') else {
            return Err(refuse("this is no URL"));
        };
        match scheme.to_ascii_lowercase().as_str() {
            "sqlite" => sqlite_path(rest).map(Self::Sqlite),
            "postgres" | "postgresql" | "postgresql+asyncpg" => match rest.strip_prefix("//") {
                Some(rest) if !rest.is_empty() => {
                    Ok(Self::Postgres(format!("postgresql://{rest}").into()))
                }
                _ => Err(refuse("a Postgres URL begins with postgresql:// and a host")),
            },
            // A text like `user:password@host` has its user where a scheme should be.
            known if known.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b)) => {
                let plain = rest.starts_with("//");
                let shown = if plain { format!("\"{known}\"") } else { "this".to_owned() };
                Err(refuse(&format!("{shown} is no database of ours")))
            }
            _ => Err(refuse("this is no URL")),
        }
    }
}

/// The file of `sqlite:PATH`, `sqlite://PATH` and `sqlite:///ABSOLUTE/PATH`.
fn sqlite_path(rest: &str) -> Result<PathBuf, SettingError> {
    let path = rest.strip_prefix("//").unwrap_or(rest);
    if path.is_empty() {
        return Err(SettingError::new(NAME, "the path of the SQLite file is missing"));
    }
    if path.contains(":memory:") {
        let problem = "a database in memory would forget what was acknowledged; name a file";
        return Err(SettingError::new(NAME, problem));
    }
    if path.contains('?') {
        return Err(SettingError::new(NAME, "an SQLite URL takes no parameters, only a path"));
    }
    Ok(PathBuf::from(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_spellings_of_postgres_become_one() {
        let same = Database::Postgres("postgresql://u:p@h:5432/d?sslmode=require".into());
        for scheme in ["postgres", "postgresql", "postgresql+asyncpg", "POSTGRESQL+asyncpg"] {
            let url = format!("{scheme}://u:p@h:5432/d?sslmode=require");
            assert_eq!(Database::parse(&url), Ok(same.clone()), "{url}");
        }
    }

    #[test]
    fn sqlite_takes_relative_and_absolute_paths() {
        for (url, path) in [
            ("sqlite:federation.db", "federation.db"),
            ("sqlite:///var/lib/f.db", "/var/lib/f.db"),
            ("sqlite:/var/lib/f.db", "/var/lib/f.db"),
            ("sqlite://data/f.db", "data/f.db"),
        ] {
            assert_eq!(Database::parse(url), Ok(Database::Sqlite(path.into())), "{url}");
        }
    }

    #[test]
    fn anything_else_is_refused_and_shows_no_password() {
        for url in [
            "",
            "federation.db",
            "mysql://u:hunter2@h/d",
            "u:hunter2@h/d",
            "hunter2:x",
            "postgres:hunter2",
            "postgresql://",
            "sqlite:",
            "sqlite::memory:",
            "sqlite:f.db?mode=hunter2",
        ] {
            let error = Database::parse(url).unwrap_err().to_string();
            assert!(error.starts_with("DATABASE_URL: "), "{error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
