//! What is sent to the daemon: records that an HR system pushes, and the word that it has something new.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::error::ConfigError;
use super::secret::Secret;
use super::settings::SourceSettings;
use crate::core::happened::{usual_gone, usual_there};
use crate::core::json::FieldPath;
use crate::core::value::folded;

/// A shorter token or key could be guessed.
const SHORTEST_SECRET_BYTES: usize = 16;
/// What stands for the request's body in `trigger.signed`.
pub const SIGNED_BODY: &str = "{body}";
/// What stands for the time of the request in `trigger.signed`.
pub const SIGNED_TIMESTAMP: &str = "{timestamp}";

/// `[source.push]`: records come by `POST /v1/hr/records`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PushSettings {
    /// The token that the sender has to show as `Authorization: Bearer …`; better in `token_file`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<Secret>,
    /// A file that holds the token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_file: Option<String>,
    /// The column (CSV) or key (JSON) of a delta that says what happened. Without it nobody is named as gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action_column: Option<String>,
    /// What it says of somebody who is gone, regardless of case.
    #[serde(default = "usual_gone")]
    pub delete_values: Vec<String>,
    /// What it says of somebody who is as the record says; an empty text: nothing. A record that says anything else is rejected.
    #[serde(default = "usual_there")]
    pub upsert_values: Vec<String>,
    /// Columns (our names) that no record of some parts of a snapshot may have though nearly all others do, because the sender leaves out
    /// what is empty and sorts by it. With any other column such a snapshot is refused. Where the column is given by a path with a
    /// filter, a wildcard, an index or alternatives, a record of a delta may lack it too, and is otherwise rejected.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sparse_columns: Vec<String>,
    /// Whether the HR system has several records of one person, such as one for each job, so that somebody may be in two parts of a
    /// snapshot. Without that, such a snapshot is refused; with it, only one with a part of twenty people or more who are all in others.
    #[serde(default)]
    pub several_records: bool,
}

/// `[trigger]`: a webhook (`POST /v1/hr/trigger`) that starts a run at once. It is there where a token or a secret is.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TriggerSettings {
    /// The token that the sender has to show as `Authorization: Bearer …`; better in `token_file`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<Secret>,
    /// A file that holds the token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_file: Option<String>,
    /// The key by which the sender signs (HMAC); better in `secret_file`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<Secret>,
    /// A file that holds the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_file: Option<String>,
    /// The header with the signature.
    #[serde(default = "signature_header")]
    pub signature_header: String,
    /// The digest that is signed by.
    #[serde(default)]
    pub signature_digest: SignatureDigest,
    /// How the signature is written. A prefix that ends with `=`, such as `sha256=`, may stand before it.
    #[serde(default)]
    pub signature_encoding: SignatureEncoding,
    /// What is signed. `{body}` stands for the body, `{timestamp}` for the value of `timestamp_header`.
    #[serde(default = "body")]
    pub signed: String,
    /// The header with the time of the request, in seconds or milliseconds since 1970, or as RFC 3339 has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timestamp_header: Option<String>,
    /// How old a signed request may be, in seconds, where it has a time.
    #[serde(default = "five_minutes")]
    #[schemars(range(min = 1, max = 86_400))]
    pub tolerance_seconds: u64,
    /// The shortest time between two runs that webhooks start, in seconds. What comes meanwhile is one run.
    #[serde(default = "ten")]
    #[schemars(range(max = 86_400))]
    pub pause_seconds: u64,
}

impl Default for TriggerSettings {
    fn default() -> Self {
        serde_json::from_value(serde_json::json!({})).expect("every key has a default")
    }
}

/// The digests of HMAC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SignatureDigest {
    /// SHA-256.
    #[default]
    Sha256,
    /// SHA-512.
    Sha512,
}

/// How a signature is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SignatureEncoding {
    /// Hexadecimal.
    #[default]
    Hex,
    /// Base64, of either alphabet, padded or not.
    Base64,
}

impl TriggerSettings {
    /// Whether anybody may call it.
    pub fn is_on(&self) -> bool {
        self.token.is_some() || self.secret.is_some()
    }

