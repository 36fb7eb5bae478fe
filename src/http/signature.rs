//! Signatures of webhooks: an HMAC over what was sent.

use axum::http::HeaderMap;
use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use chrono::{DateTime, TimeDelta, Utc};
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Sha256, Sha512};

use crate::config::{SIGNED_BODY, SIGNED_TIMESTAMP, SignatureDigest, SignatureEncoding, TriggerSettings};

/// What the headers of a request claim: a signature, and a time that is not too old. It is read before the body is.
#[derive(Debug)]
pub struct Claim<'a> {
    signature: Vec<u8>,
    timestamp: &'a str,
}

impl<'a> Claim<'a> {
    /// Reads it; `None`: whatever the body is, no key gives it such a signature, or the time is too far from now.
    pub fn read(settings: &TriggerSettings, headers: &'a HeaderMap, now: DateTime<Utc>) -> Option<Self> {
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
        let signature = decode(header(&settings.signature_header)?, settings)?;
        let Some(name) = settings.timestamp_header.as_deref() else {
            return Some(Self { signature, timestamp: "" });
        };
        let timestamp = header(name)?;
        let tolerance = TimeDelta::seconds(settings.tolerance_seconds.cast_signed());
        let is_new = (now - time(timestamp)?).abs() <= tolerance;
        is_new.then_some(Self { signature, timestamp })
    }

    /// Whether the key gives this signature to this body at that time.
    pub fn holds(&self, settings: &TriggerSettings, secret: &SecretString, body: &[u8]) -> bool {
        let content = content(&settings.signed, self.timestamp, body);
        let key = secret.expose_secret().as_bytes();
        // Both compare in constant time.
        match settings.signature_digest {
            SignatureDigest::Sha256 => matches::<Hmac<Sha256>>(key, &content, &self.signature),
            SignatureDigest::Sha512 => matches::<Hmac<Sha512>>(key, &content, &self.signature),
        }
    }
}

fn matches<M: Mac + KeyInit>(key: &[u8], content: &[u8], signature: &[u8]) -> bool {
    let Ok(mut mac) = <M as KeyInit>::new_from_slice(key) else { return false };
    mac.update(content);
    mac.verify_slice(signature).is_ok()
}

/// What is signed: the form with the body and the time in it. What stands in a body is not taken for a form.
fn content(form: &str, timestamp: &str, body: &[u8]) -> Vec<u8> {
    let mut content = Vec::new();
    for (at, piece) in form.split(SIGNED_BODY).enumerate() {
        if at > 0 {
            content.extend_from_slice(body);
        }
        content.extend_from_slice(piece.replace(SIGNED_TIMESTAMP, timestamp).as_bytes());
    }
    content
}

fn decode(text: &str, settings: &TriggerSettings) -> Option<Vec<u8>> {
    // `sha256=`, `v1=`: what stands before it names the scheme, which is configured.
    let text = match text.split_once('=') {
        Some((scheme, rest)) if !rest.is_empty() && scheme.len() <= 8 && !rest.starts_with('=') => rest,
        _ => text,
    };
    match settings.signature_encoding {
        SignatureEncoding::Hex => {
            let pairs = text.as_bytes().chunks(2).map(|pair| {
                let pair = std::str::from_utf8(pair).ok().filter(|pair| pair.len() == 2)?;
                u8::from_str_radix(pair, 16).ok()
            });
            pairs.collect()
        }
        SignatureEncoding::Base64 => {
            let lenient =
                GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
            let alphabet = if text.contains(['-', '_']) { &alphabet::URL_SAFE } else { &alphabet::STANDARD };
            GeneralPurpose::new(alphabet, lenient).decode(text).ok()
        }
    }
}

/// Seconds or milliseconds since 1970, or RFC 3339.
fn time(text: &str) -> Option<DateTime<Utc>> {
    match text.parse::<i64>() {
        Ok(number) if number.unsigned_abs() < 100_000_000_000 => DateTime::from_timestamp(number, 0),
        Ok(number) => DateTime::from_timestamp_millis(number),
        Err(_) => DateTime::parse_from_rfc3339(text).ok().map(|at| at.to_utc()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_number_that_a_stranger_sends_as_a_time_brings_the_request_down() {
        let at = |text: &str| time(text).map(|at| at.timestamp_millis());
        assert_eq!(at("1700000000"), Some(1_700_000_000_000));
        assert_eq!(at("1700000000000"), Some(1_700_000_000_000));
        assert_eq!((at("-1"), at("-99999999999")), (Some(-1000), Some(-99_999_999_999_000)));
        for beyond_all_time in [i64::MIN, i64::MAX] {
            assert_eq!(at(&beyond_all_time.to_string()), None);
        }
        assert_eq!((at("-9223372036854775809"), at("soon")), (None, None));
    }
}
