//! TLS by rustls: Mozilla's certificates and a company's own, and the certificate that is shown to the server.

use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use secrecy::ExposeSecret;

use crate::config::rest::TlsRules;

/// A TLS configuration. The files are read anew for every read of the source, so a renewed certificate needs no restart.
///
/// # Errors
/// What is wrong with a file, in words that name its key.
pub(super) fn client_config(rules: &TlsRules) -> Result<ClientConfig, String> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().cloned());
    if let Some(path) = &rules.ca_file {
        for certificate in certificates("ca_file", path)? {
            roots.add(certificate).map_err(|error| {
                format!("source.rest.ca_file {path}: a certificate in it cannot be used: {error}")
            })?;
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("TLS could not be set up: {error}"))?
        .with_root_certificates(roots);
    let mut config = match &rules.client {
        None => builder.with_no_client_auth(),
        Some((path, key)) => {
            let chain = certificates("client_certificate_file", path)?;
            // A parser's own words could quote the key.
            let key = PrivateKeyDer::from_pem_slice(key.as_secret().expose_secret().as_bytes()).map_err(
                |_| "source.rest.client_private_key_file: it holds no key in PEM that can be read",
            )?;
            builder.with_client_auth_cert(chain, key).map_err(|error| {
                format!(
                    "source.rest.client_certificate_file {path} and source.rest.client_private_key_file cannot be used: {error}"
                )
            })?
        }
    };
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

fn certificates(key: &str, path: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let wrong = |problem: String| format!("source.rest.{key} {path}: {problem}");
    let pem = std::fs::read(path).map_err(|error| wrong(format!("it cannot be read: {error}")))?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    match found {
        Ok(found) if found.is_empty() => {
            Err(wrong("it holds no certificate; give a PEM file with BEGIN CERTIFICATE".to_owned()))
        }
        Ok(found) => Ok(found),
        Err(error) => Err(wrong(format!("it is not PEM: {error}"))),
    }
}