    /// The shortest time between two runs that webhooks start.
    pub fn pause(&self) -> Duration {
        Duration::from_secs(self.pause_seconds)
    }
}

/// What no schema can tell of a source that is pushed to. `section` is its key.
pub(super) fn check(section: &str, source: &SourceSettings, errors: &mut Vec<ConfigError>) {
    let none = PushSettings::default();
    let push = source.push.as_ref().unwrap_or(&none);
    let key = format!("{section}.push.token");
    match &push.token {
        None => errors
            .push(ConfigError::new(key, "is required; make a long random one, and give it to the sender")),
        Some(token) => check_secret(key, token, errors),
    }
    if push.action_column.is_some()
        && (push.delete_values.is_empty() || push.delete_values.iter().any(|value| value.trim().is_empty()))
    {
        let message =
            "has to say what the action column holds for somebody who is gone, such as [\"delete\"]";
        errors.push(ConfigError::new(format!("{section}.push.delete_values"), message));
    }
    check_words(&format!("{section}.push.upsert_values"), &push.delete_values, &push.upsert_values, errors);
    for name in push.sparse_columns.iter().filter(|name| !source.columns.contains_key(*name)) {
        let message = "is no column; name some of source.columns";
        errors.push(ConfigError::with_value(format!("{section}.push.sparse_columns"), name, message));
    }
    let action = push.action_column.as_ref().map(|path| (format!("{section}.push.action_column"), path));
    let columns = source.columns.iter().map(|(name, path)| (format!("{section}.columns.{name}"), path));
    for (key, path) in columns.chain(action) {
        if let Err(message) = FieldPath::parse(path) {
            errors.push(ConfigError::with_value(key, path, message));
        }
    }
}

/// A word cannot mean both. What is usual gives way to what is written.
pub(super) fn check_words(key: &str, gone: &[String], there: &[String], errors: &mut Vec<ConfigError>) {
    let is_gone = |word: &&String| gone.iter().any(|gone| folded(gone.trim()) == folded(word.trim()));
    if there != usual_there()
        && let Some(word) = there.iter().find(is_gone)
    {
        let message = "stands in delete_values as well; keep it in one of them";
        errors.push(ConfigError::with_value(key, word, message));
    }
}

/// What no schema can tell of `[trigger]`.
pub(super) fn check_trigger(trigger: &TriggerSettings, errors: &mut Vec<ConfigError>) {
    for (name, secret) in [("token", &trigger.token), ("secret", &trigger.secret)] {
        if let Some(secret) = secret {
            check_secret(format!("trigger.{name}"), secret, errors);
        }
    }
    let headers = [
        ("signature_header", Some(&trigger.signature_header)),
        ("timestamp_header", trigger.timestamp_header.as_ref()),
    ];
    for (name, header) in headers {
        if let Some(header) = header.filter(|header| !is_header(header)) {
            errors.push(ConfigError::with_value(format!("trigger.{name}"), header, "is no name of a header"));
        }
    }
    if !trigger.signed.contains(SIGNED_BODY) {
        let message = "has to hold {body}: a signature that says nothing of the body proves nothing";
        errors.push(ConfigError::with_value("trigger.signed", &trigger.signed, message));
    }
    if trigger.signed.contains(SIGNED_TIMESTAMP) != trigger.timestamp_header.is_some() {
        let message = "goes with {timestamp} in trigger.signed; a time that is not signed can be altered, so set both or neither";
        errors.push(ConfigError::new("trigger.timestamp_header", message));
    }
}

pub(super) fn check_secret(key: String, secret: &Secret, errors: &mut Vec<ConfigError>) {
    use secrecy::ExposeSecret as _;
    if secret.as_secret().expose_secret().len() < SHORTEST_SECRET_BYTES {
        let message =
            format!("is shorter than {SHORTEST_SECRET_BYTES} bytes and could be guessed; make a longer one");
        errors.push(ConfigError::new(key, message));
    }
}

fn is_header(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

fn signature_header() -> String {
    "X-Signature-256".into()
}
fn body() -> String {
    SIGNED_BODY.into()
}
fn five_minutes() -> u64 {
    300
}
fn ten() -> u64 {
    10
}
