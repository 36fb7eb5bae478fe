//! A webhook that takes what Slack takes: `{"text": …}`. Mattermost, Rocket.Chat, Google Chat and others take the same.

use reqwest::Client;
use reqwest::header::HeaderMap;
use url::Url;

use super::{ChannelError, SendError, http};
use crate::config::SlackSettings;
use crate::core::alerts::Message;

pub(super) struct Slack {
    client: Client,
    url: Url,
}

impl Slack {
    pub(super) fn new(settings: &SlackSettings, client: Client) -> Result<Self, ChannelError> {
        Ok(Self { client, url: http::address("slack.url", settings.url.as_ref())? })
    }

    pub(super) async fn send(&self, message: &Message) -> Result<(), SendError> {
        let body = serde_json::json!({ "text": text(message) }).to_string();
        http::post(&self.client, &self.url, HeaderMap::new(), body).await
    }
}

/// The message in Slack's own marks.
fn text(message: &Message) -> String {
    format!("*{}*\n{}", escaped(&message.subject()), escaped(&message.text()))
}

/// Slack takes these three for marks of its own (<https://docs.slack.dev/messaging/formatting-message-text>); an employee id could mention
/// a whole channel.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_message_is_taken_for_a_mark() {
        let message = Message::test("m-1".into(), Some("<!channel> & co"), chrono::DateTime::UNIX_EPOCH);
        let text = text(&message);
        assert!(text.starts_with("*[workiva-sync &lt;!channel&gt; &amp; co] a test*\n"), "{text}");
    }
}
