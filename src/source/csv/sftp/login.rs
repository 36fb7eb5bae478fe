//! How we prove who we are.

use std::fmt;
use std::sync::Arc;

use russh::MethodKind;
use russh::client::{AuthResult, Handle, KeyboardInteractiveAuthResponse};
use russh::keys::{HashAlg, PrivateKey, PrivateKeyWithHashAlg, decode_secret_key};
use secrecy::{ExposeSecret, SecretString};

use super::host_key::HostKeyCheck;

/// How many rounds of questions are answered with the password: some servers ask for it that way.
const ROUNDS: usize = 3;

/// An account and what proves that it is ours.
#[derive(Clone)]
pub struct SftpLogin {
    /// The account.
    pub username: String,
    /// Its password.
    pub password: Option<SecretString>,
    /// Its private key, as text.
    pub private_key: Option<SecretString>,
    /// What the private key is encrypted by.
    pub passphrase: Option<SecretString>,
}

impl fmt::Debug for SftpLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SftpLogin").field("username", &self.username).finish_non_exhaustive()
    }
}

impl SftpLogin {
    /// Logs in: by the key where there is one, then by the password where there is one and the server wants it.
    ///
    /// # Errors
    /// Where the server refuses, or the key cannot be used.
    pub async fn log_in(&self, connection: &mut Handle<HostKeyCheck>) -> Result<(), String> {
        let lost = |error: russh::Error| format!("the connection was lost while logging in ({error})");
        let mut refused = Vec::new();
        if let Some(text) = &self.private_key {
            let key = Arc::new(self.decode(text)?);
            refused.push(format!(
                "the private key ({} {})",
                key.algorithm(),
                key.public_key().fingerprint(HashAlg::Sha256)
            ));
            let hash = match key.algorithm().is_rsa() {
                true => connection.best_supported_rsa_hash().await.map_err(lost)?.flatten(),
                false => None,
            };
            // Never SHA-1: a server that names nothing better is taken at RFC 8332's word.
            let key = PrivateKeyWithHashAlg::new(key, hash.or(Some(HashAlg::Sha256)));
            let answer = connection.authenticate_publickey(&self.username, key).await.map_err(lost)?;
            if answer.success() {
                return Ok(());
            }
        }
        if let Some(password) = &self.password {
            refused.push("the password".into());
            let password = password.expose_secret();
            let answer = connection.authenticate_password(&self.username, password).await.map_err(lost)?;
            let by_questions = match answer {
                AuthResult::Success => return Ok(()),
                AuthResult::Failure { remaining_methods, .. } => {
                    remaining_methods.contains(&MethodKind::KeyboardInteractive)
                }
            };
            if by_questions && answer_questions(&self.username, password, connection).await.map_err(lost)? {
                return Ok(());
            }
        }
        Err(format!(
            "it refused {} of user {}; correct source.sftp.username and the key or password, or ask its operator to let them in",
            refused.join(" and "),
            self.username
        ))
    }

    fn decode(&self, text: &SecretString) -> Result<PrivateKey, String> {
        let passphrase = self.passphrase.as_ref().map(|passphrase| passphrase.expose_secret());
        // The loader drops line ends behind a secret, and a key needs its last one.
        let text = format!("{}\n", text.expose_secret().trim_end());
        decode_secret_key(&text, passphrase).map_err(|error| {
            format!(
                "the private key cannot be used ({error}); source.sftp.private_key_file has to hold an Ed25519, ECDSA or RSA \
                 key in the format of OpenSSH or PEM, and source.sftp.passphrase_file its passphrase if it is encrypted"
            )
        })
    }
}

/// Whether the server lets us in once its questions are answered with the password, and nothing else.
async fn answer_questions(
    username: &str,
    password: &str,
    connection: &mut Handle<HostKeyCheck>,
) -> Result<bool, russh::Error> {
    let mut answer = connection.authenticate_keyboard_interactive_start(username, None::<String>).await?;
    for _ in 0..ROUNDS {
        match answer {
            KeyboardInteractiveAuthResponse::Success => return Ok(true),
            KeyboardInteractiveAuthResponse::Failure { .. } => return Ok(false),
            KeyboardInteractiveAuthResponse::InfoRequest { prompts, .. } => {
                let answers = prompts.iter().map(|_| password.to_owned()).collect();
                answer = connection.authenticate_keyboard_interactive_respond(answers).await?;
            }
        }
    }
    Ok(matches!(answer, KeyboardInteractiveAuthResponse::Success))
}
