//! Whether a server is the one that is meant. An unknown one is never trusted, not even the first time.

use std::borrow::Cow;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use russh::keys::known_hosts::known_host_keys_path;
use russh::keys::ssh_key::known_hosts::{KnownHosts, Marker};
use russh::keys::{Algorithm, HashAlg, PublicKey, PublicKeyOrCertificate};
use russh::{Preferred, client};

use super::ServerAddress;
use crate::config::regular_file;

/// Which host key is trusted, as configured.
#[derive(Clone, Debug)]
pub enum HostKeyPin {
    /// This one: the key itself, or its fingerprint.
    Key(String),
    /// Those that a `known_hosts` file has for the server.
    KnownHosts(PathBuf),
    /// None yet.
    Nothing,
}

/// The check, as it goes along with a connection.
pub struct HostKeyCheck {
    trusted: Vec<PublicKey>,
    fingerprint: Option<String>,
    revoked: Vec<PublicKey>,
    /// What is trusted, in words.
    yardstick: String,
    refusal: Arc<OnceLock<String>>,
}

impl HostKeyCheck {
    /// Reads what is pinned.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn new(address: &ServerAddress, pin: &HostKeyPin) -> Result<Self, String> {
        let mut check = Self {
            trusted: Vec::new(),
            fingerprint: None,
            revoked: Vec::new(),
            yardstick: String::new(),
            refusal: Arc::default(),
        };
        match pin {
            HostKeyPin::Key(text) if text.starts_with("SHA256:") => {
                check.fingerprint = Some(text.clone());
                check.yardstick = format!("it is not the one that is pinned ({text}, source.sftp.host_key)");
            }
            HostKeyPin::Key(text) => {
                let key = PublicKey::from_openssh(text)
                    .map_err(|error| format!("source.sftp.host_key is no host key ({error})"))?;
                let pinned = described(&key);
                check.yardstick =
                    format!("it is not the one that is pinned ({pinned}, source.sftp.host_key)");
                check.trusted.push(key);
            }
            HostKeyPin::KnownHosts(file) => check.read_known_hosts(address, file)?,
            HostKeyPin::Nothing => check.yardstick = "no host key is pinned yet".into(),
        }
        Ok(check)
    }

    fn read_known_hosts(&mut self, address: &ServerAddress, file: &Path) -> Result<(), String> {
        let shown = file.display();
        let unreadable = |error: &dyn std::fmt::Display| {
            format!(
                "its host key cannot be checked: {shown} cannot be read ({error}; source.sftp.known_hosts_file)"
            )
        };
        let mut text = String::new();
        let read = regular_file::open(file).and_then(|mut file| file.read_to_string(&mut text));
        read.map_err(|error| unreadable(&error))?;
        let revoked =
            KnownHosts::new(&text).flatten().filter(|entry| entry.marker() == Some(&Marker::Revoked));
        self.revoked = revoked.map(|entry| entry.public_key().clone()).collect();
        let known =
            known_host_keys_path(&address.host, address.port, file).map_err(|error| unreadable(&error))?;
        self.trusted = known.into_iter().map(|(_, key)| key).collect();
        self.yardstick = match self.trusted.as_slice() {
            [] => format!("{shown} has no line for this server"),
            keys => {
                let known: Vec<String> = keys.iter().map(described).collect();
                format!("{shown} has another one for it ({})", known.join(", "))
            }
        };
        Ok(())
    }

    /// Why the server was refused, if it was.
    pub fn refusal(&self) -> Arc<OnceLock<String>> {
        Arc::clone(&self.refusal)
    }

    /// The algorithms that are offered: a server with several host keys shows the one that is pinned. Without SHA-1.
    pub fn preferred(&self) -> Preferred {
        let default = Preferred::default();
        let is_sha_1 = |one: &&Algorithm| matches!(one, Algorithm::Rsa { hash: None });
        let mut offered: Vec<Algorithm> = default.key.iter().filter(|one| !is_sha_1(one)).cloned().collect();
        let is_pinned = |one: &Algorithm| {
            self.trusted
                .iter()
                .any(|key| key.algorithm() == *one || (one.clone().is_rsa() && key.algorithm().is_rsa()))
        };
        offered.sort_by_key(|one| !is_pinned(one));
        Preferred { key: Cow::Owned(offered), ..default }
    }

    fn judge(&self, key: &PublicKey) -> Result<(), String> {
        let same = |known: &PublicKey| known.key_data() == key.key_data();
        let shown = described(key);
        if self.revoked.iter().any(same) {
            return Err(format!(
                "the host key that it shows ({shown}) is revoked (source.sftp.known_hosts_file)"
            ));
        }
        let fingerprint = key.fingerprint(HashAlg::Sha256).to_string();
        if self.trusted.iter().any(same) || self.fingerprint.as_ref() == Some(&fingerprint) {
            return Ok(());
        }
        let mut bare = key.clone();
        bare.set_comment("");
        Err(format!(
            "the host key that it shows ({shown}) is not trusted: {}. Nothing was sent to it. Ask its operator for the \
             fingerprint; only if it is this one, set source.sftp.host_key = \"{}\"",
            self.yardstick,
            bare.to_openssh().unwrap_or(fingerprint),
        ))
    }
}

impl client::Handler for HostKeyCheck {
    type Error = russh::Error;

    async fn check_server_key(&mut self, shown: &PublicKeyOrCertificate) -> Result<bool, Self::Error> {
        let judged = match shown {
            PublicKeyOrCertificate::PublicKey { key, .. } => self.judge(key),
            // None is asked for.
            PublicKeyOrCertificate::Certificate(_) => {
                Err("it shows a certificate instead of a host key".into())
            }
        };
        if let Err(reason) = &judged {
            self.refusal.get_or_init(|| reason.clone());
        }
        Ok(judged.is_ok())
    }
}

fn described(key: &PublicKey) -> String {
    format!("{} {}", key.algorithm(), key.fingerprint(HashAlg::Sha256))
}
