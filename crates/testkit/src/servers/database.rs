//! Separate databases for tests on a shared cluster.

use std::time::Duration;

use tokio_postgres::{Client, NoTls};
use url::Url;

use super::HOW_TO_GET;

/// Environment variable with the URL of a role that may create databases.
const VARIABLE: &str = "FEDERATION_TEST_POSTGRES";

/// Deadline for creating or dropping a database.
const DEADLINE: Duration = Duration::from_secs(60);

/// An empty database with a unique name. Dropped with this value.
#[derive(Debug)]
pub struct TestDatabase {
    admin: Url,
    name: String,
}

impl TestDatabase {
    /// Creates a database on the cluster in `FEDERATION_TEST_POSTGRES`.
    ///
    /// # Panics
    ///
    /// Panics if the variable is missing or the cluster does not respond.
    pub async fn create() -> Self {
        Self::create_on(&cluster()).await
    }

    /// Creates a database with these options of `CREATE DATABASE`, such as another encoding.
    ///
    /// # Panics
    ///
    /// Panics if the variable is missing or the cluster does not respond.
    pub async fn create_with(options: &str) -> Self {
        Self::create_as(&cluster(), options).await
    }

    /// Creates a database on the cluster at `admin_url`.
    ///
    /// # Panics
    ///
    /// Panics if that is not a URL or the cluster does not respond.
    pub async fn create_on(admin_url: &str) -> Self {
        Self::create_as(admin_url, "").await
    }

    async fn create_as(admin_url: &str, options: &str) -> Self {
        let admin = Url::parse(admin_url)
            .unwrap_or_else(|error| panic!("invalid URL of a Postgres cluster: {error}"));
        let name = in_time("create a test database", create(&admin, options)).await;
        Self { admin, name }
    }

    /// Returns the URL of the database.
    #[must_use]
    pub fn url(&self) -> String {
        let mut url = self.admin.clone();
        url.set_path(&self.name);
        url.into()
    }

    /// Executes statements, as another program would.
    ///
    /// # Panics
    ///
    /// Panics if the database rejects them.
    pub async fn execute(&self, statements: &str) {
        let url = self.url();
        let execute = async {
            let (client, connection) = tokio_postgres::connect(&url, NoTls).await?;
            tokio::spawn(connection);
            client.batch_execute(statements).await
        };
        in_time("execute statements", execute).await;
    }

    /// Ends all other sessions, because settings of a database apply to new ones.
    ///
    /// # Panics
    ///
    /// Panics if the cluster does not respond.
    pub async fn renew_sessions(&self) {
        self.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )
        .await;
    }

    /// Returns the name of the database.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for TestDatabase {
    /// Drops the database if possible. Otherwise it disappears with the temporary cluster.
    fn drop(&mut self) {
        let (admin, name) = (self.admin.clone(), self.name.clone());
        // This thread may be inside a runtime, which must not block. So another thread runs its own.
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            if let Ok(runtime) = runtime {
                let _ = runtime.block_on(async {
                    tokio::time::timeout(DEADLINE, drop_database(&admin, &name)).await
                });
            }
        });
        let _ = dropping.join();
    }
}

/// Returns the URL of the cluster for tests.
fn cluster() -> String {
    match std::env::var(VARIABLE) {
        Ok(url) if !url.is_empty() => url,
        _ => panic!("this test needs Postgres, and {VARIABLE} is not set: {HOW_TO_GET}"),
    }
}

async fn create(admin: &Url, options: &str) -> Result<String, tokio_postgres::Error> {
    let client = connect(admin).await?;
    let id: String =
        client.query_one("SELECT replace(gen_random_uuid()::text, '-', '')", &[]).await?.get(0);
    let name = format!("federation_test_{id}");
    client.batch_execute(&format!("CREATE DATABASE {name} {options}")).await?;
    Ok(name)
}

async fn drop_database(admin: &Url, name: &str) -> Result<(), tokio_postgres::Error> {
    let client = connect(admin).await?;
    client.batch_execute(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await
}

async fn connect(admin: &Url) -> Result<Client, tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::connect(admin.as_str(), NoTls).await?;
    // Stops with the client. Its error also reaches the calls of the client.
    tokio::spawn(connection);
    Ok(client)
}

async fn in_time<T>(what: &str, work: impl Future<Output = Result<T, tokio_postgres::Error>>) -> T {
    match tokio::time::timeout(DEADLINE, work).await {
        Ok(Ok(done)) => done,
        Ok(Err(error)) => panic!("could not {what} on the cluster of {VARIABLE}: {error}"),
        Err(_) => {
            panic!("timed out after {DEADLINE:?}: could not {what} on the cluster of {VARIABLE}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{TestDatabase, connect};

    async fn databases_named(name: &str, on: &TestDatabase) -> i64 {
        let client = connect(&on.admin).await.unwrap();
        let count = "SELECT count(*) FROM pg_database WHERE datname = $1";
        client.query_one(count, &[&name]).await.unwrap().get(0)
    }

    #[tokio::test]
    async fn each_test_has_its_own_empty_database() {
        let (one, other) = (TestDatabase::create().await, TestDatabase::create().await);
        assert_ne!(one.url(), other.url());
        let client = connect(&one.url().parse().unwrap()).await.unwrap();
        let tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'";
        assert_eq!(client.query_one(tables, &[]).await.unwrap().get::<_, i64>(0), 0);
    }

    #[tokio::test]
    async fn a_database_is_dropped_even_while_a_client_is_connected() {
        let (kept, dropped) = (TestDatabase::create().await, TestDatabase::create().await);
        let name = dropped.name().to_owned();
        let _client = connect(&dropped.url().parse().unwrap()).await.unwrap();
        assert_eq!(databases_named(&name, &kept).await, 1);
        drop(dropped);
        assert_eq!(databases_named(&name, &kept).await, 0);
    }
}
