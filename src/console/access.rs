//! Who somebody is who asks, and what they may.

use axum::http::{HeaderMap, header};
use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};

use crate::config::{HttpSettings, HttpUser, UserRole};

/// Somebody who has shown a token of `[[http.users]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// By which name the audit calls them.
    pub name: String,
    /// What they may do.
    pub role: UserRole,
    /// The digest of the token: with another one, a login is over.
    pub token: [u8; 32],
}

impl Caller {
    /// Whether they may decide.
    pub fn decides(&self) -> bool {
        self.role == UserRole::Operator
    }

    fn of(user: &HttpUser) -> Option<Self> {
        let token = user.token.as_ref()?.as_secret().expose_secret();
        Some(Self { name: user.name.trim().to_owned(), role: user.role, token: Sha256::digest(token).into() })
    }
}

/// Whose token this is. All are compared, and by their digests, so that the time it takes says nothing.
pub fn by_token(http: &HttpSettings, shown: &str) -> Option<Caller> {
    let shown: [u8; 32] = Sha256::digest(shown).into();
    let callers = http.users.iter().filter_map(Caller::of);
    callers.fold(None, |found, caller| if caller.token == shown { Some(caller) } else { found })
}

/// The user of this name, with the token as it is configured now.
pub fn by_name(http: &HttpSettings, name: &str) -> Option<Caller> {
    http.users.iter().filter_map(Caller::of).find(|caller| caller.name == name)
}

/// One cookie of a request.
pub fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers.get_all(header::COOKIE).into_iter().filter_map(|line| line.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(key, _)| *key == name).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Secret;
    use crate::http::bearer;

    fn users() -> HttpSettings {
        let user = |name: &str, role, token: &str| HttpUser {
            name: name.into(),
            role,
            token: Some(Secret::new(token.into())),
            token_file: None,
        };
        let users = vec![
            user("Ann", UserRole::Operator, "a-token-of-twenty-four-letters"),
            user("Ben", UserRole::Viewer, "another-token-of-enough-letters"),
        ];
        HttpSettings { users, ..HttpSettings::default() }
    }

    #[test]
    fn a_token_tells_who_it_is_and_what_they_may() {
        let ann = by_token(&users(), "a-token-of-twenty-four-letters").unwrap();
        assert_eq!((ann.name.as_str(), ann.decides()), ("Ann", true));
        let ben = by_token(&users(), "another-token-of-enough-letters").unwrap();
        assert_eq!((ben.name.as_str(), ben.decides()), ("Ben", false));
        assert_eq!(by_token(&users(), "a-token-of-twenty-four-letter"), None);
        assert_eq!(by_token(&users(), ""), None);
        assert_eq!(by_name(&users(), "Ben").map(|caller| caller.token), Some(ben.token));
    }

    #[test]
    fn tokens_and_cookies_are_read_as_clients_send_them() {
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, "bearer  abc".parse().unwrap());
        headers.append(header::COOKIE, "theme=dark; session=one".parse().unwrap());
        headers.append(header::COOKIE, "other=two".parse().unwrap());
        assert_eq!(bearer(&headers), Some("abc"));
        assert_eq!(cookie(&headers, "session"), Some("one"));
        assert_eq!(cookie(&headers, "other"), Some("two"));
        assert_eq!(cookie(&headers, "sess"), None);
        headers.insert(header::AUTHORIZATION, "Basic abc".parse().unwrap());
        assert_eq!(bearer(&headers), None);
    }
}
