//! Channels by which somebody is told: a signed webhook, one that takes what Slack takes, and e-mail. Each sends one message at a time,
//! within a bounded time, follows no redirect, and says of a failure nothing that it was told by others.

mod http;
mod slack;
mod smtp;
mod webhook;

use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::config::AlertSettings;
use crate::core::alerts::Message;

/// A channel.
pub struct Channel {
    name: &'static str,
    way: Way,
    timeout: Duration,
}

enum Way {
    Webhook(webhook::Webhook),
    Slack(slack::Slack),
    Smtp(smtp::Smtp),
}

/// Why a channel cannot be set up. No address is shown that may be a secret.
#[derive(Debug, thiserror::Error)]
#[error("alerts.{key}: {problem}")]
pub struct ChannelError {
    key: &'static str,
    problem: String,
}

/// Why a message was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SendError {
    /// Whether it never will be, whatever changes at the other end.
    pub is_for_good: bool,
    /// In words, without any secret.
    pub reason: String,
    /// How long the other end asks to wait.
    pub wait: Option<Duration>,
}

impl SendError {
    fn may_pass(reason: impl Into<String>) -> Self {
        Self { is_for_good: false, reason: reason.into(), wait: None }
    }
}

/// The channels that are configured. The file of further authorities is read now.
///
/// # Errors
/// What is wrong with that file, or with TLS.
pub fn channels(settings: &AlertSettings) -> Result<Vec<Channel>, ChannelError> {
    let timeout = Duration::from_secs(settings.timeout_seconds.into());
    let channel = |name, way| Channel { name, way, timeout };
    let mut all = Vec::new();
    if let Some(webhook) = &settings.webhook {
        let client = http::client(settings, timeout)?;
        all.push(channel("webhook", Way::Webhook(webhook::Webhook::new(webhook, client)?)));
    }
    if let Some(slack) = &settings.slack {
        let client = http::client(settings, timeout)?;
        all.push(channel("slack", Way::Slack(slack::Slack::new(slack, client)?)));
    }
    if let Some(smtp) = &settings.smtp {
        all.push(channel("smtp", Way::Smtp(smtp::Smtp::new(smtp, settings.ca_file.as_deref(), timeout)?)));
    }
    Ok(all)
}

impl Channel {
    /// Its name in configuration, metrics and the database.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The longest that [`Channel::send`] takes.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Sends a message; `now` is the time that is signed.
    ///
    /// # Errors
    /// Where it was not taken, or nobody knows whether it was.
    pub async fn send(&self, message: &Message, now: DateTime<Utc>) -> Result<(), SendError> {
        let sent = async {
            match &self.way {
                Way::Webhook(webhook) => webhook.send(message, now).await,
                Way::Slack(slack) => slack.send(message).await,
                Way::Smtp(smtp) => smtp.send(message).await,
            }
        };
        let in_vain = || Err(SendError::may_pass("no answer in time (alerts.timeout_seconds)"));
        tokio::time::timeout(self.timeout, sent).await.unwrap_or_else(|_| in_vain())
    }
}

// Addresses and keys are secrets.
impl std::fmt::Debug for Channel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Channel").field("name", &self.name).finish_non_exhaustive()
    }
}
