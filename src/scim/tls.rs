//! TLS towards Workiva: what is wrong with a file or a certificate, in words that name its key.

use std::path::Path;

use rustls::{CertificateError, ClientConfig};

use super::settings::ClientError;
use crate::tls::{self, TlsError};

/// A TLS configuration that trusts Mozilla's authorities, and those in this file.
pub(super) fn client_config(ca_file: Option<&Path>) -> Result<ClientConfig, ClientError> {
    tls::client_config(ca_file, None).map_err(|error| match (error, ca_file) {
        (TlsError::Authorities(problem), Some(path)) => {
            ClientError::CaFile { path: path.to_owned(), problem }
        }
        (TlsError::Refused(error), _) => ClientError::Tls(error),
        // Nothing is shown to Workiva.
        (other, _) => ClientError::Tls(rustls::Error::General(format!("{other:?}"))),
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(content: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        std::fs::write(&path, content).unwrap();
        client_config(Some(&path)).unwrap_err().to_string()
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
