//! Which store to use.

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
            Database::Sqlite(path) => {
                // Waiting for a folder, as for a server, would only hide a mistake.
                let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
                if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
                    bail!("DATABASE_URL: there is no folder {}", folder.display());
                }
                let path = path.to_str().context("DATABASE_URL: the path is not UTF-8")?;
                SqliteCatalogStore::connect(path)
                    .map(|store| Self::Sqlite(Arc::new(store)))
                    .context("DATABASE_URL")
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
