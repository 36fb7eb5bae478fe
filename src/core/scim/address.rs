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

/// The same for all ways to write the address of one server: of the host the case, of the port a default one, of this
/// machine the name, and slashes at the end make no difference.
pub fn canonical(url: &Url) -> String {
    let mut url = url.clone();
    let host = url.host_str().unwrap_or_default();
    let host = match host.trim_end_matches('.') {
        "localhost" | "[::1]" => "127.0.0.1".to_owned(),
        host => host.to_owned(),
    };
    // Neither can fail: the URL has a host, and this is one. If it did, the address would only count as another one.
    let _ = url.set_host(Some(&host));
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(&path);
    url.as_str().trim_end_matches('/').to_owned()
}

/// Whether two addresses are those of one server. What is no URL is equal to itself alone.
pub fn is_same(one: &str, other: &str) -> bool {
    let canonical = |text: &str| Url::parse(text).map_or_else(|_| text.to_owned(), |url| canonical(&url));
    canonical(one) == canonical(other)
}

/// Whether an address that was refused can be shown: nothing in it looks like credentials.
pub fn may_show(text: &str) -> bool {
    !text.contains(['@', '?', '#'])
}

/// Whether the host is this machine by its very name: 127.0.0.0/8, ::1 or localhost.
pub fn is_loopback(url: &Url) -> bool {
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
    fn the_ways_to_write_one_address_are_the_same_and_those_of_another_are_not() {
        let one = [
            ("https://app.wdesk.example/scim/v2", "https://app.wdesk.example/scim/v2"),
            ("https://app.wdesk.example/scim/v2/", "https://app.wdesk.example/scim/v2"),
            ("HTTPS://APP.wdesk.Example:443/scim/v2//", "https://app.wdesk.example/scim/v2"),
            ("https://app.wdesk.example./scim/v2", "https://app.wdesk.example/scim/v2"),
            ("https://app.wdesk.example:443/", "https://app.wdesk.example"),
            ("https://app.wdesk.example", "https://app.wdesk.example"),
            ("http://localhost:8044/scim/v2", "http://127.0.0.1:8044/scim/v2"),
            ("http://LOCALHOST:8044/scim/v2/", "http://127.0.0.1:8044/scim/v2"),
            ("http://[::1]:8044/scim/v2", "http://127.0.0.1:8044/scim/v2"),
            ("http://[0:0:0:0:0:0:0:1]:80", "http://127.0.0.1"),
        ];
        for (text, wanted) in one {
            assert_eq!(canonical(&parse(text).unwrap()), wanted, "{text}");
            assert!(is_same(text, wanted), "{text}");
        }
        for other in [
            "https://app.wdesk.example/scim",
            "https://app.wdesk.example/SCIM/v2",
            "https://app.wdesk.example:8443/scim/v2",
            "https://eu.wdesk.example/scim/v2",
            "http://127.0.0.1:8045/scim/v2",
        ] {
            assert!(!is_same(other, "https://app.wdesk.example/scim/v2"), "{other}");
            assert!(!is_same(other, "http://localhost:8044/scim/v2"), "{other}");
        }
        assert!(is_same("no URL", "no URL") && !is_same("no URL", "no url"));
    }

    #[test]
    fn what_is_no_url_is_refused_with_the_mend() {
        let error = parse("app.wdesk.example/scim").unwrap_err();
        assert!(error.to_string().contains("copy it from Workiva"), "{error}");
    }
}
