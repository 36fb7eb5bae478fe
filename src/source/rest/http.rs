//! Requests to a system: authenticated, paced, tried again where that may help, and sent to nobody else.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use chrono::{DateTime, Utc};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::header::{
    ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION, RETRY_AFTER,
};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::super::SourceError;
use super::moment::{Asked, time_of};
use super::pace::Pace;
use super::token::{self, Tokens};
use super::turn::set;
use super::{saml, shown, tls};
use crate::config::rest::{ApiKeyPlace, AuthRules, RestRules, TokenRules};
use crate::tls::http_client;

/// A connection that is not made within this is not going to be.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// The largest answer that holds a token.
const LARGEST_TOKEN_ANSWER_BYTES: usize = 256 * 1024;
/// How often a request may be sent on within its own server.
const MOST_REDIRECTS: usize = 3;
/// What stays as it is in one segment of a path.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// It is not there.
pub(super) const NOT_THERE: &[u16] = &[404, 410];

/// The connection to one system, for one read.
pub(super) struct Http {
    client: Client,
    rules: RestRules,
    tokens: Arc<Tokens>,
    pace: Arc<Pace>,
    system: String,
    was_refused: AtomicBool,
}

/// Why an attempt came to nothing.
struct Failed {
    reason: String,
    /// Whether it may be tried again, and what the server asks for.
    again: Option<Option<Duration>>,
}

impl Failed {
    fn for_good(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), again: None }
    }
}

impl Http {
    /// Prepares a connection. Nothing is sent yet.
    pub(super) fn new(rules: &RestRules, tokens: Arc<Tokens>, pace: Arc<Pace>) -> Result<Self, SourceError> {
        let system = shown(&rules.list.url);
        let wrong = |reason: String| SourceError::System { system: system.clone(), reason };
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        let client = http_client(tls::client_config(&rules.tls).map_err(wrong)?)
            .default_headers(headers)
            .read_timeout(rules.pace.silence)
            .timeout(rules.pace.answer)
            .connect_timeout(CONNECT_TIMEOUT)
            .build()
            .map_err(|error| wrong(format!("the HTTP client could not be set up: {}", causes(&error))))?;
        Ok(Self { client, rules: rules.clone(), tokens, pace, system, was_refused: AtomicBool::new(false) })
    }

    /// The system's address, as it may be shown.
    pub(super) fn system(&self) -> &str {
        &self.system
    }

    /// Whether it refused a request for good, and not because it is busy or down.
    pub(super) fn was_refused(&self) -> bool {
        self.was_refused.load(Ordering::Relaxed)
    }

    /// It answered what cannot count.
    pub(super) fn incomplete(&self, reason: String) -> SourceError {
        SourceError::SystemIncomplete { system: self.system.clone(), reason }
    }

    /// It cannot be read.
    pub(super) fn failure(&self, reason: String) -> SourceError {
        SourceError::System { system: self.system.clone(), reason }
    }

    /// The address of one thing: `template` with `id` in its path.
    pub(super) fn address(&self, template: &str, id: &str) -> Result<Url, SourceError> {
        if loses(id) {
            let reason = format!("'{id}' cannot be asked for: in an address it would lead to something else");
            return Err(self.failure(reason));
        }
        let address = template.replace("{id}", &utf8_percent_encode(id, SEGMENT).to_string());
        Url::parse(&address)
            .map_err(|_| self.failure("a path of source.rest makes no address with an id".to_owned()))
    }

    /// An address to which our credentials may go.
    pub(super) fn follow(&self, from: &Url, link: &str) -> Result<Url, SourceError> {
        let url = from
            .join(link)
            .map_err(|_| self.incomplete("its link to the next page is no address".to_owned()))?;
        if !self.is_ours(&url) {
            let reason =
                "it links to another server for the next page, where credentials do not go".to_owned();
            return Err(self.incomplete(reason));
        }
        Ok(url)
    }

    /// Whether an address that the server names is its own, and brings no credentials: they would be sent beside ours.
    fn is_ours(&self, url: &Url) -> bool {
        let is_bare = url.username().is_empty() && url.password().is_none();
        url.origin() == self.rules.list.url.origin() && is_bare
    }

