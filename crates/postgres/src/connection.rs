//! Opening of connections.

use std::error::Error;
use std::time::Duration;

use diesel::connection::CacheSize;
use diesel::{ConnectionError, ConnectionResult, QueryResult};
use diesel_async::{AsyncConnection as _, AsyncPgConnection, SimpleAsyncConnection};
use federation_domain::StoreError;
use tokio::time::timeout;
use tokio_postgres::config::SslMode;
use tokio_postgres::error::SqlState;
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres::{Config, NoTls, Socket};

use crate::address::{Address, ConnectError};
use crate::error::{POOLER_HINT, is_of_a_pooler};
use crate::tls::TlsMode;

/// Deadline for opening a connection, so that the service reports an outage within seconds.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Sets session timeouts, so that the server cancels statements that no client waits for any more,
/// and releases the change log lock of a replica that was paused within a transaction.
const SESSION: &str = "SET statement_timeout = '60s'; \
                       SET idle_in_transaction_session_timeout = '5s'";

/// Lets the server check, while it works or waits for a lock, whether the client is still
/// connected. Otherwise a writer whose caller has given up stays in the lock queue until its turn.
/// Servers before 14, and those on some platforms, do not support this check.
const WATCH_THE_CLIENT: &str = "
    DO $$ BEGIN
        PERFORM set_config('client_connection_check_interval', '2s', false);
    EXCEPTION WHEN undefined_object OR invalid_parameter_value THEN
        NULL;
    END $$";

/// First statements of each transaction behind a pooler, where the next transaction may run on a
/// different server connection. They replace [`SESSION`] and remove prepared statements of other
/// clients, which may have the same names.
const POOLED: &str = "DEALLOCATE ALL; \
                      SET LOCAL statement_timeout = '60s'; \
                      SET LOCAL idle_in_transaction_session_timeout = '5s'; \
                      SET LOCAL TIME ZONE 'UTC'";

/// Parses a URL and adds the settings of every connection.
pub(crate) fn configuration(url: &str) -> Result<Address, ConnectError> {
    let mut address = Address::parse(url)?;
    let config = &mut address.config;
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(CONNECT_TIMEOUT);
    }
    if config.get_application_name().is_none() {
        config.application_name("federation");
    }
    // An unreachable server is noticed in 10 to 20 s and not in hours.
    config.keepalives_idle(Duration::from_secs(10));
    config.keepalives_interval(Duration::from_secs(3));
    config.keepalives_retries(3);
    config.tcp_user_timeout(Duration::from_secs(10));
    Ok(address)
}

/// Opens a connection for the pool, with the time limits of a session.
pub(crate) async fn open_session(address: &Address) -> ConnectionResult<AsyncPgConnection> {
    let mut connection = open(address).await?;
    if address.is_pooled {
        return Ok(connection);
    }
    for settings in [SESSION, WATCH_THE_CLIENT] {
        let done = connection.batch_execute(settings).await;
        done.map_err(ConnectionError::CouldntSetupConfiguration)?;
    }
    Ok(connection)
}

/// Makes a transaction independent of the session. Call it first in each transaction.
pub(crate) async fn begin_pooled(connection: &mut AsyncPgConnection) -> QueryResult<()> {
    connection.batch_execute(POOLED).await
}

