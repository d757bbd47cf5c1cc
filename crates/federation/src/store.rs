//! Which store to use.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use federation_domain::{CatalogStore, StoreError};
use federation_postgres::PgCatalogStore;
use federation_sqlite::SqliteCatalogStore;

use crate::settings::Database;

/// The store that `DATABASE_URL` names.
#[derive(Clone)]
pub enum Store {
    /// On a Postgres server.
    Postgres(Arc<PgCatalogStore>),
    /// In a file.
    Sqlite(Arc<SqliteCatalogStore>),
}

impl Store {
    /// Prepares the store. A Postgres server need not be there yet.
    ///
    /// # Errors
    /// When the URL or the path cannot work.
    pub fn open(database: &Database) -> anyhow::Result<Self> {
        match database {
            Database::Postgres(url) => PgCatalogStore::connect(url.expose())
                .map(|store| Self::Postgres(Arc::new(store)))
                .context("DATABASE_URL"),
            Database::Sqlite(url) => {
                let store = SqliteCatalogStore::connect(url.expose()).context("DATABASE_URL")?;
                require_folder(store.path())?;
                Ok(Self::Sqlite(Arc::new(store)))
            }
        }
    }

    /// The store as the application sees it.
    #[must_use]
    pub fn port(&self) -> Arc<dyn CatalogStore> {
        match self {
            Self::Postgres(store) => Arc::clone(store) as Arc<dyn CatalogStore>,
            Self::Sqlite(store) => Arc::clone(store) as Arc<dyn CatalogStore>,
        }
    }

    /// Whether other processes may use the store too.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        matches!(self, Self::Postgres(_))
    }

    /// Brings the tables to the form of this version. Returns the migrations that ran.
    ///
    /// # Errors
    /// [`StoreError`], which says whether trying again makes sense.
    pub async fn migrate(&self) -> Result<Vec<String>, StoreError> {
        match self {
            Self::Postgres(store) => store.migrate().await,
            Self::Sqlite(store) => store.migrate().await,
        }
    }
}

/// Refuses a file whose folder is missing: to wait for that, as for a server, would hide a mistake.
fn require_folder(file: &Path) -> anyhow::Result<()> {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() && !folder.is_dir() => {
            bail!("DATABASE_URL: there is no folder {}", folder.display())
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(database: &Database) -> String {
        let Err(error) = Store::open(database) else { panic!("{database:?} was taken") };
        format!("{error:#}")
    }

    #[tokio::test]
    async fn what_a_store_refuses_is_an_error_of_the_setting_without_the_password() {
        for url in ["postgres:hunter2", "postgresql://", "postgres://u:hunter2@h:port/d"] {
            let error = refusal(&Database::Postgres(url.into()));
            assert!(error.starts_with("DATABASE_URL: ") && !error.contains("hunter2"), "{error}");
        }
        for url in ["sqlite:", "sqlite::memory:", "sqlite:f.db?mode=ro"] {
            let error = refusal(&Database::Sqlite(url.into()));
            assert!(error.starts_with("DATABASE_URL: "), "{error}");
        }
    }

    #[tokio::test]
    async fn the_folder_of_a_file_has_to_be_there() {
        for url in ["sqlite:///nonexistent/f.db", "sqlite:/nonexistent/f.db"] {
            let error = refusal(&Database::Sqlite(url.into()));
            assert_eq!(error, "DATABASE_URL: there is no folder /nonexistent");
        }
        for url in ["sqlite:f.db", "sqlite:src/f.db", "sqlite:///tmp/f.db"] {
            Store::open(&Database::Sqlite(url.into())).unwrap();
        }
    }
}
