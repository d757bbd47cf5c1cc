//! How connections are opened, and what a URL may ask for.

use std::error::Error;
use std::str::FromStr;
use std::time::Duration;

use diesel::{ConnectionError, ConnectionResult};
use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use federation_domain::StoreError;
use tokio::time::timeout;
use tokio_postgres::config::SslMode;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Config, NoTls};

/// How long opening a connection may take. Source: the service reports an outage within seconds.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Ends on the server what no client waits for any more, and takes the lock of the change log from
/// a replica that was paused within a transaction.
const SESSION: &str = "SET statement_timeout = '60s'; \
                       SET idle_in_transaction_session_timeout = '5s'";

/// Has the server look, while it works or waits for a lock, whether the client is still there:
/// without it, a writer whose caller gave up keeps its place in the queue to the end. Servers
/// before 14, and those on some platforms, have no such check; they go without.
const WATCH_THE_CLIENT: &str = "
    DO $$ BEGIN
        PERFORM set_config('client_connection_check_interval', '2s', false);
    EXCEPTION WHEN undefined_object OR invalid_parameter_value THEN
        NULL;
    END $$";

/// Why a URL does not lead to a database. It never shows the URL, which may bear a password.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The scheme is another one.
    #[error("the database URL does not begin with postgres:// or postgresql://")]
    Scheme,
    /// The rest does not parse.
    #[error("the database URL is not valid")]
    Invalid(#[source] Box<dyn Error + Send + Sync>),
    /// The URL demands encryption, which this store cannot give.
    #[error(
        "the database URL demands TLS (sslmode=require), which is not supported: connect over a \
         trusted network or a tunnel, and say sslmode=disable"
    )]
    TlsRequired,
    /// The pool could not be made.
    #[error("the pool of database connections could not be made")]
    Pool(#[source] Box<dyn Error + Send + Sync>),
}

/// Reads a URL, in the spellings `postgres://`, `postgresql://` and those with a Python driver,
/// `postgresql+asyncpg://`.
pub(crate) fn configuration(url: &str) -> Result<Config, ConnectError> {
    let (scheme, rest) = url.split_once("://").ok_or(ConnectError::Scheme)?;
    let dialect = scheme.strip_suffix("+asyncpg").unwrap_or(scheme);
    if !matches!(dialect, "postgres" | "postgresql") {
        return Err(ConnectError::Scheme);
    }
    let mut config = Config::from_str(&format!("postgresql://{rest}"))
        .map_err(|error| ConnectError::Invalid(error.into()))?;
    if config.get_ssl_mode() == SslMode::Require {
        return Err(ConnectError::TlsRequired);
    }
    if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
        return Err(ConnectError::Invalid("it names no host".into()));
    }
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(CONNECT_TIMEOUT);
    }
    if config.get_application_name().is_none() {
        config.application_name("federation");
    }
    // A peer that vanished without a word is noticed in 10 to 20 s, not in hours.
    config.keepalives_idle(Duration::from_secs(10));
    config.keepalives_interval(Duration::from_secs(3));
    config.keepalives_retries(3);
    config.tcp_user_timeout(Duration::from_secs(10));
    Ok(config)
}

/// Opens a connection for the pool, with the time limits of a session.
pub(crate) async fn open_session(config: &Config) -> ConnectionResult<AsyncPgConnection> {
    let mut connection = open(config).await?;
    for settings in [SESSION, WATCH_THE_CLIENT] {
        let done = connection.batch_execute(settings).await;
        done.map_err(ConnectionError::CouldntSetupConfiguration)?;
    }
    Ok(connection)
}

/// Opens a connection without time limits. What the server refuses because of the URL is an
/// `InvalidConnectionUrl`, the only kind of Diesel's errors that can say so.
pub(crate) async fn open(config: &Config) -> ConnectionResult<AsyncPgConnection> {
    let (client, connection) = config.connect(NoTls).await.map_err(|error| {
        let text = with_its_causes(&error);
        if is_refusal(&error) {
            ConnectionError::InvalidConnectionUrl(text)
        } else {
            ConnectionError::BadConnection(text)
        }
    })?;
    AsyncPgConnection::try_from_client_and_connection(client, connection).await
}

