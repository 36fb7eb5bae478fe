//! The client that speaks to Workiva.

use std::error::Error;
use std::time::{Duration, Instant};

use reqwest::header::{
    ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION, RETRY_AFTER,
};
use reqwest::{Client, Method, Response};
use tokio::sync::Semaphore;
use url::Url;

use super::secrets::Secrets;
use super::settings::{self, ClientError, ConnectionSettings};
use super::tls;
use crate::core::scim::address;
use crate::core::scim::answer::{Answer, Exchange, Failure, FailureKind, classify};
use crate::core::scim::port::ScimPort;
use crate::core::scim::request::ScimRequest;
use crate::tls::{fault_of, http_client};

/// The largest answer read, decompressed, in bytes.
const LARGEST_ANSWER_BYTES: usize = 10 * 1024 * 1024;
/// The same for an answer that may show all members of a group: 200,000 of them at some 300 bytes.
const LARGEST_GROUP_BYTES: usize = 64 * 1024 * 1024;
/// A connection that is not made within this is not going to be.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Idle connections are closed before common load balancers close theirs, which would cost a request.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);
const SCIM_JSON: HeaderValue = HeaderValue::from_static("application/scim+json");
const ACCEPTED: HeaderValue = HeaderValue::from_static("application/scim+json, application/json");

/// A connection to one SCIM server, with a pool of its own. Its proxy is none, whatever the environment says.
#[derive(Debug)]
pub struct ScimClient {
    http: Client,
    base: String,
    secrets: Secrets,
    permits: Semaphore,
}

impl ScimClient {
    /// Checks the settings and prepares a client. Nothing is sent yet.
    ///
    /// # Errors
    /// What is wrong with the settings, with the key to mend.
    pub fn new(settings: ConnectionSettings) -> Result<Self, ClientError> {
        address::check(&settings.base_url)?;
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, settings::authorization(&settings.credentials)?);
        headers.insert(ACCEPT, ACCEPTED);
        let max_connections = settings.max_connections.clamp(1, Semaphore::MAX_PERMITS);
        let http = http_client(tls::client_config(settings.ca_file.as_deref())?)
            .https_only(settings.base_url.scheme() == "https")
            .default_headers(headers)
            .timeout(settings.timeout)
            .connect_timeout(CONNECT_TIMEOUT.min(settings.timeout / 2))
            .pool_idle_timeout(IDLE_TIMEOUT)
            .pool_max_idle_per_host(max_connections)
            .build()
            .map_err(|error| ClientError::Http(error.without_url()))?;
        Ok(Self {
            http,
            base: settings.base_url.as_str().trim_end_matches('/').to_owned(),
            secrets: Secrets::of(&settings.credentials),
            permits: Semaphore::new(max_connections),
        })
    }

    async fn send(&self, request: &ScimRequest) -> (Option<u16>, Result<Answer, Failure>) {
        let response = match self.prepare(request) {
            Ok(prepared) => prepared.send().await,
            Err(failure) => return (None, Err(failure)),
        };
        match response {
            Ok(response) => (Some(response.status().as_u16()), self.understand(request, response).await),
            Err(error) => (None, Err(not_answered(&error))),
        }
    }

    fn prepare(&self, request: &ScimRequest) -> Result<reqwest::RequestBuilder, Failure> {
        let refuse = |why: &str| Failure::new(FailureKind::Invalid, None, why);
        if let Some(fault) = request.fault() {
            return Err(refuse(fault));
        }
        let url = Url::parse(&format!("{}{}", self.base, request.path_and_query()))
            .map_err(|_| refuse("the request makes no URL together with workiva.base_url"))?;
        let method = Method::from_bytes(request.method().as_bytes())
            .map_err(|_| refuse("the request's method is none of HTTP's"))?;
        let mut prepared = self.http.request(method, url);
        if let Some(body) = request.body() {
            prepared = prepared.header(CONTENT_TYPE, SCIM_JSON).body(body.to_string());
        }
        Ok(prepared)
    }

    async fn understand(&self, request: &ScimRequest, response: Response) -> Result<Answer, Failure> {
        let status = response.status();
        let headers = response.headers().clone();
        let header =
            |name: HeaderName| headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()));
        let largest = largest(request);
        let (body, end) = read_body(response, largest).await;
        // A status that says no is believed even where the explanation broke off.
        if status.is_success() {
            match end {
                BodyEnd::Whole => {}
                BodyEnd::TooLarge => {
                    let message = format!("the answer is larger than {largest} bytes");
                    return Err(Failure::new(FailureKind::Malformed, Some(status.as_u16()), &message));
                }
                BodyEnd::Broken(error) => {
                    let message = format!("the answer broke off: {}", causes(&error));
                    return Err(Failure::new(FailureKind::NoAnswer, Some(status.as_u16()), &message));
                }
            }
        }
        let (retry_after, location, content_type) =
            (header(RETRY_AFTER), header(LOCATION), header(CONTENT_TYPE));
        let classify = |body: &[u8]| {
            classify(
                request,
                status.as_u16(),
                retry_after.as_deref(),
                location.as_deref(),
                content_type.as_deref(),
                body,
            )
        };
        // Only messages are quoted to people, and only failures have one.
        classify(&body).or_else(|failure| match self.secrets.strip(&body) {
            Some(clean) => classify(&clean),
            None => Err(failure),
        })
    }
}

