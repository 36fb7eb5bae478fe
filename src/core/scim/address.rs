//! The base address of a SCIM server: what requests can be appended to, and credentials be sent to.

use thiserror::Error;
use url::{Host, Url};

/// Why an address is refused. No message shows the address, as that may hold credentials.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum AddressError {
    /// It cannot be read as a URL.
    #[error("is no URL ({0}); copy it from Workiva, with https://")]
    NotUrl(#[from] url::ParseError),
    /// It holds a user name or password, which would end up in logs.
    #[error("holds a user name or password; put them into workiva.username and workiva.password_file")]
    Userinfo,
    /// Credentials would travel in the clear.
    #[error("has to begin with https:// (plain http:// is for loopback only); it begins with {scheme}://")]
    NotHttps {
        /// What it begins with.
        scheme: String,
    },
    /// A path cannot be appended to such a URL.
    #[error("ends with a query or fragment; cut it off from the first '?' or '#'")]
    Query,
}

/// Reads a base address as configured. It is opaque but for its beginning and its end.
///
/// # Errors
/// What is wrong with it, and the mend.
pub fn parse(text: &str) -> Result<Url, AddressError> {
    let url = Url::parse(text)?;
    check(&url)?;
    Ok(url)
}

/// Accepts a base address.
///
/// # Errors
/// What is wrong with it, and the mend.
pub fn check(url: &Url) -> Result<(), AddressError> {
    if !url.username().is_empty() || url.password().is_some() {
        return Err(AddressError::Userinfo);
    }
    if url.scheme() != "https" && !(url.scheme() == "http" && is_loopback(url)) {
        return Err(AddressError::NotHttps { scheme: url.scheme().to_owned() });
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(AddressError::Query);
    }
    Ok(())
}

/// Whether an address that was refused can be shown: nothing in it looks like credentials.
pub fn may_show(text: &str) -> bool {
    !text.contains(['@', '?', '#'])
}

/// Whether the host is this machine by its very name: 127.0.0.0/8, ::1 or localhost.
fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_for_loopback_only() {
        for fine in [
            "https://app.wdesk.example/scim",
            "http://127.0.0.1:1/x",
            "http://127.9.9.9",
            "http://[::1]:8/",
            "http://LOCALHOST/",
        ] {
            assert!(parse(fine).is_ok(), "{fine}");
        }
        for refused in [
            "http://app.wdesk.example",
            "http://localhost.example",
            "http://10.0.0.1",
            "http://[::2]",
            "ftp://localhost",
        ] {
            let error = parse(refused).unwrap_err();
            assert!(matches!(error, AddressError::NotHttps { .. }), "{refused}");
            assert!(error.to_string().contains("https://"));
        }
    }

    #[test]
    fn an_address_with_credentials_or_a_query_is_refused_without_showing_it() {
        let refused = [
            ("https://user:hunter2@x.example", AddressError::Userinfo),
            ("https://hunter2@x.example", AddressError::Userinfo),
            ("http://:hunter2@x.example", AddressError::Userinfo),
            ("https://x.example/a?token=hunter2", AddressError::Query),
            ("https://x.example/#hunter2", AddressError::Query),
            // Without https:// the user name is taken for a scheme.
            ("user:hunter2@x.example", AddressError::NotHttps { scheme: "user".into() }),
            ("https://user:hunter2@x.example:port", AddressError::NotUrl(url::ParseError::InvalidPort)),
        ];
        for (text, wanted) in refused {
            let error = parse(text).unwrap_err();
            assert_eq!(error, wanted, "{text}");
            assert!(!format!("{error} {error:?}").contains("hunter2"));
            assert!(!may_show(text), "{text}");
        }
        assert!(may_show("app.wdesk.example/scim"));
    }

    #[test]
    fn what_is_no_url_is_refused_with_the_mend() {
        let error = parse("app.wdesk.example/scim").unwrap_err();
        assert!(error.to_string().contains("copy it from Workiva"), "{error}");
    }
}