/// Whether somebody must mend the URL or the server's permissions.
fn is_refusal(error: &tokio_postgres::Error) -> bool {
    match error.code() {
        Some(code) => refuses(code),
        // The driver's own refusals, such as of a missing password, have no code, only these words.
        None => {
            matches!(error.to_string().as_str(), "invalid configuration" | "authentication error")
        }
    }
}

/// Class 28 is a wrong role or password, or a client that the server does not admit; 3D000 is an
/// unknown database.
fn refuses(code: &SqlState) -> bool {
    code.code().starts_with("28") || *code == SqlState::INVALID_CATALOG_NAME
}

/// What an error of opening means where waiting for ever would hide a mistake: a refusal is not an
/// outage.
pub(crate) fn refused_or_away(error: ConnectionError) -> StoreError {
    match error {
        refused @ ConnectionError::InvalidConnectionUrl(_) => StoreError::Failed(refused.into()),
        away => StoreError::Unavailable(away.into()),
    }
}

/// Whether the server still answers on the connection.
pub(crate) async fn answers(connection: &mut AsyncPgConnection) -> bool {
    matches!(timeout(CONNECT_TIMEOUT, connection.batch_execute("SELECT 1")).await, Ok(Ok(())))
}

fn with_its_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text.push_str(": ");
            text.push_str(&inner_text);
        }
        cause = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_spelling_of_the_scheme_is_read() {
        for scheme in ["postgres", "postgresql", "postgresql+asyncpg"] {
            let url = format!("{scheme}://hub:p%40ss%2Fword@db.example:6432/commandcenter_fed");
            let config = configuration(&url).unwrap();
            assert_eq!(config.get_password(), Some(b"p@ss/word".as_slice()));
            assert_eq!(config.get_dbname(), Some("commandcenter_fed"));
            assert_eq!(config.get_ports(), [6432]);
        }
    }

    #[test]
    fn another_scheme_is_refused() {
        for url in ["sqlite://f", "mysql://h/d", "host=localhost", "", "postgresql+psycopg2://h/d"]
        {
            assert!(matches!(configuration(url), Err(ConnectError::Scheme)), "{url}");
        }
    }

    #[test]
    fn a_demand_for_tls_is_refused_and_not_ignored() {
        let demand = configuration("postgres://u:secret@h/d?sslmode=require").unwrap_err();
        assert!(matches!(demand, ConnectError::TlsRequired));
        for good in ["postgres://h/d", "postgres://h/d?sslmode=prefer"] {
            assert!(configuration(good).is_ok(), "{good}");
        }
        for unknown in ["postgres://h/d?sslmode=verify-full", "postgres://h/d?ssl=require"] {
            assert!(matches!(configuration(unknown), Err(ConnectError::Invalid(_))), "{unknown}");
        }
    }

    #[test]
    fn a_wrong_password_role_or_database_is_a_refusal_and_a_server_that_starts_is_not() {
        for code in [
            SqlState::INVALID_PASSWORD,
            SqlState::INVALID_AUTHORIZATION_SPECIFICATION,
            SqlState::INVALID_CATALOG_NAME,
        ] {
            assert!(refuses(&code), "{code:?}");
        }
        for code in [SqlState::CANNOT_CONNECT_NOW, SqlState::TOO_MANY_CONNECTIONS] {
            assert!(!refuses(&code), "{code:?}");
        }
    }

    #[test]
    fn an_error_shows_no_password() {
        for url in ["postgres://u:secret@h:port/d", "postgres:///d", "mysql://u:secret@h/d"] {
            let error = configuration(url).unwrap_err();
            assert!(!with_its_causes(&error).contains("secret"), "{error:?}");
        }
    }
}
