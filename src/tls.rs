//! TLS by rustls, towards Workiva and HR systems alike: Mozilla's certificates and a company's own, and a certificate that is shown
//! to the server where it wants one.

use std::error::Error;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use reqwest::{Client, ClientBuilder, redirect};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use crate::config::regular_file;

const USER_AGENT: &str = concat!("workiva-sync/", env!("CARGO_PKG_VERSION"));

/// What a client shows of itself (mutual TLS).
pub struct Identity<'a> {
    /// A PEM file with the certificate, and those that it was issued by.
    pub certificate: &'a Path,
    /// Its key in PEM.
    pub key: &'a [u8],
}

/// Why TLS cannot be set up, in words that do not name the key of the configuration.
#[derive(Debug)]
pub enum TlsError {
    /// What is wrong with the file of further authorities.
    Authorities(String),
    /// What is wrong with the file of our own certificate.
    Certificate(String),
    /// Our key cannot be read. Nothing of it is quoted.
    Key,
    /// Certificate and key do not go together, or the library refuses the whole.
    Refused(rustls::Error),
}

impl TlsError {
    /// In words, where the file of further authorities has a key of its own, and no certificate of ours is shown.
    pub fn without_own(self) -> String {
        match self {
            Self::Authorities(problem) => problem,
            Self::Refused(error) => format!("TLS could not be set up: {error}"),
            Self::Certificate(_) | Self::Key => "TLS could not be set up".to_owned(),
        }
    }
}

/// An HTTP client that goes nowhere but where it is sent: no redirect, no proxy, whatever the environment says.
pub fn http_client(config: ClientConfig) -> ClientBuilder {
    Client::builder()
        .tls_backend_preconfigured(config)
        .user_agent(USER_AGENT)
        .redirect(redirect::Policy::none())
        .referer(false)
        .no_proxy()
}

/// The failure of TLS that an error comes from, if it does.
pub fn fault_of<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    std::iter::successors(Some(error), |cause| (*cause).source()).find_map(as_fault)
}

fn as_fault<'a>(cause: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    // An I/O error does not count what it wraps among its causes.
    let wrapped = || as_fault(cause.downcast_ref::<std::io::Error>()?.get_ref()?);
    cause.downcast_ref::<rustls::Error>().or_else(wrapped)
}

/// A TLS configuration that depends on nothing of the process or the machine: the cryptography is named here, and the system's
/// certificate store is not asked. The files are read now.
///
/// # Errors
/// What is wrong with a file.
pub fn client_config(
    authorities: Option<&Path>,
    identity: Option<&Identity<'_>>,
) -> Result<ClientConfig, TlsError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().cloned());
    if let Some(path) = authorities {
        add_file(&mut roots, path).map_err(TlsError::Authorities)?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Refused)?
        .with_root_certificates(roots);
    let mut config = match identity {
        None => builder.with_no_client_auth(),
        Some(identity) => {
            let chain = certificates(identity.certificate).map_err(TlsError::Certificate)?;
            // A parser's own words could quote the key.
            let key = PrivateKeyDer::from_pem_slice(identity.key).map_err(|_| TlsError::Key)?;
            builder.with_client_auth_cert(chain, key).map_err(TlsError::Refused)?
        }
    };
    // reqwest takes a configuration as it is, so what HTTP versions we speak has to be said here.
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

/// The certificates that a client believes which makes its TLS configuration itself. The file is read now.
///
/// # Errors
/// What is wrong with the file.
pub fn authorities(further: Option<&Path>) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let mut all = webpki_root_certs::TLS_SERVER_ROOT_CERTS.to_vec();
    if let Some(path) = further {
        let mut roots = RootCertStore::empty();
        // One by one, so that the one that cannot be used is named.
        add_file(&mut roots, path).map_err(TlsError::Authorities)?;
        all.extend(certificates(path).map_err(TlsError::Authorities)?);
    }
    Ok(all)
}

fn add_file(roots: &mut RootCertStore, path: &Path) -> Result<(), String> {
    for (number, certificate) in (1..).zip(certificates(path)?) {
        roots.add(certificate).map_err(|error| format!("certificate {number} cannot be used: {error}"))?;
    }
    Ok(())
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let mut pem = Vec::new();
    let read = regular_file::open(path).and_then(|mut file| file.read_to_end(&mut pem));
    read.map_err(|error| format!("it cannot be read: {error}"))?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let found = found.map_err(|error| format!("it is not PEM: {error}"))?;
    if found.is_empty() {
        return Err("it holds no certificate; give a PEM file with BEGIN CERTIFICATE".to_owned());
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD as BASE64;

    #[test]
    fn mozillas_roots_are_trusted_without_a_process_wide_provider() {
        let config = client_config(None, None).unwrap();
        assert_eq!(config.alpn_protocols, [b"h2".to_vec(), b"http/1.1".to_vec()]);
    }

    #[test]
    fn a_file_of_certificates_is_added() {
        let pem = |der: &CertificateDer<'_>| {
            let text = BASE64.encode(der);
            format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n")
        };
        let both: String = webpki_root_certs::TLS_SERVER_ROOT_CERTS[..2].iter().map(pem).collect();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        std::fs::write(&path, both).unwrap();
        let mut roots = RootCertStore::empty();
        add_file(&mut roots, &path).unwrap();
        assert_eq!(roots.len(), 2);
    }
}
