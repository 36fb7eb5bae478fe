//! TLS by rustls: Mozilla's certificates, and a company's own where configured.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{CertificateError, ClientConfig, RootCertStore};

use super::settings::ClientError;

/// A TLS configuration that depends on nothing of the process or the machine: the cryptography is named
/// here, and the system's certificate store is not asked.
pub(super) fn client_config(ca_file: Option<&Path>) -> Result<ClientConfig, ClientError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().cloned());
    if let Some(path) = ca_file {
        add_file(&mut roots, path)?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    // reqwest takes a configuration as it is, so what HTTP versions we speak has to be said here.
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

/// What is wrong with a server's certificate, and the mend, where it is the certificate.
pub(super) fn reason(error: &rustls::Error) -> Option<&'static str> {
    let rustls::Error::InvalidCertificate(wrong) = error else { return None };
    Some(match wrong {
        // A bad signature: by a key that is not the one of the authority that it names.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            "the certificate is by an unknown authority; name a company's own in workiva.ca_file"
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "the certificate is for an other name than workiva.base_url has"
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "the certificate has expired; the server needs a new one"
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "the certificate is not valid yet; is this machine's clock right?"
        }
        _ => "the certificate proves nothing",
    })
}

fn add_file(roots: &mut RootCertStore, path: &Path) -> Result<(), ClientError> {
    let wrong = |problem: String| ClientError::CaFile { path: path.to_owned(), problem };
    let pem = std::fs::read(path).map_err(|error| wrong(format!("it cannot be read: {error}")))?;
    let mut found = 0;
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|error| wrong(format!("it is not PEM: {error}")))?;
        roots
            .add(certificate)
            .map_err(|error| wrong(format!("certificate {} cannot be used: {error}", found + 1)))?;
        found += 1;
    }
    if found == 0 {
        return Err(wrong("it holds no certificate; give a PEM file with BEGIN CERTIFICATE".to_owned()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD as BASE64;

    fn refused(content: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        std::fs::write(&path, content).unwrap();
        client_config(Some(&path)).unwrap_err().to_string()
    }

    #[test]
    fn mozillas_roots_are_trusted_without_a_process_wide_provider() {
        let config = client_config(None).unwrap();
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

    #[test]
    fn a_file_that_holds_no_usable_certificate_is_refused_with_its_name() {
        let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        for (content, told) in
            [("", "holds no certificate"), ("hello", "holds no certificate"), (broken, "certificate 1")]
        {
            let message = refused(content);
            assert!(message.contains(told) && message.contains("ca.pem"), "{message}");
        }
        let missing = client_config(Some(Path::new("no/such/ca.pem"))).unwrap_err().to_string();
        assert!(missing.contains("cannot be read") && missing.contains("no/such/ca.pem"), "{missing}");
    }
}