impl ScimPort for ScimClient {
    async fn execute(&self, request: &ScimRequest) -> Exchange {
        let _permit = self.permits.acquire().await.expect("nobody closes the permits");
        #[expect(
            clippy::disallowed_methods,
            reason = "how long a request took is measured here, nothing is decided"
        )]
        let started = Instant::now();
        let (status, result) = self.send(request).await;
        let elapsed_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        Exchange { line: request.line(), status, elapsed_ms, result }
    }
}

enum BodyEnd {
    Whole,
    TooLarge,
    Broken(reqwest::Error),
}

/// The bound for an answer, in bytes.
fn largest(request: &ScimRequest) -> usize {
    match request {
        ScimRequest::GetGroup { .. } | ScimRequest::PatchGroup { .. } => LARGEST_GROUP_BYTES,
        _ => LARGEST_ANSWER_BYTES,
    }
}

/// Reads a body up to the bound, and says how it ended.
async fn read_body(mut response: Response, largest: usize) -> (Vec<u8>, BodyEnd) {
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(None) => return (body, BodyEnd::Whole),
            Ok(Some(chunk)) if body.len() + chunk.len() > largest => return (body, BodyEnd::TooLarge),
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Err(error) => return (body, BodyEnd::Broken(error)),
        }
    }
}

/// A request to which no answer came. Only a connection that was never made proves that nothing was sent.
fn not_answered(error: &reqwest::Error) -> Failure {
    let (kind, what) = if error.is_connect() {
        (FailureKind::Unreachable, "no connection")
    } else if error.is_builder() {
        (FailureKind::Invalid, "the request cannot be written")
    } else if error.is_timeout() {
        (FailureKind::NoAnswer, "no answer in time")
    } else {
        (FailureKind::NoAnswer, "the connection broke before the answer")
    };
    let reason = fault_of(error).and_then(tls::reason).map(|reason| format!("{reason}: "));
    Failure::new(kind, None, &format!("{what}: {}{}", reason.unwrap_or_default(), causes(error)))
}

/// An error's causes, without the outermost one, which would only quote the URL.
fn causes(error: &reqwest::Error) -> String {
    let all: Vec<String> = sources(error).map(ToString::to_string).collect();
    if all.is_empty() { "no further reason is known".to_owned() } else { all.join(": ") }
}

fn sources(error: &reqwest::Error) -> impl Iterator<Item = &(dyn Error + 'static)> {
    std::iter::successors(error.source(), |cause| (*cause).source())
}

#[cfg(test)]
#[path = "scripted_server.rs"]
mod scripted_server;
#[cfg(test)]
#[path = "client_tests.rs"]
mod tests;
