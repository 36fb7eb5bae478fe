//! What both webhooks have in common: one POST, to the configured address alone.

use std::path::Path;
use std::time::Duration;

use reqwest::Client;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use secrecy::ExposeSecret;
use url::Url;

use super::{ChannelError, SendError};
use crate::config::{AlertSettings, Secret};
use crate::core::scim::address::is_loopback;
use crate::tls::{self, TlsError};

/// Answers that mean this body, which will be the same the next time.
const OF_THE_BODY: [u16; 3] = [400, 413, 422];

/// A client for both.
pub(super) fn client(settings: &AlertSettings, timeout: Duration) -> Result<Client, ChannelError> {
    let tls = tls::client_config(settings.ca_file.as_deref().map(Path::new), None).map_err(unusable)?;
    tls::http_client(tls)
        .timeout(timeout)
        .connect_timeout(timeout)
        // Messages are rare, and a connection that was kept would be closed by the other end meanwhile.
        .pool_max_idle_per_host(0)
        .build()
        .map_err(|error| ChannelError { key: "webhook", problem: error.without_url().to_string() })
}

/// What is wrong with the further authorities, or with TLS.
pub(super) fn unusable(error: TlsError) -> ChannelError {
    ChannelError { key: "ca_file", problem: error.without_own() }
}

/// The address. It was checked with the configuration.
pub(super) fn address(key: &'static str, url: Option<&Secret>) -> Result<Url, ChannelError> {
    let url = url.and_then(|url| Url::parse(url.as_secret().expose_secret()).ok());
    let url = url.filter(|url| url.scheme() == "https" || is_loopback(url));
    url.ok_or_else(|| ChannelError { key, problem: "is no address that messages can go to".to_owned() })
}

/// Sends it. Nothing is read of the answer but its status, and `Retry-After`.
pub(super) async fn post(
    client: &Client,
    url: &Url,
    headers: HeaderMap,
    body: String,
) -> Result<(), SendError> {
    let request = client
        .post(url.clone())
        .headers(headers)
        .header(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let response = request.body(body).send().await.map_err(|error| not_answered(&error))?;
    let status = response.status();
    if status.is_success() {
        return Ok(());
    }
    let wait = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    let reason = match status.as_u16() {
        code @ 300..=399 => {
            format!("answered {code}: a redirect, which is never followed; correct the address")
        }
        code @ (401 | 403 | 404 | 410) => {
            format!("answered {code}: the address or the secret is not the right one any more")
        }
        code => format!("answered {code}"),
    };
    Err(SendError {
        is_for_good: OF_THE_BODY.contains(&status.as_u16()),
        reason,
        wait: wait.and_then(|text| text.trim().parse().ok()).map(Duration::from_secs),
    })
}

/// The library's own words are left out: the outermost quote the address.
fn not_answered(error: &reqwest::Error) -> SendError {
    SendError::may_pass(match () {
        () if error.is_timeout() => "no answer in time (alerts.timeout_seconds)",
        () if tls::fault_of(error).is_some() => {
            "its certificate is not believed, or TLS failed otherwise; see alerts.ca_file"
        }
        () if error.is_connect() => "no connection: the name is not known, or nobody listens there",
        () => "the connection broke before the answer",
    })
}