/// Opens a connection without time limits. If the server rejects the URL, the error is an
/// `InvalidConnectionUrl`, the only kind of Diesel error that can express it.
pub(crate) async fn open(address: &Address) -> ConnectionResult<AsyncPgConnection> {
    let Address { config, tls, .. } = address;
    let with_mode = |mode| {
        let mut config = config.clone();
        config.ssl_mode(mode);
        config
    };
    let plain = with_mode(SslMode::Disable);
    let opened = match tls.mode {
        TlsMode::Disable => open_with(&plain, NoTls, address).await,
        TlsMode::Allow => match open_with(&plain, NoTls, address).await {
            Err(OpenError::Server(error)) if is_rejection(&error) => {
                open_with(&with_mode(SslMode::Require), tls.connector.clone(), address).await
            }
            other => other,
        },
        TlsMode::Prefer => {
            let preferred = with_mode(SslMode::Prefer);
            match open_with(&preferred, tls.connector.clone(), address).await {
                Err(OpenError::Server(error)) if error.code().is_some() || is_of_tls(&error) => {
                    open_with(&plain, NoTls, address).await
                }
                other => other,
            }
        }
        TlsMode::Require | TlsMode::VerifyCa | TlsMode::VerifyFull => {
            open_with(&with_mode(SslMode::Require), tls.connector.clone(), address).await
        }
    };
    opened.map_err(|error| match error {
        OpenError::Set(error) => explain_pooler(error),
        OpenError::Server(error) if is_rejection(&error) => {
            ConnectionError::InvalidConnectionUrl(with_tls_hint(with_its_causes(&error)))
        }
        OpenError::Server(error) => ConnectionError::BadConnection(with_its_causes(&error)),
    })
}

/// Adds a hint to an error caused by a pooler that the URL does not declare. Waiting does not fix
/// such an error, so it counts as a rejection.
fn explain_pooler(error: ConnectionError) -> ConnectionError {
    let text = with_its_causes(&error);
    if is_of_a_pooler(&text) {
        ConnectionError::InvalidConnectionUrl(format!("{POOLER_HINT}: {text}"))
    } else {
        error
    }
}

/// Adds what to do about a failed TLS handshake, if that is known.
fn with_tls_hint(text: String) -> String {
    let hint = if text.contains("UnknownIssuer") {
        "name the certificate of its authority with sslrootcert=FILE"
    } else if text.contains("server does not support TLS") {
        "enable TLS on the server, or use sslmode=prefer or disable"
    } else if text.contains("not valid for name") {
        "use a name in the certificate as the host, or sslmode=verify-ca"
    } else {
        return text;
    };
    format!("{text}; {hint}")
}

enum OpenError {
    /// The server cannot be reached or rejects the client.
    Server(tokio_postgres::Error),
    /// The session cannot be set up.
    Set(ConnectionError),
}

async fn open_with<T>(
    config: &Config,
    tls: T,
    address: &Address,
) -> Result<AsyncPgConnection, OpenError>
where
    T: MakeTlsConnect<Socket> + Send,
    T::Stream: Send + 'static,
    T::TlsConnect: Send,
    <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
{
    let (client, mut connection) = config.connect(tls).await.map_err(OpenError::Server)?;
    if let Some(encoding) = connection.parameter("server_encoding") {
        check_encoding(encoding, config.get_dbname()).map_err(OpenError::Set)?;
    }
    if address.is_pooled {
        // Diesel prepares statements to set up the session. A transaction keeps them on one server
        // connection.
        let begun = client.batch_execute("BEGIN; DEALLOCATE ALL");
        tokio::select! {
            begun = begun => begun.map_err(OpenError::Server)?,
            Err(error) = &mut connection => return Err(OpenError::Server(error)),
        }
    }
    let opened = AsyncPgConnection::try_from_client_and_connection(client, connection).await;
    let mut opened = opened.map_err(OpenError::Set)?;
    if address.is_pooled {
        opened.set_prepared_statement_cache_size(CacheSize::Disabled);
        let committed = opened.batch_execute("COMMIT").await;
        committed
            .map_err(|error| OpenError::Set(ConnectionError::CouldntSetupConfiguration(error)))?;
    }
    Ok(opened)
}

/// Rejects a database that cannot store every text. It would reject changes of single projects long
/// after the start.
fn check_encoding(encoding: &str, database: Option<&str>) -> ConnectionResult<()> {
    if encoding == "UTF8" {
        return Ok(());
    }
    let name = database.unwrap_or("federation").replace('"', "\"\"");
    Err(ConnectionError::InvalidConnectionUrl(format!(
        "encoding of the database \"{name}\": expected UTF8, got {encoding}; create another one by \
         CREATE DATABASE \"{name}_utf8\" TEMPLATE template0 ENCODING 'UTF8' \
         LC_COLLATE 'C' LC_CTYPE 'C' and copy the tables with pg_dump"
    )))
}

