//! TLS towards an HR system: what is wrong with a file, in words that name its key.

use std::path::Path;

use rustls::ClientConfig;
use secrecy::ExposeSecret;

use crate::config::rest::TlsRules;
use crate::tls::{self, Identity, TlsError};

/// A TLS configuration. The files are read anew for every read of the source, so a renewed certificate needs no restart.
///
/// # Errors
/// What is wrong with a file, in words that name its key.
pub(super) fn client_config(rules: &TlsRules) -> Result<ClientConfig, String> {
    let authorities = rules.ca_file.as_deref();
    let identity = rules.client.as_ref().map(|(path, key)| Identity {
        certificate: Path::new(path),
        key: key.as_secret().expose_secret().as_bytes(),
    });
    let (ca, own) = (authorities.unwrap_or_default(), rules.client.as_ref().map_or("", |(path, _)| path));
    tls::client_config(authorities.map(Path::new), identity.as_ref()).map_err(|error| match error {
        TlsError::Authorities(problem) => format!("source.rest.ca_file {ca}: {problem}"),
        TlsError::Certificate(problem) => format!("source.rest.client_certificate_file {own}: {problem}"),
        TlsError::Key => "source.rest.client_private_key_file: it holds no key in PEM that can be read".to_owned(),
        TlsError::Refused(error) if own.is_empty() => format!("TLS could not be set up: {error}"),
        TlsError::Refused(error) => format!(
            "source.rest.client_certificate_file {own} and source.rest.client_private_key_file cannot be used: {error}"
        ),
    })
}
