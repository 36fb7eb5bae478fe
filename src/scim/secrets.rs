//! Keeps credentials out of what a server says, should it quote them back.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use secrecy::{ExposeSecret, SecretString};

use super::settings::Credentials;

/// Secrets shorter than this are not looked for: they would be found in every other word.
const SHORTEST: usize = 4;
const REDACTED: &str = "[redacted]";

/// The forms in which credentials could come back: plain, as JSON writes them, and as the header carries them.
pub(super) struct Secrets(Vec<SecretString>);

impl Secrets {
    pub(super) fn of(credentials: &Credentials) -> Self {
        let mut forms = Vec::new();
        let mut add = |form: &str| {
            if form.len() >= SHORTEST {
                forms.push(SecretString::from(form));
            }
        };
        let plain = match credentials {
            Credentials::Basic { username, password } => {
                add(&BASE64.encode(format!("{username}:{}", password.expose_secret())));
                password.expose_secret()
            }
            Credentials::Bearer { token } => token.expose_secret(),
        };
        add(plain);
        let as_json = serde_json::Value::from(plain).to_string();
        add(as_json.trim_matches('"'));
        Self(forms)
    }

    /// The body with every secret taken out; nothing where there is none in it.
    pub(super) fn strip(&self, body: &[u8]) -> Option<Vec<u8>> {
        let mut text = String::from_utf8_lossy(body);
        let mut found = false;
        for secret in &self.0 {
            if text.contains(secret.expose_secret()) {
                found = true;
                text = text.replace(secret.expose_secret(), REDACTED).into();
            }
        }
        found.then(|| text.into_owned().into_bytes())
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secrets(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_found_plain_as_json_and_as_the_header_carries_it() {
        let credentials = Credentials::Basic { username: "ops".into(), password: "hun\"ter2".into() };
        let secrets = Secrets::of(&credentials);
        let quoted = r#"a hun"ter2 b {"p":"hun\"ter2"} c Basic b3BzOmh1biJ0ZXIy d"#;
        let clean = String::from_utf8(secrets.strip(quoted.as_bytes()).unwrap()).unwrap();
        assert_eq!(clean, r#"a [redacted] b {"p":"[redacted]"} c Basic [redacted] d"#);
        assert!(!format!("{secrets:?}").contains("hun"));
    }

    #[test]
    fn a_body_without_secrets_is_left_alone_and_short_secrets_are_not_looked_for() {
        let bearer = |token: &str| Secrets::of(&Credentials::Bearer { token: token.into() });
        assert_eq!(bearer("hunter2").strip(b"nothing here"), None);
        assert_eq!(bearer("e").strip(b"everything else"), None);
    }
}
