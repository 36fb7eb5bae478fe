//! What a connection needs, checked before anything is sent.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;
use url::{Host, Url};

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
    /// Credentials would travel in the clear.
    #[error(
        "workiva.base_url must begin with https:// (plain http:// is for loopback only); it begins with {scheme}://"
    )]
    NotHttps {
        /// What it begins with.
        scheme: String,
    },
    /// The URL holds a user name or password, which would end up in logs.
    #[error(
        "workiva.base_url holds credentials; take them out and set workiva.username and workiva.password_file"
    )]
    UserinfoInUrl,
    /// A path cannot be appended to such a URL.
    #[error("workiva.base_url ends with a query or fragment; cut it off from the first `?` or `#`")]
    QueryInUrl,
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

/// Accepts a base URL that requests can be appended to and credentials be sent to.
pub(super) fn check_base_url(url: &Url) -> Result<(), ClientError> {
    if !url.username().is_empty() || url.password().is_some() {
        return Err(ClientError::UserinfoInUrl);
    }
    if url.scheme() != "https" && !(url.scheme() == "http" && is_loopback(url)) {
        return Err(ClientError::NotHttps { scheme: url.scheme().to_owned() });
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(ClientError::QueryInUrl);
    }
    Ok(())
}

/// Whether the URL's host is this machine by its very name: 127.0.0.0/8, ::1 or localhost.
pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        None => false,
    }
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

    fn check(url: &str) -> Result<(), ClientError> {
        check_base_url(&Url::parse(url).unwrap())
    }

    #[test]
    fn plain_http_is_for_loopback_only() {
        for fine in [
            "https://app.wdesk.example/scim",
            "http://127.0.0.1:1/x",
            "http://127.9.9.9",
            "http://[::1]:8/",
            "http://LOCALHOST/",
        ] {
            assert!(check(fine).is_ok(), "{fine}");
        }
        for refused in [
            "http://app.wdesk.example",
            "http://localhost.example",
            "http://10.0.0.1",
            "http://[::2]",
            "ftp://localhost",
        ] {
            let error = check(refused).unwrap_err();
            assert!(matches!(error, ClientError::NotHttps { .. }), "{refused}");
            assert!(error.to_string().contains("https://"));
        }
    }

    #[test]
    fn a_url_with_credentials_or_a_query_is_refused_without_showing_it() {
        for url in
            ["https://user:hunter2@x.example", "https://hunter2@x.example", "http://:hunter2@x.example"]
        {
            let error = check(url).unwrap_err();
            assert!(matches!(error, ClientError::UserinfoInUrl));
            assert!(!format!("{error} {error:?}").contains("hunter2"));
        }
        for url in ["https://x.example/a?token=hunter2", "https://x.example/#hunter2"] {
            let error = check(url).unwrap_err();
            assert!(matches!(error, ClientError::QueryInUrl));
            assert!(!format!("{error} {error:?}").contains("hunter2"));
        }
    }

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
