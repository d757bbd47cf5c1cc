//! TLS to a real server.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use federation_domain::{StoreError, StoreHealth};
use federation_postgres::PgStore;
use federation_testkit::{PostgresServer, TestDatabase};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use tempfile::TempDir;
use tokio_postgres::NoTls;

static NEXT: AtomicUsize = AtomicUsize::new(0);

/// A server with a certificate for `localhost`, and files of root certificates.
struct World {
    server: PostgresServer,
    folder: TempDir,
}

impl World {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (authority, root) = authority("root");
        std::fs::write(folder.path().join("root.pem"), root).unwrap();
        std::fs::write(folder.path().join("other.pem"), self::authority("other").1).unwrap();
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let certificate = certificate.signed_by(&key, &authority).unwrap();
        let server = PostgresServer::with_tls(&certificate.pem(), &key.serialize_pem()).await;
        Self { server, folder }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Connects and returns whether the server sees TLS, or the error.
    async fn connect(&self, host: &str, query: &str) -> Result<bool, StoreError> {
        // Connections of former stores may still be closing.
        let name = format!("store-{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let port = self.server.port();
        let url =
            format!("postgres://postgres@{host}:{port}/postgres?application_name={name}&{query}");
        let store = PgStore::connect(&url).unwrap();
        store.migrate().await?;
        store.ping().await?;
        Ok(self.is_encrypted(&name).await)
    }

    async fn is_encrypted(&self, name: &str) -> bool {
        let (client, connection) =
            tokio_postgres::connect(&self.server.url(), NoTls).await.unwrap();
        tokio::spawn(connection);
        let query = "SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
                     WHERE application_name = $1";
        client.query_one(query, &[&name]).await.unwrap().get(0)
    }

    async fn rejection(&self, host: &str, query: &str) -> String {
        match self.connect(host, query).await {
            Err(StoreError::Failed(error)) => error.to_string(),
            other => panic!("{query}: {other:?}"),
        }
    }
}

fn authority(name: &str) -> (Issuer<'static, KeyPair>, String) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    // CAs with equal names would differ only in their signatures.
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    (Issuer::new(params, key), certificate.pem())
}

fn with_root(mode: &str, root: &Path) -> String {
    format!("sslmode={mode}&sslrootcert={}", root.display())
}

#[tokio::test]
async fn each_mode_encrypts_and_verifies_as_in_libpq() {
    let world = World::start().await;
    let (root, other) = (world.file("root.pem"), world.file("other.pem"));
    for query in ["sslmode=disable", "sslmode=allow"] {
        assert!(!world.connect("127.0.0.1", query).await.unwrap(), "{query}");
    }
    for query in ["", "sslmode=prefer", "sslmode=require", "ssl=require"] {
        assert!(world.connect("127.0.0.1", query).await.unwrap(), "{query}");
    }
    for mode in ["require", "verify-ca"] {
        assert!(world.connect("127.0.0.1", &with_root(mode, &root)).await.unwrap(), "{mode}");
        let error = world.rejection("127.0.0.1", &with_root(mode, &other)).await;
        assert!(error.contains("UnknownIssuer"), "{error}");
    }
    assert!(world.connect("localhost", &with_root("verify-full", &root)).await.unwrap());
    let error = world.rejection("127.0.0.1", &with_root("verify-full", &root)).await;
    assert!(error.contains("not valid for name"), "{error}");
    // The system does not trust this CA.
    let error = world.rejection("localhost", "sslrootcert=system").await;
    assert!(error.contains("UnknownIssuer"), "{error}");
}

#[tokio::test]
async fn a_self_signed_certificate_of_the_server_can_be_trusted() {
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap().pem();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("root.pem"), &certificate).unwrap();
    let server = PostgresServer::with_tls(&certificate, &key.serialize_pem()).await;
    let world = World { server, folder };
    let root = world.file("root.pem");
    assert!(world.connect("localhost", &with_root("verify-full", &root)).await.unwrap());
    let error = world.rejection("127.0.0.1", &with_root("verify-full", &root)).await;
    assert!(error.contains("not valid for name"), "{error}");
}

#[tokio::test]
async fn a_server_without_tls_is_rejected_only_if_tls_is_required() {
    let database = TestDatabase::create().await;
    for mode in ["allow", "prefer"] {
        let url = format!("{}?sslmode={mode}", database.url());
        PgStore::connect(&url).unwrap().migrate().await.unwrap();
    }
    let url = format!("{}?sslmode=require", database.url());
    let error = PgStore::connect(&url).unwrap().migrate().await.unwrap_err();
    assert!(matches!(&error, StoreError::Failed(_)), "{error:?}");
    let text = format!("{error:?}");
    assert!(text.contains("server does not support TLS"), "{text}");
}
