//! Parsing of the database URL.

use std::error::Error;
use std::path::PathBuf;
use std::str::FromStr;

use percent_encoding::percent_decode_str;
use tokio_postgres::Config;

use crate::tls::{Tls, TlsMode, TlsSettings};

/// An invalid database URL. The error does not show the URL, which may contain a password.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The scheme is unknown.
    #[error("expected a database URL that starts with postgres:// or postgresql://")]
    Scheme,
    /// The URL is ambiguous.
    #[error(
        "expected one @ in the database URL, got several; percent-encode special characters of user \
         and password, such as %40 for @ and %2F for /"
    )]
    Credentials,
    /// The rest of the URL is invalid.
    #[error("the database URL is invalid")]
    Invalid(#[source] Box<dyn Error + Send + Sync>),
    /// A parameter of the URL is invalid.
    #[error("{name}: expected {expected}, got {given:?}")]
    Parameter {
        /// Name of the parameter.
        name: &'static str,
        /// The expected value.
        expected: &'static str,
        /// The given value, which is not secret; empty if the parameter is missing.
        given: String,
    },
    /// A file with certificates or a key cannot be used.
    #[error("{name}: cannot use {}", path.display())]
    File {
        /// Name of the parameter.
        name: &'static str,
        /// Path of the file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The pool of connections could not be created.
    #[error("cannot create the pool of database connections")]
    Pool(#[source] Box<dyn Error + Send + Sync>),
}

/// A parsed database URL.
#[derive(Clone)]
pub(crate) struct Address {
    pub(crate) config: Config,
    pub(crate) tls: Tls,
    /// True if a pooler such as PgBouncer may run each transaction on a different server
    /// connection.
    pub(crate) is_pooled: bool,
}

impl Address {
    /// Parses a URL with the scheme `postgres`, `postgresql` or `postgresql+asyncpg`.
    ///
    /// `sslmode`, `sslrootcert`, `sslcert` and `sslkey` have the meaning that they have in libpq.
    /// `pgbouncer=true` is the parameter of Prisma, and `statement_cache_size=0` that of asyncpg.
    pub(crate) fn parse(url: &str) -> Result<Self, ConnectError> {
        let (scheme, rest) = url.split_once("://").ok_or(ConnectError::Scheme)?;
        let dialect = scheme.strip_suffix("+asyncpg").unwrap_or(scheme);
        if !matches!(dialect, "postgres" | "postgresql") {
            return Err(ConnectError::Scheme);
        }
        let (location, query) = split_query(rest);
        if location.matches('@').count() > 1 {
            return Err(ConnectError::Credentials);
        }
        let mut parameters = Parameters::default();
        let others: Vec<_> = query.split('&').filter(|pair| !parameters.take(pair)).collect();
        let config = Config::from_str(&format!("postgresql://{location}?{}", others.join("&")))
            .map_err(|error| ConnectError::Invalid(error.into()))?;
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err(ConnectError::Invalid("it names no host".into()));
        }
        Ok(Self { config, is_pooled: parameters.is_pooled()?, tls: parameters.tls()? })
    }
}

/// Splits a URL at the start of its query. A `?` in the password does not start the query.
fn split_query(rest: &str) -> (&str, &str) {
    let after_credentials = rest.find('@').map_or(0, |at| at + 1);
    match rest[after_credentials..].find('?') {
        Some(at) => (&rest[..after_credentials + at], &rest[after_credentials + at + 1..]),
        None => (rest, ""),
    }
}

/// Parameters that `tokio_postgres` does not support. If one is repeated, the last value applies.
#[derive(Default)]
struct Parameters {
    ssl_mode: Option<String>,
    root_certificates: Option<String>,
    certificate: Option<String>,
    key: Option<String>,
    pgbouncer: Option<String>,
    statement_cache_size: Option<String>,
}

impl Parameters {
    /// Stores the value and returns `true` if the parameter is one of these.
    fn take(&mut self, pair: &str) -> bool {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let parameter = match name {
            // asyncpg accepts the same values under another name.
            "sslmode" | "ssl" => &mut self.ssl_mode,
            "sslrootcert" => &mut self.root_certificates,
            "sslcert" => &mut self.certificate,
            "sslkey" => &mut self.key,
            "pgbouncer" => &mut self.pgbouncer,
            "statement_cache_size" | "prepared_statement_cache_size" => {
                &mut self.statement_cache_size
            }
            _ => return false,
        };
        *parameter = Some(percent_decode_str(value).decode_utf8_lossy().into_owned());
        true
    }

    fn is_pooled(&self) -> Result<bool, ConnectError> {
        let is_uncached = self.statement_cache_size.as_deref() == Some("0");
        match self.pgbouncer.as_deref() {
            None => Ok(is_uncached),
            Some("true") => Ok(true),
            Some("false") => Ok(false),
            Some(given) => Err(ConnectError::Parameter {
                name: "pgbouncer",
                expected: "true or false",
                given: given.to_owned(),
            }),
        }
    }

    fn tls(&self) -> Result<Tls, ConnectError> {
        let mode = self.ssl_mode.as_deref().map(|mode| {
            TlsMode::parse(mode).ok_or(ConnectError::Parameter {
                name: "sslmode",
                expected: "disable, allow, prefer, require, verify-ca or verify-full",
                given: mode.to_owned(),
            })
        });
        Tls::new(TlsSettings {
            mode: mode.transpose()?,
            root_certificates: self.root_certificates.as_deref(),
            certificate: self.certificate.as_deref(),
            key: self.key.as_deref(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_spelling_of_the_scheme_is_read() {
        for scheme in ["postgres", "postgresql", "postgresql+asyncpg"] {
            let url = format!("{scheme}://hub:p%40ss%2Fword@db.example:6432/commandcenter_fed");
            let config = Address::parse(&url).ok().unwrap().config;
            assert_eq!(config.get_password(), Some(b"p@ss/word".as_slice()));
            assert_eq!(config.get_dbname(), Some("commandcenter_fed"));
            assert_eq!(config.get_ports(), [6432]);
        }
    }

    #[test]
    fn another_scheme_is_rejected() {
        for url in ["sqlite://f", "mysql://h/d", "host=localhost", "", "postgresql+psycopg2://h/d"]
        {
            assert!(matches!(Address::parse(url), Err(ConnectError::Scheme)), "{url}");
        }
    }

    #[test]
    fn a_raw_at_sign_in_the_password_is_rejected_with_a_hint() {
        for url in ["postgres://u:p@ss@h/d", "postgres://u:p@s/s@h/d", "postgres://u:p@s:s@h:1/d"] {
            let Err(error) = Address::parse(url) else { panic!("{url}") };
            assert!(error.to_string().contains("percent-encode"), "{error}");
        }
    }

    #[test]
    fn other_special_characters_of_the_password_are_taken_as_they_are() {
        for password in ["p?s", "p/s", "p#s", "p:s", "p&s=", "100%", "p s"] {
            let url = format!("postgres://u:{password}@h:1/d?application_name=a");
            let config = Address::parse(&url).ok().unwrap().config;
            assert_eq!(config.get_password(), Some(password.as_bytes()), "{password}");
            assert_eq!(config.get_application_name(), Some("a"));
        }
    }

    #[test]
    fn a_pooler_is_announced_by_the_parameters_of_other_drivers_too() {
        let is_pooled =
            |query| Address::parse(&format!("postgres://h/d{query}")).ok().unwrap().is_pooled;
        for query in
            ["?pgbouncer=true", "?statement_cache_size=0", "?prepared_statement_cache_size=0"]
        {
            assert!(is_pooled(query), "{query}");
        }
        for query in ["", "?pgbouncer=false", "?statement_cache_size=100"] {
            assert!(!is_pooled(query), "{query}");
        }
    }

    #[test]
    fn an_invalid_parameter_is_rejected() {
        for (query, said, given) in [
            ("pgbouncer=yes", "pgbouncer: expected true or false", "got \"yes\""),
            ("sslmode=on", "sslmode: expected disable, allow", "got \"on\""),
            ("ssl=true", "sslmode: expected disable, allow", "got \"true\""),
            ("sslrootcert=/nonexistent", "sslrootcert: cannot use /nonexistent", ""),
            ("sslrootcert=system&sslmode=require", "sslmode: expected verify-full", "\"require\""),
            ("sslcert=/nonexistent", "sslkey: expected the file of the private key", "\"\""),
        ] {
            let Err(error) = Address::parse(&format!("postgres://h/d?{query}")) else {
                panic!("{query}")
            };
            let error = error.to_string();
            assert!(error.starts_with(said) && error.ends_with(given), "{error}");
        }
        let unknown = Address::parse("postgres://h/d?colour=red");
        assert!(matches!(unknown, Err(ConnectError::Invalid(_))));
    }
}
