//! What is wrong with a configuration: every fault at once, each with key, value and mend.

use std::fmt;

use super::secret::REDACTED;

/// One fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// The key, dotted: `workiva.base_url`.
    pub key: String,
    /// The value as configured, unless it is absent or a secret.
    pub value: Option<String>,
    /// What is wrong and how to mend it.
    pub message: String,
}

impl ConfigError {
    /// A fault of a key.
    pub fn new(key: impl Into<String>, message: impl Into<String>) -> Self {
        Self { key: key.into(), value: None, message: message.into() }
    }

    /// A fault of a key with its value; a secret's value is not shown.
    pub fn with_value(key: impl Into<String>, value: impl fmt::Display, message: impl Into<String>) -> Self {
        let key = key.into();
        let value = if is_secret(&key) { REDACTED.to_owned() } else { value.to_string() };
        Self { key, value: Some(value), message: message.into() }
    }
}

/// Whether a key holds a secret.
pub fn is_secret(key: &str) -> bool {
    let name = key.rsplit('.').next().unwrap_or_default();
    // Whoever knows the address of a webhook can write to it.
    let is_webhook = name == "url" && key.starts_with("alerts.");
    is_webhook
        || ["password", "token", "secret", "api_key", "private_key", "passphrase", "assertion"]
            .iter()
            .any(|secret| name.ends_with(secret))
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            Some(value) => write!(f, "{} = {value}: {}", self.key, self.message),
            None => write!(f, "{}: {}", self.key, self.message),
        }
    }
}

/// All faults of a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigErrors {
    /// The file that was read.
    pub file: String,
    /// At least one.
    pub errors: Vec<ConfigError>,
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the configuration {} cannot be used:", self.file)?;
        for error in &self.errors {
            write!(f, "\n  - {error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}
