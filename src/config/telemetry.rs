//! `[telemetry]`: where the spans of runs, actions and requests are sent.

use reqwest::header::HeaderName;
use schemars::JsonSchema;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use url::Url;

use super::error::ConfigError;
use super::secret::Secret;
use crate::core::scim::address::{self, AddressError};

/// What is put behind the base address (OpenTelemetry: OTLP exporter, endpoint URLs for OTLP/HTTP).
const TRACES: &str = "/v1/traces";
/// The longest name of the service, in characters.
const LONGEST_NAME: usize = 100;

/// `[telemetry]`: off unless `otlp_endpoint` is set.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TelemetrySettings {
    /// The base address of an OTLP/HTTP collector, to which `/v1/traces` is appended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub otlp_endpoint: Option<String>,
    /// What is shown to the collector; better in `token_file`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<Secret>,
    /// A file that holds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_file: Option<String>,
    /// The header that holds the token and nothing else, instead of `Authorization: Bearer …`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_header: Option<String>,
    /// What the collector is told that this is: `service.name`.
    #[serde(default = "workiva_sync")]
    pub service_name: String,
    /// Of how many runs spans are sent, with everything below them: 0.1 is one in ten.
    #[serde(default = "all")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub sample_ratio: f64,
    /// The longest that one request to the collector may take, in seconds.
    #[serde(default = "ten")]
    #[schemars(range(min = 1, max = 60))]
    pub timeout_seconds: u32,
    /// A PEM file with further certificate authorities to trust.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<String>,
}

impl Default for TelemetrySettings {
    fn default() -> Self {
        serde_json::from_value(serde_json::json!({})).expect("every key has a default")
    }
}

impl TelemetrySettings {
    /// Where spans are sent; `None`: nowhere.
    pub fn traces_url(&self) -> Option<Url> {
        let base = address::parse(self.otlp_endpoint.as_deref()?).ok()?;
        Url::parse(&format!("{}{TRACES}", base.as_str().trim_end_matches('/'))).ok()
    }
}

/// What no schema can tell of `[telemetry]`.
pub(super) fn check(telemetry: &TelemetrySettings, errors: &mut Vec<ConfigError>) {
    if let Some(text) = &telemetry.otlp_endpoint
        && let Err(error) = address::parse(text)
    {
        let message = match error {
            AddressError::NotUrl(_) => {
                "is no URL; write one like \"https://collector.example.com:4318\"".into()
            }
            AddressError::Userinfo => {
                "holds a user name or password; put what it takes into telemetry.token_file".into()
            }
            other => other.to_string(),
        };
        errors.push(match address::may_show(text) {
            true => ConfigError::with_value("telemetry.otlp_endpoint", text, message),
            false => ConfigError::new("telemetry.otlp_endpoint", message),
        });
    }
    if let Some(token) = &telemetry.token {
        let token = token.as_secret().expose_secret();
        let is_header = token.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
        if token.trim().is_empty() || !is_header {
            let message = "is empty, or has line breaks or letters that a header cannot carry";
            errors.push(ConfigError::new("telemetry.token", message));
        }
    }
    if let Some(name) = &telemetry.token_header {
        if HeaderName::from_bytes(name.as_bytes()).is_err() {
            let message = "is no name of a header; write one like \"x-api-key\"";
            errors.push(ConfigError::with_value("telemetry.token_header", name, message));
        }
        if telemetry.token.is_none() {
            let message = "has nothing to hold; set telemetry.token_file as well";
            errors.push(ConfigError::with_value("telemetry.token_header", name, message));
        }
    }
    let name = telemetry.service_name.trim();
    if name.is_empty() || name.chars().count() > LONGEST_NAME || name.chars().any(char::is_control) {
        let message = format!("has to be a name of 1 to {LONGEST_NAME} characters on one line");
        errors.push(ConfigError::with_value("telemetry.service_name", &telemetry.service_name, message));
    }
}

fn workiva_sync() -> String {
    "workiva-sync".into()
}
fn all() -> f64 {
    1.0
}
fn ten() -> u32 {
    10
}