    /// Asks until there is an answer with status 200 or 204, or one of those that it `may` have besides; a DELETE may be answered by 202.
    pub(super) async fn ask(&self, method: &Method, url: &Url, may: &[u16]) -> Result<Response, SourceError> {
        let mut url = url.clone();
        let (mut attempt, mut redirects, mut renewed) = (1, 0, false);
        loop {
            let answered = match self.prepare(method, &url).await {
                Ok(prepared) => self.send(prepared).await,
                Err(failed) => Err(failed),
            };
            let failed = match answered {
                Ok(response) => {
                    let status = response.status();
                    let is_accepted = status == StatusCode::ACCEPTED && method == Method::DELETE;
                    if matches!(status, StatusCode::OK | StatusCode::NO_CONTENT) || is_accepted {
                        return Ok(response);
                    }
                    if may.contains(&status.as_u16()) {
                        return Ok(response);
                    }
                    if status == StatusCode::UNAUTHORIZED && !renewed && self.token_rules().is_some() {
                        // The token may have been taken back before its time.
                        renewed = true;
                        self.tokens.forget().await;
                        continue;
                    }
                    if status.is_redirection() && redirects < MOST_REDIRECTS {
                        redirects += 1;
                        url = self.redirected(method, &url, &response)?;
                        continue;
                    }
                    let failed = refused(status, response.headers());
                    let is_for_good = status.is_client_error() && failed.again.is_none();
                    self.was_refused.fetch_or(is_for_good, Ordering::Relaxed);
                    failed
                }
                Err(failed) => failed,
            };
            self.wait(failed, attempt).await?;
            attempt += 1;
        }
    }

    /// Waits before the next attempt, where one may help.
    async fn wait(&self, failed: Failed, attempt: u32) -> Result<(), SourceError> {
        let pace = &self.rules.pace;
        let Failed { reason, again } = failed;
        let Some(asked) = again else { return Err(self.failure(reason)) };
        if attempt >= pace.max_attempts {
            return Err(
                self.failure(format!("{reason}; that was attempt {attempt} of {}", pace.max_attempts))
            );
        }
        if let Some(asked) = asked.filter(|asked| *asked > pace.retry_cap) {
            let reason = format!(
                "{reason}, and asks to wait {} s, longer than source.rest.retry_cap_seconds",
                asked.as_secs()
            );
            return Err(self.failure(reason));
        }
        tokio::time::sleep(asked.unwrap_or_else(|| self.pause(attempt))).await;
        Ok(())
    }

    /// How long to wait after a failed attempt where nobody says so.
    pub(super) fn pause(&self, attempt: u32) -> Duration {
        let pace = &self.rules.pace;
        pace.retry_base.saturating_mul(2_u32.saturating_pow(attempt.saturating_sub(1))).min(pace.retry_cap)
    }

    /// How often a request is tried.
    pub(super) fn max_attempts(&self) -> u32 {
        self.rules.pace.max_attempts
    }

    fn redirected(&self, method: &Method, from: &Url, response: &Response) -> Result<Url, SourceError> {
        let status = response.status().as_u16();
        let location = response.headers().get(LOCATION).and_then(|location| location.to_str().ok());
        let url = location.and_then(|location| from.join(location).ok());
        let Some(url) = url else {
            return Err(
                self.failure(format!("it answers with a redirect (status {status}) that leads nowhere"))
            );
        };
        if !self.is_ours(&url) || method != Method::GET {
            let mut to = url.clone();
            to.set_path("");
            let reason = format!(
                "it answers with a redirect (status {status}) to {}, where credentials do not go; correct source.rest.url",
                shown(&to)
            );
            return Err(self.failure(reason));
        }
        Ok(url)
    }

    fn token_rules(&self) -> Option<&TokenRules> {
        match &self.rules.auth {
            AuthRules::Oauth2(rules) => Some(rules),
            _ => None,
        }
    }

    async fn prepare(&self, method: &Method, url: &Url) -> Result<RequestBuilder, Failed> {
        let mut url = url.clone();
        let mut authorization = None;
        let mut key_header = None;
        match &self.rules.auth {
            AuthRules::None => {}
            AuthRules::Basic { username, password } => {
                let pair = format!(
                    "{}:{}",
                    username.as_secret().expose_secret(),
                    password.as_secret().expose_secret()
                );
                authorization = Some(SecretString::from(format!("Basic {}", BASE64.encode(pair))));
            }
            AuthRules::Bearer { token } => authorization = Some(bearer(token.as_secret())),
            AuthRules::ApiKey { key, place: ApiKeyPlace::Query, name } => {
                let key = key.as_secret().expose_secret();
                // A link of the server's own may hold the key already.
                if url.query_pairs().any(|(known, _)| known == name.as_str()) {
                    set(&mut url, name, key);
                } else {
                    url.query_pairs_mut().append_pair(name, key);
                }
            }
            AuthRules::ApiKey { key, name, .. } => key_header = Some((name, key)),
            AuthRules::Oauth2(rules) => authorization = Some(bearer(&self.token(rules).await?)),
        }
        let mut request = self.client.request(method.clone(), url);
        if method == Method::POST {
            let body = self.rules.body.clone().unwrap_or_else(|| "{}".to_owned());
            request = request.header(CONTENT_TYPE, "application/json").body(body);
        }
        for (name, value) in self.rules.headers.iter().map(|(name, value)| (name, value)).chain(key_header) {
            let name = HeaderName::from_bytes(name.as_bytes())
                .map_err(|_| Failed::for_good("a header's name cannot be sent"))?;
            request = request.header(name, sensitive(value.as_secret())?);
        }
        if let Some(value) = authorization {
            request = request.header(AUTHORIZATION, sensitive(&value)?);
        }
        Ok(request)
    }

