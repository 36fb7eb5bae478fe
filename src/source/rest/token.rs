//! OAuth 2: a token is asked for, kept until it expires, and asked for anew where a system no longer takes it.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use tokio::sync::Mutex;
use tokio::time::Instant;
use url::form_urlencoded;

use crate::config::rest::{ClientAuth, TokenFormat, TokenRules};
use crate::core::json::{StreamPath, text, walk};

/// A token lives this much shorter for us, so that it does not expire on the way.
const MARGIN: Duration = Duration::from_secs(30);

/// The newest token.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    newest: Mutex<Option<Token>>,
}

#[derive(Clone, Debug)]
struct Token {
    value: SecretString,
    until: Option<Instant>,
}

impl Tokens {
    /// The token that is still good.
    pub(super) async fn good(&self) -> Option<SecretString> {
        let newest = self.newest.lock().await;
        let token = newest.as_ref()?;
        token.until.is_none_or(|until| Instant::now() < until).then(|| token.value.clone())
    }

    /// A read begins: a token of the read before is used only where it is known how long it is good for.
    pub(super) async fn begin(&self) {
        let mut newest = self.newest.lock().await;
        if newest.as_ref().is_some_and(|token| token.until.is_none()) {
            *newest = None;
        }
    }

    /// The system does not take it any more.
    pub(super) async fn forget(&self) {
        *self.newest.lock().await = None;
    }

    /// Keeps the token of an answer, and gives it back: one that expires at once is good for the request that it was asked for.
    ///
    /// # Errors
    /// Where there is none in it; nothing of the answer is quoted.
    pub(super) async fn keep(&self, rules: &TokenRules, body: &[u8]) -> Result<SecretString, &'static str> {
        let root = StreamPath::parse("$").map_err(|_| "")?;
        let expires = StreamPath::parse("$.expires_in").map_err(|_| "")?;
        let found = walk(body, &root, &[&rules.token, &expires], |_| Ok::<_, ()>(()));
        let found = found.map_err(|_| "its answer is no JSON")?;
        let word = |at: usize| {
            let value: Option<&Value> = found.others[at].as_ref();
            value.and_then(|value| text(&[value], false).ok()).map(|text| text.into_owned())
        };
        let value =
            word(0).filter(|token| !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic()));
        let value = value.ok_or("its answer holds no token; correct source.rest.auth.token_path")?;
        let lifetime = word(1).and_then(|seconds| seconds.parse::<u32>().ok());
        let until = lifetime.map(|seconds| {
            let lifetime = Duration::from_secs(seconds.into());
            Instant::now() + lifetime.saturating_sub(MARGIN.min(lifetime / 10))
        });
        let value = SecretString::from(value);
        *self.newest.lock().await = Some(Token { value: value.clone(), until });
        Ok(value)
    }
}

/// What is sent to ask for a token: the content type, the body, and the `Authorization` header if there is one.
pub(super) fn request(
    rules: &TokenRules,
    assertion: Option<&SecretString>,
) -> (&'static str, SecretString, Option<SecretString>) {
    let secret = rules.client_secret.as_ref().map(|secret| secret.as_secret().expose_secret());
    let mut fields: Vec<(&str, &str)> = Vec::new();
    if !rules.grant_type.is_empty() {
        fields.push(("grant_type", &rules.grant_type));
    }
    let mut authorization = None;
    match rules.client_auth {
        ClientAuth::Body => {
            fields.push(("client_id", &rules.client_id));
            fields.extend(secret.map(|secret| ("client_secret", secret)));
        }
        ClientAuth::Basic => {
            let pair = BASE64.encode(format!("{}:{}", rules.client_id, secret.unwrap_or_default()));
            authorization = Some(SecretString::from(format!("Basic {pair}")));
        }
    }
    fields.extend(rules.scope.as_deref().map(|scope| ("scope", scope)));
    fields.extend(
        rules.parameters.iter().map(|(name, value)| (name.as_str(), value.as_secret().expose_secret())),
    );
    fields.extend(assertion.map(|assertion| ("assertion", assertion.expose_secret())));
    let (content_type, body) = match rules.format {
        TokenFormat::Form => {
            let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
            ("application/x-www-form-urlencoded", form)
        }
        TokenFormat::Json => {
            let members = fields.into_iter().map(|(name, value)| (name.to_owned(), Value::from(value)));
            ("application/json", Value::Object(members.collect()).to_string())
        }
    };
    (content_type, body.into(), authorization)
}
