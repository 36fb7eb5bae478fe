//! From the settings of `[source.rest.auth]` to rules.

use url::Url;

use super::account::{Account, Place};
use super::compile::{address, behind, is_token, stream};
use super::rules::{AuthRules, SamlRules, TokenRules};
use super::{ApiKeyPlace, RestAuthKind, RestAuthSettings, SamlSettings};
use crate::config::Secret;

/// The parameter of RFC 7522 that an assertion is sent as.
const ASSERTION: &str = "assertion";

pub(super) fn compile(
    auth: &RestAuthSettings,
    base: Option<&Url>,
    account: &mut Account<'_>,
) -> Option<AuthRules> {
    match auth.kind {
        RestAuthKind::None => Some(AuthRules::None),
        RestAuthKind::Basic => {
            let username = open("auth.username", auth.username.as_ref(), account);
            let password = secret("auth.password", auth.password.as_ref(), account);
            Some(AuthRules::Basic { username: Secret::new(username?), password: password? })
        }
        RestAuthKind::Bearer => {
            Some(AuthRules::Bearer { token: secret("auth.token", auth.token.as_ref(), account)? })
        }
        RestAuthKind::ApiKey => {
            let key = secret("auth.api_key", auth.api_key.as_ref(), account);
            if auth.api_key_in == ApiKeyPlace::BasicUser {
                return Some(AuthRules::Basic { username: key?, password: Secret::new("x".to_owned()) });
            }
            let name = open("auth.api_key_name", auth.api_key_name.as_ref(), account)?;
            if auth.api_key_in == ApiKeyPlace::Header && !is_token(&name) {
                account.fault("auth.api_key_name", "is no name of a header");
            }
            Some(AuthRules::ApiKey { key: key?, place: auth.api_key_in, name })
        }
        RestAuthKind::Oauth2 => token(auth, base, account).map(|rules| AuthRules::Oauth2(Box::new(rules))),
    }
}

fn token(auth: &RestAuthSettings, base: Option<&Url>, account: &mut Account<'_>) -> Option<TokenRules> {
    let grant_type = auth.grant_type.clone().unwrap_or_else(|| "client_credentials".to_owned());
    let client_id = open("auth.client_id", auth.client_id.as_ref(), account);
    // An assertion is signed; the client that shows it needs no secret of its own.
    let client_secret = match &auth.client_secret {
        None if grant_type != "client_credentials" => None,
        given => Some(secret("auth.client_secret", given.as_ref(), account)?),
    };
    let url = open("auth.token_url", auth.token_url.as_ref(), account)?;
    let url = if url.starts_with('/') { behind(base?, &url) } else { url };
    let url = address("auth.token_url", &url, account);
    let mut parameters = Vec::new();
    for (name, value) in &auth.token_parameters {
        parameters.push((name.clone(), account.secret(&format!("auth.token_parameters.{name}"), value)));
    }
    // Whoever has an assertion made elsewhere shows that one.
    let saml = auth.saml.as_ref().filter(|_| !auth.token_parameters.contains_key(ASSERTION));
    let saml = match saml {
        Some(settings) => Some(self::saml(settings, account)?),
        None => None,
    };
    let path = stream("auth.token_path", auth.token_path.as_deref().unwrap_or("$.access_token"), account);
    Some(TokenRules {
        url: url?,
        grant_type,
        client_id: client_id?,
        client_secret,
        scope: auth.scope.clone(),
        client_auth: auth.client_auth,
        format: auth.token_format,
        parameters,
        saml,
        token: path.filter(|path| path.is_single())?,
    })
}

fn saml(settings: &SamlSettings, account: &mut Account<'_>) -> Option<SamlRules> {
    let mut texts = vec![
        ("subject".to_owned(), &settings.subject),
        ("issuer".to_owned(), &settings.issuer),
        ("audience".to_owned(), &settings.audience),
    ];
    texts.extend(settings.attributes.iter().map(|(name, value)| (format!("attributes.{name}"), value)));
    let mut filled = Vec::new();
    for (name, value) in &texts {
        let key = format!("auth.saml.{name}");
        // XML has no way to write them.
        if name.chars().chain(value.chars()).any(char::is_control) {
            account.fault(&key, "holds a control character");
        }
        filled.push(open(&key, Some(value), account));
    }
    let private_key = secret("auth.saml.private_key", settings.private_key.as_ref(), account);
    let mut filled = filled.into_iter();
    let (subject, issuer, audience) = (filled.next()??, filled.next()??, filled.next()??);
    let attributes = settings.attributes.keys().cloned().zip(filled.map(Option::unwrap_or_default)).collect();
    Some(SamlRules { subject, issuer, audience, attributes, private_key: private_key? })
}

fn open(key: &str, value: Option<&String>, account: &mut Account<'_>) -> Option<String> {
    let Some(value) = value.filter(|value| !value.is_empty()) else {
        account.fault(key, "is required for this kind of authentication");
        return None;
    };
    Some(account.fill(key, value, Place::Open, &[]))
}

fn secret(key: &str, value: Option<&Secret>, account: &mut Account<'_>) -> Option<Secret> {
    let Some(value) = value.filter(|value| !value.is_empty()) else {
        account
            .fault(key, format!("is required for this kind of authentication (or source.rest.{key}_file)"));
        return None;
    };
    Some(account.secret(key, value))
}
