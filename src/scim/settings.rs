//! What a connection needs, checked before anything is sent.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;
use url::Url;

use crate::core::scim::address::AddressError;

/// What the daemon shows to Workiva. Both kinds are free text, as Workiva's form gives them (facts: D).
/// `Debug` shows neither names nor secrets.
#[derive(Clone)]
pub enum Credentials {
    /// HTTP Basic (RFC 7617).
    Basic {
        /// The user name; it cannot have a colon.
        username: String,
        /// The password.
        password: SecretString,
    },
    /// A bearer token (RFC 6750).
    Bearer {
        /// The token.
        token: SecretString,
    },
}

impl fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Basic { .. } => "Basic { redacted }",
            Self::Bearer { .. } => "Bearer { redacted }",
        })
    }
}

/// Where a SCIM server is and how it is spoken to.
#[derive(Debug, Clone)]
pub struct ConnectionSettings {
    /// What `/Users` is appended to, with or without a slash at its end. The rest of it is opaque.
    pub base_url: Url,
    /// What is shown to the server.
    pub credentials: Credentials,
    /// The longest that one request may take, to the last byte of its answer. Workiva itself holds some
    /// requests for 30 s before it fails them (facts: D), so this should be longer.
    pub timeout: Duration,
    /// How many requests are under way at once at most; more of them wait for their turn.
    pub max_connections: usize,
    /// Certificates in PEM that are trusted beside Mozilla's, for a company's own proxy.
    pub ca_file: Option<PathBuf>,
}

/// Why a connection cannot be set up as configured. No message shows credentials.
#[derive(Debug, Error)]
pub enum ClientError {
    /// The base address, in the words of the one rule for it.
    #[error("workiva.base_url {0}")]
    Address(#[from] AddressError),
    /// Credentials that cannot be written into a header.
    #[error("{key} {problem}")]
    Credentials {
        /// The key in configuration.
        key: &'static str,
        /// What is wrong, and the mend.
        problem: &'static str,
    },
    /// The extra certificates cannot be used.
    #[error("workiva.ca_file {path}: {problem}", path = .path.display())]
    CaFile {
        /// The file.
        path: PathBuf,
        /// What is wrong, and the mend.
        problem: String,
    },
    /// TLS cannot be set up.
    #[error("TLS could not be set up")]
    Tls(#[from] rustls::Error),
    /// The HTTP client cannot be set up.
    #[error("the HTTP client could not be set up")]
    Http(#[source] reqwest::Error),
}

/// The `Authorization` header, marked so that nothing prints it.
pub(super) fn authorization(credentials: &Credentials) -> Result<HeaderValue, ClientError> {
    let wrong = |key, problem| Err(ClientError::Credentials { key, problem });
    let value = match credentials {
        Credentials::Basic { username, password } => {
            let password = password.expose_secret();
            if username.is_empty() {
                return wrong("workiva.username", "is empty; set it as Workiva's form shows it");
            }
            if username.contains(|one: char| one == ':' || one.is_control()) {
                return wrong(
                    "workiva.username",
                    "has a colon or a control character, which Basic cannot carry",
                );
            }
            if password.is_empty() {
                return wrong("workiva.password", "is empty; set workiva.password_file");
            }
            if password.contains(char::is_control) {
                return wrong("workiva.password", "has a line break or control character; take it out");
            }
            format!("Basic {}", BASE64.encode(format!("{username}:{password}")))
        }
        Credentials::Bearer { token } => {
            let token = token.expose_secret();
            if token.is_empty() {
                return wrong("workiva.token", "is empty; set workiva.token_file");
            }
            if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
                return wrong(
                    "workiva.token",
                    "has blanks, line breaks or letters that a header cannot carry",
                );
            }
            format!("Bearer {token}")
        }
    };
    let mut header = HeaderValue::from_str(&value).expect("visible ASCII alone was let through above");
    header.set_sensitive(true);
    Ok(header)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_of_credentials_become_a_sensitive_header() {
        let basic = Credentials::Basic { username: "Aladdin".into(), password: "open sesame".into() };
        let header = authorization(&basic).unwrap();
        assert_eq!(header.to_str().unwrap(), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        assert!(header.is_sensitive());
        let bearer = authorization(&Credentials::Bearer { token: "a.b-c".into() }).unwrap();
        assert_eq!((bearer.to_str().unwrap(), bearer.is_sensitive()), ("Bearer a.b-c", true));
    }

    #[test]
    fn credentials_that_no_header_can_carry_are_refused_without_showing_them() {
        let basic = |username: &str, password: &str| Credentials::Basic {
            username: username.into(),
            password: password.into(),
        };
        for (credentials, key) in [
            (basic("", "hunter2"), "workiva.username"),
            (basic("hun:ter2", "x"), "workiva.username"),
            (basic("u", ""), "workiva.password"),
            (basic("u", "hunter2\n"), "workiva.password"),
            (Credentials::Bearer { token: "".into() }, "workiva.token"),
            (Credentials::Bearer { token: "hunter2\r\n".into() }, "workiva.token"),
        ] {
            let error = authorization(&credentials).unwrap_err();
            let shown = format!("{error} {error:?}");
            assert!(shown.contains(key) && !shown.contains("hunter2"), "{shown}");
        }
    }

    #[test]
    fn debug_of_settings_shows_no_secret() {
        let settings = ConnectionSettings {
            base_url: Url::parse("https://x.example").unwrap(),
            credentials: Credentials::Basic { username: "ops".into(), password: "hunter2".into() },
            timeout: Duration::from_secs(40),
            max_connections: 8,
            ca_file: None,
        };
        let bearer = Credentials::Bearer { token: "hunter2".into() };
        let shown = format!("{settings:?} {bearer:?}");
        assert!(!shown.contains("hunter2") && !shown.contains("ops"), "{shown}");
    }
}
