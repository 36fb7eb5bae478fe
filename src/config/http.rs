//! `[http]`: what the daemon itself serves, and to whom.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use schemars::JsonSchema;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};

use super::Secret;
use super::error::ConfigError;
use super::settings::Settings;

/// The shortest token of a user, in bytes: as many hexadecimal digits hold 96 random bits.
const SHORTEST_TOKEN: usize = 24;
/// The longest name of a user, in characters.
const LONGEST_NAME: usize = 100;

/// `[http]`
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HttpSettings {
    /// Address and port. Off loopback a token is required.
    #[serde(default = "loopback")]
    pub listen: String,
    /// The token that callers of `/readyz` and `/metrics` have to send as `Authorization: Bearer …`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<Secret>,
    /// A file that holds the token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_file: Option<String>,
    /// Who may see the dashboard and use `/v1`, and who may decide there. Nobody named: neither is served.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub users: Vec<HttpUser>,
    /// After so many minutes without a request a login to the dashboard is over; after twelve hours it always is.
    #[serde(default = "half_an_hour")]
    #[schemars(range(min = 1, max = 720))]
    pub session_minutes: u32,
}

/// `[[http.users]]`: somebody who may see the dashboard.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HttpUser {
    /// The name by which the audit calls them.
    pub name: String,
    /// What they may do.
    pub role: UserRole,
    /// What they log in by, and send to `/v1` as `Authorization: Bearer …`. At least 24 characters; make it by `openssl rand -hex 24`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<Secret>,
    /// A file that holds the token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_file: Option<String>,
}

/// What somebody may do on the dashboard and by `/v1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum UserRole {
    /// See everything, people's data too.
    Viewer,
    /// And decide: approve, reject, retry, discard.
    Operator,
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            listen: loopback(),
            token: None,
            token_file: None,
            users: Vec::new(),
            session_minutes: half_an_hour(),
        }
    }
}

/// Where to listen, if that can be; and everything that is wrong with `[http]`.
pub(super) fn check(settings: &Settings, errors: &mut Vec<ConfigError>) -> Option<SocketAddr> {
    let http = &settings.http;
    check_users(http, errors);
    let Ok(address) = http.listen.parse::<SocketAddr>() else {
        let message = "has to be an address and a port, such as 127.0.0.1:8080";
        errors.push(ConfigError::with_value("http.listen", &http.listen, message));
        return None;
    };
    if !address.ip().is_loopback() && http.token.as_ref().is_none_or(Secret::is_empty) {
        let message =
            "is not loopback; set http.token_file, so that not everybody can read the daemon's state";
        errors.push(ConfigError::with_value("http.listen", &http.listen, message));
    }
    Some(address)
}

fn check_users(http: &HttpSettings, errors: &mut Vec<ConfigError>) {
    let (mut names, mut tokens) = (BTreeSet::new(), BTreeSet::new());
    for (at, user) in http.users.iter().enumerate() {
        let key = |name: &str| format!("http.users.{at}.{name}");
        let name = user.name.trim();
        let is_name = !name.is_empty() && name.chars().count() <= LONGEST_NAME;
        if !is_name || name.chars().any(char::is_control) {
            let message = format!("has to be a name of 1 to {LONGEST_NAME} characters on one line");
            errors.push(ConfigError::with_value(key("name"), &user.name, message));
        }
        if !names.insert(name) {
            let message = "is another user's name as well; the audit could not tell who decided";
            errors.push(ConfigError::with_value(key("name"), &user.name, message));
        }
        let Some(token) = user.token.as_ref().map(|token| token.as_secret().expose_secret()) else {
            errors.push(ConfigError::new(key("token_file"), "is required: it is what this user logs in by"));
            continue;
        };
        if token.len() < SHORTEST_TOKEN {
            let message = format!(
                "is shorter than {SHORTEST_TOKEN} characters and could be guessed; make one by `openssl rand -hex 24`"
            );
            errors.push(ConfigError::new(key("token"), message));
        }
        let is_shared = http.token.as_ref().is_some_and(|other| other.as_secret().expose_secret() == token);
        if is_shared || !tokens.insert(token) {
            let message = "is somebody else's as well, or http.token; everybody needs one of their own";
            errors.push(ConfigError::new(key("token"), message));
        }
    }
}

fn loopback() -> String {
    "127.0.0.1:8080".into()
}

fn half_an_hour() -> u32 {
    30
}
