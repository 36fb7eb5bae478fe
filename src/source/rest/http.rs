//! Requests to a system: authenticated, paced, tried again where that may help, and sent to nobody else.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::super::SourceError;
use super::call::set;
use super::failed::{Failed, causes, not_answered, refused};
use super::moment::Asked;
use super::pace::Pace;
use super::token::{self, Tokens};
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
    has_answered: AtomicBool,
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
        Ok(Self { client, rules: rules.clone(), tokens, pace, system, has_answered: AtomicBool::new(false) })
    }

    /// The system's address, as it may be shown.
    pub(super) fn system(&self) -> &str {
        &self.system
    }

    /// Whether it has answered anything but that it is busy or down.
    pub(super) fn has_answered(&self) -> bool {
        self.has_answered.load(Ordering::Relaxed)
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
    /// With POST the configured `body` is sent, unless this is another one.
    pub(super) async fn ask(
        &self,
        method: &Method,
        url: &Url,
        body: Option<&str>,
        may: &[u16],
    ) -> Result<Response, SourceError> {
        let mut url = url.clone();
        let (mut attempt, mut redirects, mut renewed) = (1, 0, false);
        loop {
            let answered = match self.prepare(method, &url, body).await {
                Ok(prepared) => self.send(prepared).await,
                Err(failed) => Err(failed),
            };
            let failed = match answered {
                Ok(response) => {
                    let status = response.status();
                    let is_away = matches!(status.as_u16(), 429 | 502..=504 | 509 | 520..=529);
                    self.has_answered.fetch_or(!is_away, Ordering::Relaxed);
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
                    refused(status, response.headers())
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

    async fn prepare(
        &self,
        method: &Method,
        url: &Url,
        body: Option<&str>,
    ) -> Result<RequestBuilder, Failed> {
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
            let body = body.or(self.rules.body.as_deref()).unwrap_or("{}");
            request = request.header(CONTENT_TYPE, "application/json").body(body.to_owned());
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