    async fn send(&self, request: RequestBuilder) -> Result<Response, Failed> {
        self.pace.wait().await;
        request.send().await.map_err(|error| not_answered(&error))
    }

    async fn token(&self, rules: &TokenRules) -> Result<SecretString, Failed> {
        if let Some(token) = self.tokens.good().await {
            return Ok(token);
        }
        // Another one for each attempt: an assertion counts once.
        let assertion = match &rules.saml {
            Some(saml) => {
                #[expect(
                    clippy::disallowed_methods,
                    reason = "it names an assertion; nobody's access is decided by it"
                )]
                let id = rand::random();
                let made = saml::assertion(saml, rules.url.as_str(), id, Asked::now().at.into());
                Some(made.map_err(Failed::for_good)?)
            }
            None => None,
        };
        let (content_type, body, authorization) = token::request(rules, assertion.as_ref());
        let mut request =
            self.client.request(Method::POST, rules.url.clone()).header(CONTENT_TYPE, content_type);
        if let Some(value) = &authorization {
            request = request.header(AUTHORIZATION, sensitive(value)?);
        }
        let of = |mut failed: Failed| {
            failed.reason = format!("no token from {}: {}", shown(&rules.url), failed.reason);
            failed
        };
        let mut response = self.send(request.body(body.expose_secret().to_owned())).await.map_err(of)?;
        let status = response.status();
        if !status.is_success() {
            let mut failed = refused(status, response.headers());
            if matches!(status.as_u16(), 400 | 401 | 403) {
                failed.reason =
                    format!("it refuses our credentials (status {status}); check the client's id and secret");
            }
            return Err(of(failed));
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| of(not_answered(&error)))? {
            if body.len() + chunk.len() > LARGEST_TOKEN_ANSWER_BYTES {
                return Err(of(Failed::for_good("its answer is too large to hold just a token")));
            }
            body.extend_from_slice(&chunk);
        }
        self.tokens.keep(rules, &body).await.map_err(|reason| of(Failed::for_good(reason)))
    }
}

/// Whether an address would lose this id, as a segment of its path (RFC 3986, 5.2.4): no escape keeps it.
pub(super) fn loses(id: &str) -> bool {
    matches!(id, "." | "..")
}

fn bearer(token: &SecretString) -> SecretString {
    format!("Bearer {}", token.expose_secret()).into()
}

fn sensitive(value: &SecretString) -> Result<HeaderValue, Failed> {
    let mut header = HeaderValue::from_str(value.expose_secret()).map_err(|_| {
        Failed::for_good("a credential or header has a line break or another letter that cannot be sent")
    })?;
    header.set_sensitive(true);
    Ok(header)
}

fn refused(status: StatusCode, headers: &HeaderMap) -> Failed {
    let mend = match status.as_u16() {
        401 => "; it does not take our credentials: check source.rest.auth or source.account",
        403 => "; the account may not read this: give it the right to",
        404 => "; nothing is there: check source.rest.url, or the company in source.account",
        429 => "; it is asked too often: lower source.rest.requests_per_minute",
        _ => "",
    };
    let reason = format!("it answers with status {}{mend}", status.as_u16());
    // 509 and 520 to 529 are what hosts and proxies in front of a system say that cannot reach it, or let it rest.
    let is_passing = matches!(status.as_u16(), 408 | 425 | 429 | 500 | 502..=504 | 509 | 520..=529);
    Failed { reason, again: is_passing.then(|| retry_after(headers)) }
}

/// Seconds, or a date that is counted from the answer's own. A fraction counts as a whole second, and what no number holds as the most.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let (whole, fraction) = value.split_once('.').unwrap_or((value, ""));
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !whole.is_empty() && is_digits(whole) && is_digits(fraction) {
        let more = u64::from(fraction.bytes().any(|digit| digit != b'0'));
        return Some(Duration::from_secs(whole.parse::<u64>().unwrap_or(u64::MAX).saturating_add(more)));
    }
    let until: DateTime<Utc> = httpdate::parse_http_date(value).ok()?.into();
    (until - time_of(headers)).to_std().ok()
}

fn not_answered(error: &reqwest::Error) -> Failed {
    let what = if error.is_connect() {
        "no connection"
    } else if error.is_timeout() {
        "no answer in time (source.rest.timeout_seconds)"
    } else {
        "the connection broke before the answer"
    };
    let reason = format!("{what}: {}", causes(error));
    // A certificate that is not believed now will not be in a second.
    let certificate = reason.contains("certificate");
    Failed { reason, again: (!error.is_builder() && !certificate).then_some(None) }
}

/// An error's causes, without the outermost one, which would quote the address and its query.
pub(super) fn causes(error: &reqwest::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| (*cause).source());
    let all: Vec<String> = causes.map(ToString::to_string).collect();
    if all.is_empty() { "no further reason is known".to_owned() } else { all.join(": ") }
}
