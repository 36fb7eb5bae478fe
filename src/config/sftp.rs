//! `[source.sftp]`: the server that a CSV file lies on.

use std::str::FromStr;

use russh::keys::PublicKey;
use russh::keys::ssh_key::Fingerprint;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::error::ConfigError;
use super::secret::Secret;

/// `[source.sftp]`
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SftpSettings {
    /// The server's name or address.
    pub host: String,
    /// Its port.
    #[serde(default = "twenty_two")]
    #[schemars(range(min = 1))]
    pub port: u16,
    /// The account.
    pub username: String,
    /// Its password; better in `password_file`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<Secret>,
    /// A file that holds the password; a line end behind it does not count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_file: Option<String>,
    /// The private key, in the format of OpenSSH or PEM; better in `private_key_file`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub private_key: Option<Secret>,
    /// A file that holds the private key: Ed25519, ECDSA or RSA.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub private_key_file: Option<String>,
    /// What the private key is encrypted by; better in `passphrase_file`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passphrase: Option<Secret>,
    /// A file that holds the passphrase.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passphrase_file: Option<String>,
    /// The one host key that is trusted: `ssh-ed25519 AAAA…`, or its fingerprint `SHA256:…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_key: Option<String>,
    /// A `known_hosts` file with the host keys that are trusted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known_hosts_file: Option<String>,
    /// The longest that connecting, and then each answer of the server, may take, in seconds.
    #[serde(default = "thirty")]
    #[schemars(range(min = 1, max = 600))]
    pub timeout_seconds: u64,
    /// The longest that all may take that one read asks of the server once it has let us in, lists and files, in seconds; the pause of
    /// `stable_seconds` comes on top.
    #[serde(default = "half_an_hour")]
    #[schemars(range(min = 1, max = 86_400))]
    pub transfer_seconds: u64,
}

/// What no schema can tell of it.
/// `section` is the source's own key.
pub fn check(section: &str, sftp: &SftpSettings, errors: &mut Vec<ConfigError>) {
    for (key, value) in [("host", &sftp.host), ("username", &sftp.username)] {
        if value.trim().is_empty() || value.trim() != value {
            let message = "is empty or has spaces around it";
            errors.push(ConfigError::with_value(format!("{section}.sftp.{key}"), value, message));
        }
    }
    let given = |secret: &Option<Secret>| secret.as_ref().is_some_and(|secret| !secret.is_empty());
    if !given(&sftp.password) && !given(&sftp.private_key) {
        let message = "is required, or source.sftp.password_file: nobody is let in without";
        errors.push(ConfigError::new(format!("{section}.sftp.private_key_file"), message));
    }
    if given(&sftp.passphrase) && !given(&sftp.private_key) {
        let message = "belongs to a private key; set source.sftp.private_key_file, or remove it";
        errors.push(ConfigError::new(format!("{section}.sftp.passphrase_file"), message));
    }
    if sftp.host_key.is_some() && sftp.known_hosts_file.is_some() {
        let message = "stands beside source.sftp.host_key; keep one of the two";
        errors.push(ConfigError::new(format!("{section}.sftp.known_hosts_file"), message));
    }
    if let Some(key) = &sftp.host_key
        && PublicKey::from_openssh(key).is_err()
        && !(key.starts_with("SHA256:") && Fingerprint::from_str(key).is_ok())
    {
        let message = "is no host key; write it as \"ssh-ed25519 AAAA…\", or its fingerprint as \"SHA256:…\"";
        errors.push(ConfigError::with_value(format!("{section}.sftp.host_key"), key, message));
    }
}

fn twenty_two() -> u16 {
    22
}
fn thirty() -> u64 {
    30
}
fn half_an_hour() -> u64 {
    1800
}
