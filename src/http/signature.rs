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

/// A request as it came.
#[derive(Debug)]
pub struct Signed<'a> {
    /// Its headers.
    pub headers: &'a HeaderMap,
    /// Its body.
    pub body: &'a [u8],
    /// When.
    pub now: DateTime<Utc>,
}

/// Whether a request carries the signature that its key gives, and is not too old.
pub fn is_signed(settings: &TriggerSettings, secret: &SecretString, request: &Signed<'_>) -> bool {
    let header = |name: &str| request.headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let Some(signature) = header(&settings.signature_header).and_then(|text| decode(text, settings)) else {
        return false;
    };
    let timestamp = match settings.timestamp_header.as_deref().map(header) {
        None => "",
        Some(None) => return false,
        Some(Some(text)) => text,
    };
    if settings.timestamp_header.is_some() {
        let tolerance = TimeDelta::seconds(settings.tolerance_seconds.cast_signed());
        if time(timestamp).is_none_or(|at| (request.now - at).abs() > tolerance) {
            return false;
        }
    }
    let content = content(&settings.signed, timestamp, request.body);
    let key = secret.expose_secret().as_bytes();
    // Both compare in constant time.
    match settings.signature_digest {
        SignatureDigest::Sha256 => matches::<Hmac<Sha256>>(key, &content, &signature),
        SignatureDigest::Sha512 => matches::<Hmac<Sha512>>(key, &content, &signature),
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
