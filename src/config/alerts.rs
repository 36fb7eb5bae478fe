//! Who is told when something is the matter, and how soon.

use std::net::{IpAddr, Ipv6Addr};

use chrono::TimeDelta;
use schemars::JsonSchema;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use url::Url;

use super::error::ConfigError;
use super::push::check_secret;
use super::secret::Secret;
use super::settings::Settings;
use crate::core::alerts::{AuditVerdict, Limits};
use crate::core::schedule::Schedule;
use crate::core::scim::address::is_loopback;

/// `[alerts]`: off unless there is a channel: `[alerts.webhook]`, `[alerts.slack]` or `[alerts.smtp]`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AlertSettings {
    /// What messages call this installation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 60))]
    pub name: Option<String>,
    /// After how many hours an alert that lasts is told again; 0: never.
    #[serde(default = "day")]
    #[schemars(range(max = 8760))]
    pub remind_hours: u32,
    /// For how many minutes something has to be over until that is told.
    #[serde(default = "ten")]
    #[schemars(range(max = 1440))]
    pub settle_minutes: u32,
    /// For how many minutes an HR source may fail or be incomplete.
    #[serde(default = "twenty")]
    #[schemars(range(max = 10_080))]
    pub source_minutes: u32,
    /// How many runs in a row may not come to nothing.
    #[serde(default = "three")]
    #[schemars(range(min = 1, max = 1000))]
    pub failing_runs: u32,
    /// For how many minutes Workiva may be down.
    #[serde(default = "half_an_hour")]
    #[schemars(range(max = 10_080))]
    pub workiva_down_minutes: u32,
    /// For how many minutes a deprovision may be open, parked ones among them.
    #[serde(default = "hour")]
    #[schemars(range(max = 10_080))]
    pub late_minutes: u32,
    /// After how many hours the whole audit is looked through again; 0: never.
    #[serde(default = "day")]
    #[schemars(range(max = 8760))]
    pub audit_hours: u32,
    /// The longest that one message may take to be sent, in seconds.
    #[serde(default = "ten")]
    #[schemars(range(min = 1, max = 60))]
    pub timeout_seconds: u32,
    /// A PEM file with further certificate authorities that every channel trusts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<String>,
    /// A webhook that is signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "WebhookSettings")]
    pub webhook: Option<WebhookSettings>,
    /// A webhook that takes what Slack takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "SlackSettings")]
    pub slack: Option<SlackSettings>,
    /// E-mail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "SmtpSettings")]
    pub smtp: Option<SmtpSettings>,
    /// The counts of each day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "DigestSettings")]
    pub digest: Option<DigestSettings>,
}

/// `[alerts.webhook]`
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WebhookSettings {
    /// Where messages go, by POST; better in `url_file`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<Secret>,
    /// A file that holds the address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url_file: Option<String>,
    /// The key by which messages are signed (HMAC-SHA256); better in `secret_file`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<Secret>,
    /// A file that holds the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_file: Option<String>,
}

/// `[alerts.slack]`
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SlackSettings {
    /// The address of the incoming webhook, which whoever knows it can write to; better in `url_file`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<Secret>,
    /// A file that holds the address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url_file: Option<String>,
}

/// `[alerts.smtp]`
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SmtpSettings {
    /// The server that takes mail.
    pub host: String,
    /// Its port; by default that of `tls`: 587, 465 or 25.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub port: Option<u16>,
    /// How the connection is encrypted.
    #[serde(default)]
    pub tls: SmtpTls,
    /// Who logs in, where the server asks for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// The password; better in `password_file`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<Secret>,
    /// A file that holds the password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_file: Option<String>,
    /// Whom messages come from.
    pub from: String,
    /// Whom they go to.
    #[schemars(length(min = 1, max = 50))]
    pub to: Vec<String>,
}

/// How a connection to a mail server is encrypted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SmtpTls {
    /// STARTTLS, without which nothing is sent.
    #[default]
    Starttls,
    /// TLS from the first byte.
    Tls,
    /// None; on loopback only.
    None,
}

/// `[alerts.digest]`
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DigestSettings {
    /// At what time of each day, such as `07:30`, in the time zone of `[schedule]`.
    pub at: String,
}

impl Default for AlertSettings {
    fn default() -> Self {
        serde_json::from_value(serde_json::json!({})).expect("every key has a default")
    }
}

impl AlertSettings {
    /// How long what has to last.
    pub fn limits(&self) -> Limits {
        let minutes = |number: u32| TimeDelta::minutes(number.into());
        Limits {
            remind: (self.remind_hours > 0).then(|| TimeDelta::hours(self.remind_hours.into())),
            settle: minutes(self.settle_minutes),
            source: minutes(self.source_minutes),
            failing_runs: self.failing_runs.into(),
            workiva_down: minutes(self.workiva_down_minutes),
            late: minutes(self.late_minutes),
        }
    }