/// Returns whether the URL or the permissions of the server must be corrected.
fn is_rejection(error: &tokio_postgres::Error) -> bool {
    match error.code() {
        Some(code) => rejects(code),
        // Errors of the driver, such as for a missing password, have no code.
        None => {
            let text = error.to_string();
            matches!(text.as_str(), "invalid configuration" | "authentication error")
                || is_of_tls(error) && !is_interrupted(error)
        }
    }
}

/// Returns whether the TLS handshake failed.
fn is_of_tls(error: &tokio_postgres::Error) -> bool {
    error.to_string().starts_with("error performing TLS handshake")
}

/// Returns whether the connection was lost during the handshake.
fn is_interrupted(error: &tokio_postgres::Error) -> bool {
    let cause = error.source().and_then(|cause| cause.downcast_ref::<std::io::Error>());
    cause.is_some_and(|cause| cause.kind() != std::io::ErrorKind::InvalidData)
}

/// Class 28 is an invalid role or password, or a client that the server does not admit. 3D000 is an
/// unknown database.
fn rejects(code: &SqlState) -> bool {
    code.code().starts_with("28") || *code == SqlState::INVALID_CATALOG_NAME
}

/// Classifies an error of opening a connection, for callers that must not wait forever: a rejection
/// is not an outage.
pub(crate) fn classify_opening_error(error: ConnectionError) -> StoreError {
    match error {
        rejected @ ConnectionError::InvalidConnectionUrl(_) => StoreError::Failed(rejected.into()),
        away => StoreError::Unavailable(away.into()),
    }
}

/// Returns whether the server still answers on the connection.
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
    fn a_wrong_password_role_or_database_is_a_rejection_and_a_starting_server_is_not() {
        for code in [
            SqlState::INVALID_PASSWORD,
            SqlState::INVALID_AUTHORIZATION_SPECIFICATION,
            SqlState::INVALID_CATALOG_NAME,
        ] {
            assert!(rejects(&code), "{code:?}");
        }
        for code in [SqlState::CANNOT_CONNECT_NOW, SqlState::TOO_MANY_CONNECTIONS] {
            assert!(!rejects(&code), "{code:?}");
        }
    }

    #[test]
    fn a_failed_handshake_is_reported_with_what_to_do() {
        let hint = |text: &str| with_tls_hint(text.to_owned());
        let unknown = "invalid peer certificate: UnknownIssuer";
        assert!(hint(unknown).starts_with(unknown) && hint(unknown).contains("sslrootcert=FILE"));
        assert!(hint("server does not support TLS").ends_with("sslmode=prefer or disable"));
        assert_eq!(hint("certificate expired"), "certificate expired");
    }

    #[test]
    fn an_unannounced_pooler_is_a_rejection_with_a_hint() {
        let set_up = |message: &str| {
            let kind = diesel::result::DatabaseErrorKind::Unknown;
            let error = diesel::result::Error::DatabaseError(kind, Box::new(message.to_owned()));
            classify_opening_error(explain_pooler(ConnectionError::CouldntSetupConfiguration(
                error,
            )))
        };
        let conflict = "prepared statement \"s0\" already exists";
        let StoreError::Failed(error) = set_up(conflict) else { panic!("an outage") };
        assert_eq!(error.to_string(), format!("{POOLER_HINT}: {conflict}"));
        let other = set_up("the database system is shutting down");
        assert!(other.is_unavailable(), "{other}");
    }

    #[test]
    fn an_error_shows_no_password() {
        for url in [
            "postgres://u:secret@h:port/d",
            "postgres:///d",
            "mysql://u:secret@h/d",
            "postgres://u:secret@x@h/d",
        ] {
            let Err(error) = configuration(url) else { panic!("{url}") };
            assert!(!with_its_causes(&error).contains("secret"), "{error:?}");
        }
    }
}
