//! `{name}` in the texts of `[source.rest]`: the keys of `[source.account]`.

use secrecy::ExposeSecret;

use super::super::error::ConfigError;
use super::super::secret::Secret;
use super::AccountSettings;

/// Puts the account's keys into texts, and collects what is wrong.
pub(super) struct Account<'s> {
    kind: &'s str,
    settings: &'s AccountSettings,
    hints: Vec<(String, String)>,
    errors: &'s mut Vec<ConfigError>,
}

/// What may stand in a text, and where its expansion goes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// A part of an address: nothing in it may lead to another one.
    Address,
    /// A text that may be shown.
    Open,
    /// A header or credential.
    Secret,
}

impl<'s> Account<'s> {
    /// The account of a source of this kind; `hints` say where a customer finds a key.
    pub(super) fn new(
        kind: &'s str,
        settings: &'s AccountSettings,
        hints: Vec<(String, String)>,
        errors: &'s mut Vec<ConfigError>,
    ) -> Self {
        Self { kind, settings, hints, errors }
    }

    /// Notes a fault of a key below `source.rest`.
    pub(super) fn fault(&mut self, key: &str, message: impl Into<String>) {
        self.errors.push(ConfigError::new(format!("source.rest.{key}"), message));
    }

    /// Notes a fault of any key.
    pub(super) fn note(&mut self, key: &str, value: &str, message: impl Into<String>) {
        self.errors.push(ConfigError::with_value(key, value, message));
    }

    /// The source's kind.
    pub(super) fn kind(&self) -> &'s str {
        self.kind
    }

    /// A text with the account's keys in it; `kept` are names that stay, as they stand for something at run time.
    pub(super) fn fill(&mut self, key: &str, text: &str, place: Place, kept: &[&str]) -> String {
        let mut filled = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find('{') {
            filled.push_str(&rest[..at]);
            rest = &rest[at..];
            let name = rest[1..].split_once('}').map_or("", |(name, _)| name);
            let is_name =
                !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
            if is_name && !kept.contains(&name) {
                let whole = rest.len() == text.len() && rest.len() == name.len() + 2;
                filled.push_str(&self.value(key, name, place, whole));
                rest = &rest[name.len() + 2..];
            } else {
                filled.push('{');
                rest = &rest[1..];
            }
        }
        filled.push_str(rest);
        filled
    }

    /// A secret with the account's keys in it.
    pub(super) fn secret(&mut self, key: &str, secret: &Secret) -> Secret {
        // A key in PEM or a password may hold braces of its own; only a text that is nothing but one name stands for a key.
        let text = secret.as_secret().expose_secret();
        let only = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
        let is_name = |name: &str| {
            !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
        };
        match only.filter(|name| is_name(name)) {
            Some(_) => Secret::new(self.fill(key, text, Place::Secret, &[])),
            None => secret.clone(),
        }
    }

    fn value(&mut self, key: &str, name: &str, place: Place, whole: bool) -> String {
        let account = self.settings;
        let open = [
            ("company", &account.company),
            ("host", &account.host),
            ("report_url", &account.report_url),
            ("username", &account.username),
            ("client_id", &account.client_id),
            ("certificate_file", &account.certificate_file),
        ];
        let secret = [
            ("password", &account.password),
            ("api_key", &account.api_key),
            ("token", &account.token),
            ("account_token", &account.account_token),
            ("client_secret", &account.client_secret),
            ("assertion", &account.assertion),
            ("private_key", &account.private_key),
        ];
        if let Some((_, value)) = open.iter().find(|(known, _)| *known == name) {
            let value = value.as_ref().cloned().unwrap_or_default();
            let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '~' | ':');
            if value.is_empty() {
                self.missing(name);
                // What stands here goes on being looked at, so that all faults are told at once.
                return if whole { "https://missing.invalid" } else { "missing" }.to_owned();
            }
            if place == Place::Address && !whole && !value.chars().all(fits) {
                let message = "becomes part of an address; write letters, digits, '.', '-' and '_' alone";
                self.errors.push(ConfigError::with_value(format!("source.account.{name}"), &value, message));
            }
            return value;
        }
        if let Some((_, value)) = secret.iter().find(|(known, _)| *known == name) {
            if place != Place::Secret {
                let message =
                    format!("would show the secret {{{name}}}; it may stand in headers and auth alone");
                self.fault(key, message);
                return String::new();
            }
            let value = value.as_ref().map(|secret| secret.as_secret().expose_secret().to_owned());
            if value.as_ref().is_none_or(String::is_empty) {
                self.missing(name);
                return "missing".to_owned();
            }
            return value.unwrap_or_default();
        }
        self.fault(key, format!("names {{{name}}}, which is no key of source.account"));
        String::new()
    }

    fn missing(&mut self, name: &str) {
        let hint = self.hints.iter().find(|(key, _)| key == name).map(|(_, hint)| hint.as_str());
        let hint = hint.map_or(String::new(), |hint| format!(": {hint}"));
        let key = format!("source.account.{name}");
        if self.errors.iter().all(|error| error.key != key) {
            self.errors
                .push(ConfigError::new(key, format!("is required for kind = \"{}\"{hint}", self.kind)));
        }
    }
}
