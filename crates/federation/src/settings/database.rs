//! Where the catalog is kept: `DATABASE_URL`.

use super::value::{Secret, SettingError};

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
    /// The database to use, by the scheme of the URL; the rest is for its store to parse.
    ///
    /// # Errors
    /// When there is no such store. The error shows nothing of the URL: a text like
    /// `user:password@host` has its user where a scheme should be.
    pub fn resolve(&self) -> Result<Database, SettingError> {
        let url = self.database_url.expose().trim();
        let scheme = url.split_once(':').map_or("", |(scheme, _)| scheme);
        match scheme {
            "postgres" | "postgresql" | "postgresql+asyncpg" => Ok(Database::Postgres(url.into())),
            "sqlite" => Ok(Database::Sqlite(url.into())),
            _ => Err(SettingError::new(
                "DATABASE_URL",
                "postgres://…, postgresql://… (also as postgresql+asyncpg://…) and sqlite:PATH \
                 are allowed",
            )),
        }
    }
}

/// The database that keeps the catalog, by its URL.
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
    fn the_scheme_says_which_database_it_is() {
        for scheme in ["postgres", "postgresql", "postgresql+asyncpg"] {
            let url = format!("{scheme}://u:p@h:5432/d");
            assert_eq!(resolve(&format!(" {url} ")), Ok(Database::Postgres(url.as_str().into())));
        }
        for url in ["sqlite:federation.db", "sqlite:///var/lib/f.db", "sqlite://data/f.db"] {
            assert_eq!(resolve(url), Ok(Database::Sqlite(url.into())));
        }
    }

    #[test]
    fn anything_else_is_refused_without_showing_it() {
        for url in ["", "federation.db", "mysql://u:hunter2@h/d", "u:hunter2@h/d", "hunter2:x"] {
            let error = resolve(url).unwrap_err().to_string();
            assert!(error.starts_with("DATABASE_URL: "), "{error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
