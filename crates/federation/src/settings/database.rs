//! The setting `DATABASE_URL`.

use super::value::{Secret, SettingError};

/// Settings of the database, before they are checked.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Database")]
pub struct DatabaseArgs {
    /// Keep the catalog in this database. `sqlite:PATH` is a file; with slashes the URL is read as
    /// by SQLAlchemy, `sqlite:///relative` and `sqlite:////absolute`. `postgres://USER:PASSWORD@HOST/NAME`
    /// is a Postgres database; special characters in user and password must be percent-encoded. Its
    /// parameters are those of libpq, such as `sslmode=verify-full` and `sslrootcert=FILE`. Add
    /// `pgbouncer=true` behind a pooler in transaction mode.
    #[arg(long, env, value_name = "URL", default_value = "sqlite:federation.db")]
    #[arg(hide_env_values = true)]
    pub database_url: Secret,
}

impl DatabaseArgs {
    /// Selects the database by the scheme of the URL. The store parses the rest.
    ///
    /// # Errors
    /// Fails if the scheme is unknown. The error does not show the scheme, because in a text such as
    /// `user:password@host` it is the user.
    pub fn resolve(&self) -> Result<Database, SettingError> {
        let url = self.database_url.expose().trim();
        let scheme = url.split_once(':').map_or("", |(scheme, _)| scheme);
        match scheme {
            "postgres" | "postgresql" | "postgresql+asyncpg" => Ok(Database::Postgres(url.into())),
            "sqlite" | "sqlite+aiosqlite" | "sqlite+pysqlite" => Ok(Database::Sqlite(url.into())),
            _ => Err(SettingError::new(
                "DATABASE_URL",
                "expected postgres://…, postgresql://… (also as postgresql+asyncpg://…) or \
                 sqlite:PATH (also as sqlite+aiosqlite:///PATH)",
            )),
        }
    }
}

/// Database of the catalog, by its URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Database {
    /// A Postgres server.
    Postgres(Secret),
    /// An SQLite file.
    Sqlite(Secret),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(url: &str) -> Result<Database, SettingError> {
        DatabaseArgs { database_url: url.into() }.resolve()
    }

    #[test]
    fn the_scheme_selects_the_database() {
        for scheme in ["postgres", "postgresql", "postgresql+asyncpg"] {
            let url = format!("{scheme}://u:p@h:5432/d");
            assert_eq!(resolve(&format!(" {url} ")), Ok(Database::Postgres(url.as_str().into())));
        }
        for url in ["sqlite:federation.db", "sqlite:////var/lib/f.db", "sqlite+aiosqlite:///./f.db"]
        {
            assert_eq!(resolve(url), Ok(Database::Sqlite(url.into())));
        }
    }

    #[test]
    fn an_unknown_scheme_is_rejected_and_not_shown() {
        for url in ["", "federation.db", "mysql://u:hunter2@h/d", "u:hunter2@h/d", "hunter2:x"] {
            let error = resolve(url).unwrap_err().to_string();
            assert!(error.starts_with("DATABASE_URL: "), "{error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
