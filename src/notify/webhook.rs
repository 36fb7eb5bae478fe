//! The signed webhook: the message as JSON, with an HMAC over the time and the body.

use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit, Mac};
use reqwest::Client;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;
use url::Url;

use super::{ChannelError, SendError, http};
use crate::config::WebhookSettings;
use crate::core::alerts::Message;
use crate::core::plan::hex;

/// The header with the message's id, which is the same however often it is sent.
const ID: HeaderName = HeaderName::from_static("x-message-id");
/// The header with the time of the request, in seconds since 1970.
const TIMESTAMP: HeaderName = HeaderName::from_static("x-timestamp");
/// The header with the signature.
const SIGNATURE: HeaderName = HeaderName::from_static("x-signature-256");

pub(super) struct Webhook {
    client: Client,
    url: Url,
    secret: SecretString,
}

impl Webhook {
    pub(super) fn new(settings: &WebhookSettings, client: Client) -> Result<Self, ChannelError> {
        let url = http::address("webhook.url", settings.url.as_ref())?;
        let secret = settings.secret.as_ref().map(|secret| secret.as_secret().clone());
        let missing = || ChannelError { key: "webhook.secret", problem: "is required".to_owned() };
        Ok(Self { client, url, secret: secret.ok_or_else(missing)? })
    }

    pub(super) async fn send(&self, message: &Message, now: DateTime<Utc>) -> Result<(), SendError> {
        let body = serde_json::to_string(message).expect("a message of texts and numbers has a JSON form");
        let timestamp = now.timestamp().to_string();
        let signature = sign(&self.secret, &timestamp, &body);
        let mut headers = HeaderMap::new();
        for (name, text) in [(ID, &message.id), (TIMESTAMP, &timestamp), (SIGNATURE, &signature)] {
            headers.insert(name, HeaderValue::from_str(text).expect("digits, letters, '-' and '=' alone"));
        }
        http::post(&self.client, &self.url, headers, body).await
    }
}

/// `sha256=` and the hexadecimal HMAC-SHA256 (RFC 2104) over the timestamp, a dot and the body: what `[trigger]` checks with
/// `signed = "{timestamp}.{body}"`.
fn sign(secret: &SecretString, timestamp: &str, body: &str) -> String {
    let key = secret.expose_secret().as_bytes();
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key).expect("HMAC takes a key of any length");
    for part in [timestamp, ".", body] {
        mac.update(part.as_bytes());
    }
    format!("sha256={}", hex(&mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_the_one_that_others_compute() {
        // printf '1700000000.{"a":1}' | openssl dgst -sha256 -hmac 'a key of 16 bytes'
        let signature = sign(&SecretString::from("a key of 16 bytes"), "1700000000", "{\"a\":1}");
        assert_eq!(signature, "sha256=14ee68ece212cc71c2c3a6edbc01315fc942c51e095c6f6a5870d1464fab0dcb");
    }
}
