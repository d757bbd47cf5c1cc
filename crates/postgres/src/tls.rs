//! TLS connections, with the modes of libpq.

use std::path::Path;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::address::ConnectError;

/// The parameter `sslmode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum TlsMode {
    Disable,
    Allow,
    Prefer,
    Require,
    VerifyCa,
    VerifyFull,
}

impl TlsMode {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "disable" => Self::Disable,
            "allow" => Self::Allow,
            "prefer" => Self::Prefer,
            "require" => Self::Require,
            "verify-ca" => Self::VerifyCa,
            "verify-full" => Self::VerifyFull,
            _ => return None,
        })
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Disable => "disable",
            Self::Allow => "allow",
            Self::Prefer => "prefer",
            Self::Require => "require",
            Self::VerifyCa => "verify-ca",
            Self::VerifyFull => "verify-full",
        }
    }
}

/// Parameters of the URL.
pub(crate) struct TlsSettings<'a> {
    pub(crate) mode: Option<TlsMode>,
    /// `sslrootcert`, a file or `system`.
    pub(crate) root_certificates: Option<&'a str>,
    /// `sslcert`.
    pub(crate) certificate: Option<&'a str>,
    /// `sslkey`.
    pub(crate) key: Option<&'a str>,
}

/// Checked settings of TLS.
#[derive(Clone)]
pub(crate) struct Tls {
    pub(crate) mode: TlsMode,
    pub(crate) connector: MakeRustlsConnect,
}

impl Tls {
    /// Reads the files. As in libpq, a file of root certificates turns `require` into `verify-ca`,
    /// and `system` allows only `verify-full`. Without a file, the system's certificates are used.
    pub(crate) fn new(settings: TlsSettings<'_>) -> Result<Self, ConnectError> {
        let TlsSettings { mode, root_certificates, certificate, key } = settings;
        let is_system = root_certificates == Some("system");
        let file = root_certificates.filter(|_| !is_system);
        let mode = match (mode, is_system) {
            (None, true) => TlsMode::VerifyFull,
            (Some(mode), true) if mode < TlsMode::VerifyFull => {
                return Err(ConnectError::Parameter {
                    name: "sslmode",
                    expected: "verify-full with sslrootcert=system",
                    given: mode.as_str().to_owned(),
                });
            }
            (Some(TlsMode::Require), false) if file.is_some() => TlsMode::VerifyCa,
            (mode, _) => mode.unwrap_or(TlsMode::Prefer),
        };
        let given = file.map(read_certificates).transpose()?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier: Arc<dyn ServerCertVerifier> = if mode < TlsMode::VerifyCa {
            Arc::new(Unverified(Arc::clone(&provider)))
        } else {
            Arc::new(Verifier::new(given, mode == TlsMode::VerifyFull, Arc::clone(&provider))?)
        };
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| ConnectError::Invalid(error.into()))?
            .dangerous()
            .with_custom_certificate_verifier(verifier);
        let mut config = match client_certificate(certificate, key)? {
            Some((chain, key)) => builder
                .with_client_auth_cert(chain, key)
                .map_err(|error| unusable("sslcert", certificate.unwrap_or_default(), error))?,
            None => builder.with_no_client_auth(),
        };
        // Required by `sslnegotiation=direct`.
        config.alpn_protocols = vec![b"postgresql".to_vec()];
        Ok(Self { mode, connector: MakeRustlsConnect::new(config) })
    }
}

type ClientCertificate = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn client_certificate(
    certificate: Option<&str>,
    key: Option<&str>,
) -> Result<Option<ClientCertificate>, ConnectError> {
    let parameter =
        |name, expected| Err(ConnectError::Parameter { name, expected, given: String::new() });
    match (certificate, key) {
        (None, None) => Ok(None),
        (Some(_), None) => parameter("sslkey", "the file of the private key of sslcert"),
        (None, Some(_)) => parameter("sslcert", "the file of the certificate of sslkey"),
        (Some(certificate), Some(key)) => {
            let chain = certificates("sslcert", certificate)?;
            let private = PrivateKeyDer::from_pem_file(key);
            let private = private.map_err(|error| unusable("sslkey", key, error))?;
            Ok(Some((chain, private)))
        }
    }
}

fn read_certificates(path: &str) -> Result<Vec<CertificateDer<'static>>, ConnectError> {
    certificates("sslrootcert", path)
}

fn certificates(
    name: &'static str,
    path: &str,
) -> Result<Vec<CertificateDer<'static>>, ConnectError> {
    let certificates = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| unusable(name, path, error))?;
    if certificates.is_empty() {
        return Err(unusable(name, path, "expected certificates in PEM format, got none"));
    }
    Ok(certificates)
}

fn unusable(
    name: &'static str,
    path: &str,
    source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> ConnectError {
    ConnectError::File { name, path: Path::new(path).to_owned(), source: source.into() }
}

/// Accepts every certificate, for the modes that only encrypt. The signature is not checked either,
/// because that would reject certificates of X.509 version 1.
#[derive(Debug)]
struct Unverified(Arc<CryptoProvider>);

impl ServerCertVerifier for Unverified {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// Verifies the chain, and the name of the server with `verify-full`.
#[derive(Debug)]
struct Verifier {
    chain: Arc<WebPkiServerVerifier>,
    /// Certificates of the file. A server that presents one of them is trusted without a chain, as
    /// in OpenSSL, because `sslrootcert` is often a self-signed certificate of the server.
    trusted: Vec<CertificateDer<'static>>,
    is_name_checked: bool,
}

impl Verifier {
    fn new(
        given: Option<Vec<CertificateDer<'static>>>,
        is_name_checked: bool,
        provider: Arc<CryptoProvider>,
    ) -> Result<Self, ConnectError> {
        let mut roots = RootCertStore::empty();
        let trusted = given.unwrap_or_default();
        if trusted.is_empty() {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        } else {
            roots.add_parsable_certificates(trusted.iter().cloned());
        }
        let chain = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider);
        let chain = chain.build().map_err(|_| ConnectError::Parameter {
            name: "sslrootcert",
            expected: "a file of root certificates, because the system has none",
            given: String::new(),
        })?;
        Ok(Self { chain, trusted, is_name_checked })
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        use CertificateError as Problem;
        let verified = self.chain.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        );
        let Err(rustls::Error::InvalidCertificate(problem)) = &verified else { return verified };
        match problem {
            Problem::NotValidForName | Problem::NotValidForNameContext { .. }
                if !self.is_name_checked =>
            {
                Ok(ServerCertVerified::assertion())
            }
            // rustls rejects a CA certificate as a server certificate.
            Problem::Other(_) | Problem::UnknownIssuer
                if self.trusted.iter().any(|trusted| trusted == end_entity) =>
            {
                if self.is_name_checked {
                    let certificate = ParsedCertificate::try_from(end_entity)?;
                    rustls::client::verify_server_name(&certificate, server_name)?;
                }
                Ok(ServerCertVerified::assertion())
            }
            _ => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.chain.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.chain.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.chain.supported_verify_schemes()
    }
}
