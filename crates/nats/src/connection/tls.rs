use std::error::Error;
use std::path::Path;

use async_nats::ConnectOptions;
use async_nats::rustls::pki_types::pem::PemObject;
use async_nats::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::{ConnectionError, TlsSettings};

/// Applies the TLS settings and checks their files. The client reads the files at each attempt to
/// connect and retries forever, so an invalid file must be found here.
pub(super) fn apply(
    tls: &TlsSettings,
    mut options: ConnectOptions,
) -> Result<ConnectOptions, ConnectionError> {
    options = options.require_tls(tls.required);
    if let Some(path) = &tls.ca_file {
        check("the NATS CA file", path, has_certificates)?;
        options = options.add_root_certificates(path.clone());
    }
    match (&tls.client_certificate, &tls.client_key) {
        (Some(certificate), Some(key)) => {
            check("the NATS client certificate", certificate, has_certificates)?;
            check("the NATS client key", key, has_key)?;
            Ok(options.add_client_certificate(certificate.clone(), key.clone()))
        }
        (None, None) => Ok(options),
        _ => Err(ConnectionError::Authentication(
            "a NATS client certificate needs its key, and a key needs its certificate",
        )),
    }
}

type CheckResult = Result<(), Box<dyn Error + Send + Sync>>;

fn check(
    what: &'static str,
    path: &Path,
    look: fn(&[u8]) -> CheckResult,
) -> Result<(), ConnectionError> {
    std::fs::read(path)
        .map_err(Into::into)
        .and_then(|pem| look(&pem))
        .map_err(|source| ConnectionError::File { what, path: path.to_owned(), source })
}

fn has_certificates(pem: &[u8]) -> CheckResult {
    let certificates = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>()?;
    if certificates.is_empty() { Err("it contains no PEM certificate".into()) } else { Ok(()) }
}

fn has_key(pem: &[u8]) -> CheckResult {
    PrivateKeyDer::from_pem_slice(pem)?;
    Ok(())
}
