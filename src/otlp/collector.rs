//! The collector: one address to which spans are posted.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use reqwest::Client;
use reqwest::header::{
    AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER,
};
use secrecy::ExposeSecret;
use tokio::runtime::Handle;
use url::Url;

use super::OtlpError;
use crate::config::TelemetrySettings;
use crate::tls;

const PROTOBUF: HeaderValue = HeaderValue::from_static("application/x-protobuf");
/// How much of an answer is read, in bytes, so that the connection can be used again. Nothing in it is believed.
const LARGEST_ANSWER_BYTES: usize = 64 * 1024;

/// Why the newest request was in vain, in words: the library's own do not tell a refused token from a wrong name.
#[derive(Clone, Debug, Default)]
pub(super) struct Why(Arc<Mutex<String>>);

impl Why {
    /// The words.
    pub(super) fn take(&self) -> String {
        let said = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        if said.is_empty() { "the collector did not take them".to_owned() } else { said }
    }

    fn is(&self, words: String) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = words;
    }
}

/// A connection to the collector.
pub(super) struct Collector {
    http: Client,
    url: Url,
    why: Why,
    runtime: Handle,
}

impl Collector {
    /// Prepares one. The file of further authorities is read now.
    pub(super) fn new(
        settings: &TelemetrySettings,
        url: Url,
        timeout: Duration,
        why: Why,
    ) -> Result<Self, OtlpError> {
        let tls = tls::client_config(settings.ca_file.as_deref().map(Path::new), None)
            .map_err(|error| OtlpError { key: "ca_file", problem: error.without_own() })?;
        let http = tls::http_client(tls)
            .https_only(url.scheme() == "https")
            .default_headers(headers(settings)?)
            .timeout(timeout)
            .connect_timeout(timeout)
            .pool_max_idle_per_host(1)
            .build()
            .map_err(|error| OtlpError { key: "otlp_endpoint", problem: error.without_url().to_string() })?;
        Ok(Self { http, url, why, runtime: Handle::current() })
    }

    /// Why it takes no spans; `None`: it takes them. A message without fields has no bytes.
    pub(super) async fn untaken(&self) -> Option<String> {
        // Of a body without bytes nobody says by himself how long it is, and some servers insist on it.
        let nothing = self.http.post(self.url.clone()).header(CONTENT_LENGTH, 0).body(Bytes::new());
        match send(nothing).await {
            Ok((200..=299, _)) => None,
            Ok((status, _)) => Some(refused(status)),
            Err(error) => Some(not_answered(&error).to_owned()),
        }
    }
}

// Its headers hold the token.
impl std::fmt::Debug for Collector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Collector")
    }
}

#[async_trait]
impl HttpClient for Collector {
    /// Of the request only the body is taken.
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let prepared = self.http.post(self.url.clone()).body(request.into_body());
        // The thread that sends is none of tokio's.
        let sent = self.runtime.spawn(send(prepared)).await;
        let (status, retry_after) = match sent {
            Ok(Ok(answered)) => answered,
            Ok(Err(error)) => {
                self.why.is(not_answered(&error).to_owned());
                return Err("no answer".into());
            }
            Err(_) => {
                self.why.is("the process ends".to_owned());
                return Err("no answer".into());
            }
        };
        if !(200..300).contains(&status) {
            self.why.is(refused(status));
        }
        let mut answer = Response::builder().status(status);
        if let Some(after) = retry_after {
            answer = answer.header(RETRY_AFTER, after);
        }
        Ok(answer.body(Bytes::new())?)
    }
}

async fn send(prepared: reqwest::RequestBuilder) -> Result<(u16, Option<HeaderValue>), reqwest::Error> {
    let mut response = prepared.send().await?;
    let retry_after = response.headers().get(RETRY_AFTER).cloned();
    let status = response.status().as_u16();
    let mut read = 0;
    while read < LARGEST_ANSWER_BYTES
        // The status has said everything.
        && let Ok(Some(chunk)) = response.chunk().await
    {
        read += chunk.len();
    }
    Ok((status, retry_after))
}

/// What each request shows.
fn headers(settings: &TelemetrySettings) -> Result<HeaderMap, OtlpError> {
    let mut headers = HeaderMap::from_iter([(CONTENT_TYPE, PROTOBUF)]);
    let Some(token) = &settings.token else { return Ok(headers) };
    let token = token.as_secret().expose_secret();
    let wrong = |key, problem: &str| OtlpError { key, problem: problem.to_owned() };
    let (name, value) = match &settings.token_header {
        Some(name) => (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(token)),
        None => (Ok(AUTHORIZATION), HeaderValue::from_str(&format!("Bearer {token}"))),
    };
    let name = name.map_err(|_| wrong("token_header", "is no name of a header"))?;
    let mut value = value.map_err(|_| wrong("token", "has what a header cannot carry"))?;
    value.set_sensitive(true);
    headers.insert(name, value);
    Ok(headers)
}

fn refused(status: u16) -> String {
    match status {
        300..=399 => format!(
            "the collector answered {status}: a redirect, which is never followed; correct telemetry.otlp_endpoint"
        ),
        401 | 403 => format!("the collector answered {status}: telemetry.token is not the right one"),
        404 | 405 => {
            format!("the collector answered {status}: telemetry.otlp_endpoint is not that of OTLP by HTTP")
        }
        _ => format!("the collector answered {status}"),
    }
}

/// The library's own words are left out: the outermost quote the address.
fn not_answered(error: &reqwest::Error) -> &'static str {
    match () {
        () if error.is_timeout() => "the collector did not answer in time (telemetry.timeout_seconds)",
        () if tls::fault_of(error).is_some() => {
            "the collector's certificate is not believed, or TLS failed otherwise; see telemetry.ca_file"
        }
        () if error.is_connect() => {
            "no connection to the collector: the name is not known, or nobody listens there"
        }
        () => "the connection to the collector broke before the answer",
    }
}