    /// The names of the channels that are configured.
    pub fn channels(&self) -> Vec<&'static str> {
        let all = [
            ("webhook", self.webhook.is_some()),
            ("slack", self.slack.is_some()),
            ("smtp", self.smtp.is_some()),
        ];
        all.into_iter().filter(|(_, is_on)| *is_on).map(|(name, _)| name).collect()
    }

    /// What is believed of the audit by the last look through it: what was found by a look that is switched off says nothing of today.
    pub fn verdict<'a>(&self, last: Option<&'a AuditVerdict>) -> Option<&'a AuditVerdict> {
        last.filter(|_| self.audit_hours > 0)
    }

    /// Whether somebody is told at all.
    pub fn is_on(&self) -> bool {
        !self.channels().is_empty()
    }
}

impl SmtpSettings {
    /// The port that is meant.
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(match self.tls {
            SmtpTls::Starttls => 587,
            SmtpTls::Tls => 465,
            SmtpTls::None => 25,
        })
    }

    /// Whether the server is this machine, by its very name.
    fn is_loopback(&self) -> bool {
        self.host.eq_ignore_ascii_case("localhost")
            || self.host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }
}

/// What no schema can tell of `[alerts]`. The answer is when digests are due.
pub(super) fn check(settings: &Settings, errors: &mut Vec<ConfigError>) -> Option<Schedule> {
    let alerts = &settings.alerts;
    if let Some(webhook) = &alerts.webhook {
        check_url("alerts.webhook.url", webhook.url.as_ref(), errors);
        match &webhook.secret {
            Some(secret) => check_secret("alerts.webhook.secret".into(), secret, errors),
            None => {
                let message = "is required (or alerts.webhook.secret_file); make a long random one, and give it to the receiver";
                errors.push(ConfigError::new("alerts.webhook.secret", message));
            }
        }
    }
    if let Some(slack) = &alerts.slack {
        check_url("alerts.slack.url", slack.url.as_ref(), errors);
    }
    if let Some(smtp) = &alerts.smtp {
        check_smtp(smtp, errors);
    }
    let at = &alerts.digest.as_ref()?.at;
    if !alerts.is_on() {
        let message = "has nobody to go to; configure alerts.webhook, alerts.slack or alerts.smtp";
        errors.push(ConfigError::with_value("alerts.digest.at", at, message));
        return None;
    }
    let Ok(time) = chrono::NaiveTime::parse_from_str(at, "%H:%M") else {
        errors.push(ConfigError::with_value(
            "alerts.digest.at",
            at,
            "is no time of day; write one like \"07:30\"",
        ));
        return None;
    };
    // A time zone that does not exist is told under schedule.timezone.
    Schedule::parse(&format!("0 {} * * *", time.format("%M %H")), &settings.schedule.timezone).ok()
}

/// Neither the address nor what a parser says of it is shown: both may hold what nobody is to know.
fn check_url(key: &str, url: Option<&Secret>, errors: &mut Vec<ConfigError>) {
    let message = match url.map(|url| Url::parse(url.as_secret().expose_secret())) {
        None => format!("is required (or {key}_file)"),
        Some(Err(_)) => "is no URL; copy it whole, with https://".to_owned(),
        Some(Ok(url)) if url.scheme() == "https" || (url.scheme() == "http" && is_loopback(&url)) => {
            if url.username().is_empty() && url.password().is_none() {
                return;
            }
            "holds a user name or password; a secret belongs into its path, or is the signature".to_owned()
        }
        Some(Ok(_)) => "has to begin with https:// (plain http:// is for loopback only)".to_owned(),
    };
    errors.push(ConfigError::new(key, message));
}

fn check_smtp(smtp: &SmtpSettings, errors: &mut Vec<ConfigError>) {
    if smtp.host.trim().is_empty()
        || (smtp.host.contains([':', '/', '@']) && smtp.host.parse::<Ipv6Addr>().is_err())
    {
        let message = "has to be a name or an address alone, such as smtp.example.com; the port goes into alerts.smtp.port";
        errors.push(ConfigError::with_value("alerts.smtp.host", &smtp.host, message));
    }
    if smtp.tls == SmtpTls::None && !smtp.is_loopback() {
        let message = "is for loopback only, since messages and password would travel in the clear; write \"starttls\" or \"tls\"";
        errors.push(ConfigError::with_value("alerts.smtp.tls", "none", message));
    }
    let has_password = smtp.password.as_ref().is_some_and(|password| !password.is_empty());
    if smtp.username.is_some() != has_password {
        let message = "goes with alerts.smtp.username; set both, or neither where the server asks nobody";
        errors.push(ConfigError::new("alerts.smtp.password", message));
    }
    let addresses = smtp.to.iter().enumerate().map(|(at, to)| (format!("alerts.smtp.to[{at}]"), to));
    for (key, address) in std::iter::once(("alerts.smtp.from".to_owned(), &smtp.from)).chain(addresses) {
        if address.parse::<lettre::message::Mailbox>().is_err() {
            let message = "is no address; write one like \"Workiva sync <sync@example.com>\"";
            errors.push(ConfigError::with_value(key, address, message));
        }
    }
}

fn day() -> u32 {
    24
}
fn ten() -> u32 {
    10
}
fn twenty() -> u32 {
    20
}
fn three() -> u32 {
    3
}
fn half_an_hour() -> u32 {
    30
}
fn hour() -> u32 {
    60
}
